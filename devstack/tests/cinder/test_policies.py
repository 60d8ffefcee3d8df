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

"""The policies that the documentation names are Cinder's."""

import pathlib
import re

from cinder import policies
from oslotest import base

PAGE = (pathlib.Path(__file__).resolve().parents[3]
        / 'doc' / 'source' / 'admin' / 'policies.rst')


class TestPolicies(base.BaseTestCase):

    def test_names(self):
        """Cinder has every policy that the page names."""
        named = set(re.findall(r'``(volume[_a-z]*:[:_a-z]+)``',
                               PAGE.read_text()))
        self.assertIn('volume:attachment_update', named)
        self.assertEqual(
            set(), named - {rule.name for rule in policies.list_rules()})
