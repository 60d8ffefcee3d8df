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

import fixtures
from oslotest import base

from tools.patches import check
from tools.patches import projects


class TestModules(base.BaseTestCase):

    def test_own_tests(self):
        self.assertEqual(
            ['nova.tests.unit.test_a', 'nova.tests.functional.b.test_c'],
            check.own_tests('nova', [
                'nova/tests/unit/test_a.py',
                'nova/tests/functional/b/test_c.py',
                'nova/tests/unit/fake_a.py',
                'nova/tests/fixtures/test_d.py',
                'nova/compute/test_e.py',
                'doc/nova/tests/unit/test_f.py',
                'nova/tests/unit/test_g.py.orig']))

    def test_there(self):
        tree = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        tree.joinpath('nova').mkdir()
        tree.joinpath('nova', 'test_a.py').touch()
        self.assertEqual(['nova.test_a'],
                         check.there(tree, ['nova.test_a', 'nova.test_b']))


class TestSeries(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        folder = self.useFixture(fixtures.TempDir()).path
        self.useFixture(fixtures.MonkeyPatch(
            'tools.patches.projects.SERIES', pathlib.Path(folder)))
        self.project = projects.Project('nova', {}, ())

    def _patch(self, release):
        folder = self.project.folder(release)
        folder.mkdir(parents=True)
        folder.joinpath('0001-It.patch').touch()

    def test_newest_release_by_default(self):
        self._patch('9.10.0')
        self._patch('10.0.0')
        release, patches = self.project.patches(None)
        self.assertEqual('10.0.0', release)
        self.assertEqual(['0001-It.patch'], [path.name for path in patches])

    def test_none(self):
        self.project.folder('34.0.0').mkdir(parents=True)
        error = self.assertRaises(projects.Problem, self.project.patches, None)
        self.assertEqual('There is no series in patches/nova/.', str(error))

    def test_not_of_that_release(self):
        self._patch('34.0.0')
        self.assertRaises(projects.Problem, self.project.patches, '33.0.0')
