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

"""What the pages have pip install is there to be installed."""

import configparser
import pathlib
import re

from oslotest import base

TOP = pathlib.Path(__file__).resolve().parents[2]
PAGES = (TOP / 'README.rst', TOP / 'etc/kolla/template-overrides.j2',
         *sorted((TOP / 'doc/source/install').glob('*.rst')))
BUILD = 'pip wheel --no-deps --wheel-dir dist .'


def _installed(page):
    # What follows "pip install", with the lines that continue it.
    text = page.read_text().replace('\\\n', ' ')
    return re.findall(r'pip (?:[-a-z]+ )*install +(.*)', text)


class TestInstallPages(base.BaseTestCase):

    def test_never_by_name(self):
        """Nobody has registered it, and anybody could."""
        for page in PAGES:
            for what in _installed(page):
                self.assertNotRegex(
                    what.replace('nova-cinder-failover[', '['),
                    'nova-cinder-failover')
                self.assertRegex(what, r'dist/\S*\.whl|failover_wheel', page)

    def test_extras(self):
        setup = configparser.ConfigParser()
        setup.read(TOP / 'setup.cfg')
        named = {extra for page in PAGES for what in _installed(page)
                 for extra in re.findall(r'\[([a-z]+)\]', what)}
        self.assertEqual(set(setup['extras']), named)

    def test_one_way_to_build(self):
        for page in ('README.rst', 'doc/source/install/index.rst'):
            self.assertIn(BUILD, (TOP / page).read_text())
