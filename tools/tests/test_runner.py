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

import io
import os
import pathlib
import shutil

import fixtures
from oslotest import base
import subunit
from testtools import content

from tools.patches import git
from tools.patches import runner

MODULE = """\
import os
import pathlib
import shutil
import unittest

class TestIt(unittest.TestCase):
    def test_good(self):
        self.assertEqual('set', os.environ['FROM_PROJECT'])

    def test_bad(self):
        self.fail('on purpose')

    @unittest.skip('not now')
    def test_skipped(self):
        pass
"""


def _stream(*packets):
    stream = io.BytesIO()
    result = subunit.StreamResultToBytes(stream)
    for packet in packets:
        result.status(**packet)
    return stream.getvalue()


class TestRead(base.BaseTestCase):

    def test_statuses(self):
        found = runner.read(_stream(
            {'test_id': 'listed', 'test_status': 'exists'},
            {'test_id': 'good', 'test_status': 'inprogress'},
            {'test_id': 'good', 'test_status': 'success'},
            {'test_id': 'cut off', 'test_status': 'inprogress'},
            {'test_id': 'skipped', 'test_status': 'skip'}))
        self.assertEqual({'good': 'success', 'cut off': 'inprogress',
                          'skipped': 'skip'},
                         {test: one.status for test, one in found.items()})
        self.assertFalse(found['cut off'].passed)
        self.assertFalse(found['cut off'].skipped)

    def test_why_it_failed(self):
        text = content.text_content('why')
        found = runner.read(_stream({
            'test_id': 'bad', 'test_status': 'fail',
            'file_name': 'traceback', 'file_bytes': b'why',
            'mime_type': repr(text.content_type)}))
        self.assertEqual({'bad': runner.Outcome('fail', 'why')}, found)


class TestRun(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.tree = self._package('tree')
        # As a tree of upstream has: nobody asks for it, so that it must not
        # be imported.
        self.tree.joinpath('made_up', 'test_other.py').write_text('1 / 0')

    def _package(self, name):
        tree = self.useFixture(fixtures.TempDir()).join(name)
        os.makedirs(os.path.join(tree, 'made_up'))
        path = pathlib.Path(tree)
        path.joinpath('made_up', '__init__.py').touch()
        path.joinpath('made_up', 'test_it.py').write_text(MODULE)
        return path

    def _run(self, *chosen):
        return runner.run(self.tree, 'made_up', list(chosen),
                          {'FROM_PROJECT': 'set'})

    def test_what_became_of_each(self):
        found = self._run('made_up.test_it')
        self.assertEqual(
            {'good': 'success', 'bad': 'fail', 'skipped': 'skip'},
            {test.rpartition('_')[2]: one.status
             for test, one in found.items()})
        self.assertEqual('AssertionError: on purpose',
                         found['made_up.test_it.TestIt.test_bad'].reason)

    def test_only_one_class(self):
        self.tree.joinpath('made_up', 'test_it.py').write_text(
            MODULE + '\n\nclass TestThat(TestIt):\n    pass\n')
        self.assertEqual(3, len(self._run('made_up.test_it.TestThat')))

    def test_only_one_test(self):
        self.tree.joinpath('made_up', 'test_it.py').write_text(
            MODULE + '\n    def test_good_too(self):\n        pass\n'
            '\n    def test_good_1_case(self):\n        pass\n'
            '\n\nclass TestThat(TestIt):\n    pass\n')
        self.assertCountEqual(
            [f'made_up.test_it.{test}' for test in (
                'TestIt.test_good', 'TestIt.test_good_1_case',
                'TestThat.test_good', 'TestThat.test_good_1_case')],
            self._run('made_up.test_it.TestIt.test_good'))

    def test_what_is_no_test(self):
        self.assertRaises(ValueError, self._run, 'made_up.it')

    def test_git_sees_nothing_of_it(self):
        repository = git.Git(self.tree)
        repository('init')
        repository('add', '--all')
        self._run('made_up.test_it')
        repository('add', '--all')
        self.assertNotIn('series_tests', repository('ls-files'))

    def test_module_that_breaks(self):
        found = self._run('made_up.test_it', 'made_up.test_other')
        self.assertEqual(['series_tests.test_chosen'], list(found))
        self.assertIn('ZeroDivisionError',
                      found['series_tests.test_chosen'].details)

    def test_package_of_the_environment_is_never_taken(self):
        elsewhere = self._package('elsewhere')
        shutil.rmtree(self.tree / 'made_up')
        found = runner.run(self.tree, 'made_up', ['made_up.test_it'],
                           {'PYTHONPATH': str(elsewhere)})
        self.assertEqual(['series_tests.test_chosen'], list(found))
        self.assertIn(f'AssertionError: {elsewhere}',
                      found['series_tests.test_chosen'].details)
