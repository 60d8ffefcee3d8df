# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]

extensions = [
    'openstackdocstheme',
    'oslo_config.sphinxconfiggen',
    'oslo_config.sphinxext',
]

project = 'nova-cinder-failover'
copyright = '2026, nova-cinder-failover developers'
root_doc = 'index'
exclude_patterns: list[str] = []
add_function_parentheses = True
pygments_style = 'native'
html_theme = 'openstackdocs'

openstackdocs_repo_name = 'openstack/nova-cinder-failover'
openstackdocs_auto_name = False
openstackdocs_bug_project = 'nova-cinder-failover'
openstackdocs_bug_tag = 'doc'

# Samples are written next to the pages that offer them.
(ROOT / 'doc' / 'source' / '_static').mkdir(exist_ok=True)
config_generator_config_file = [
    (str(ROOT / 'etc' / 'config-generator' / 'nova-failover.conf'),
     '_static/nova-failover'),
    (str(ROOT / 'etc' / 'config-generator' / 'cinder-failover.conf'),
     '_static/cinder-failover'),
]
