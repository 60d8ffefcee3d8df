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

from oslotest import base

from tools.patches import trailers
from tools.tests import series

CHANGE_ID = f'Change-Id: I{"0a" * 20}'
GOOD = f'{series.message("Do it")}\n{CHANGE_ID}\n'


class TestParse(base.BaseTestCase):

    def test_last_paragraph(self):
        self.assertEqual(
            [('Generated-By', trailers.PLACEHOLDER),
             ('Change-Id', f'I{"0a" * 20}')], trailers.parse(GOOD))

    def test_text(self):
        self.assertEqual([], trailers.parse(f'{GOOD}and more'))


class TestFaults(base.BaseTestCase):

    def _assert_fault(self, text, message, **kwargs):
        (fault,) = trailers.faults(message, **kwargs)
        self.assertIn(text, fault)

    def test_good(self):
        self.assertEqual([], trailers.faults(GOOD))

    def test_no_change_id(self):
        self._assert_fault('Change-Id', series.message('Do it'))

    def test_change_id_not_made_by_the_hook(self):
        self._assert_fault('Change-Id', GOOD.replace('0a', '0g'))

    def test_change_id_not_in_the_last_paragraph(self):
        self._assert_fault('Change-Id', GOOD.replace(
            'Why.', CHANGE_ID).replace(f']\n{CHANGE_ID}', ']'))

    def test_tool_is_named(self):
        self._assert_fault('Generated-By', GOOD.replace(
            trailers.PLACEHOLDER, 'tool [model]'))

    def test_placeholder_is_left(self):
        self._assert_fault('tool [model]', GOOD, tool='tool [model]')

    def test_nobody_signs_it_off(self):
        self._assert_fault('A <a@b>', f'{GOOD}Signed-off-by: A <a@b>\n')

    def test_somebody_else_signs_it_off(self):
        self._assert_fault('A <a@b>', f'{GOOD}Signed-off-by: A <a@b>\n',
                           person='B <b@b>')

    def test_person_signs_it_off(self):
        self.assertEqual([], trailers.faults(
            f'{GOOD}Signed-off-by: A <a@b>\n', person='A <a@b>'))

    def test_signed_off_in_the_text(self):
        self._assert_fault('A <a@b>', GOOD.replace(
            'Why.', 'signed-off-by: A <a@b>'))

    def test_co_author(self):
        self._assert_fault('Co-Authored-By',
                           f'{GOOD}Co-authored-by: tool <a@b>\n')

    def test_long_line(self):
        self._assert_fault('72 columns', GOOD.replace('Why.', 'w' * 73))

    def test_long_link(self):
        self.assertEqual([], trailers.faults(
            GOOD.replace('Why.', f'https://{"w" * 73}')))

    def test_second_line(self):
        self._assert_fault('second line', GOOD.replace('\n\nWhy', '\nWhy'))


class TestFill(base.BaseTestCase):

    def test_nothing_to_fill_in(self):
        self.assertEqual(GOOD, trailers.fill(GOOD, None, None))

    def test_both(self):
        self.assertEqual(
            GOOD.replace(trailers.PLACEHOLDER, 'tool [model]') +
            'Signed-off-by: A <a@b>\n',
            trailers.fill(GOOD, 'tool [model]', 'A <a@b>'))

    def test_twice(self):
        once = trailers.fill(GOOD, 'tool [model]', 'A <a@b>')
        self.assertEqual(once, trailers.fill(once, 'tool [model]', 'A <a@b>'))
