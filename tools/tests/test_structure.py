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
import sys

import fixtures
import grimp
from oslotest import base

from tools import structure


def _module(path, lines=1, text='pass\n'):
    return structure.Module(pathlib.PurePosixPath(path), text * lines)


class TestSizes(base.BaseTestCase):

    def test_long_modules(self):
        self.assertEqual({'tools/long.py': 401}, structure.long_modules(
            [_module('tools/long.py', 401), _module('tools/well.py', 400)]))

    def test_long_functions(self):
        line = '    a\n'
        text = f'def well():\n{line * 49}def long():\n{line * 50}'
        self.assertEqual(
            {'tools/a.py: long': 51},
            structure.long_functions([_module('tools/a.py', text=text)]))

    def test_median_is_that_of_the_product(self):
        self.assertEqual(2, structure.median_lines([
            _module('nova_failover_ext/a.py', 2),
            _module('nova_failover_ext/tests/test_a.py', 9),
            _module('tools/b.py', 9)]))

    def test_recurring_names(self):
        self.assertEqual(
            {'a': ['cloud/a.py', 'tools/a.py']},
            structure.recurring_names([
                _module('cloud/a.py'), _module('tools/a.py'),
                _module('cloud/conf.py'), _module('tools/conf.py'),
                _module('cloud/b.py'), _module('cloud/tests/b.py')]))


class TestGraph(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        top = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        for name, text in (('upper', 'from pk{0}.lower import module'),
                           ('lower', ''), ('tests', 'import pk{0}.upper')):
            folder = top / f'pk{id(self)}' / name
            folder.mkdir(parents=True)
            (folder / '__init__.py').write_text(text.format(id(self)))
            (folder / 'module.py').touch()
        (folder.parent / '__init__.py').touch()
        self.name = folder.parent.name
        self.useFixture(fixtures.MonkeyPatch(
            'sys.path', [str(top), *sys.path]))

    def test_imports_of_parts(self):
        graph = grimp.build_graph(self.name, cache_dir=None)
        self.assertEqual({'lower': [], 'upper': ['lower']},
                         structure.imports_of_parts(graph, self.name))
