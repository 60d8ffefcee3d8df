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


"""The page of recovery cases names tests that exist."""

import ast
import pathlib
import re

from oslotest import base

TOP = pathlib.Path(__file__).resolve().parents[4]
PAGE = TOP / 'doc/source/contributor/recovery-cases.rst'
ROOTS = ('nova_failover_ext/tests/unit', 'nova_failover_ext/tests/functional',
         'cloud/tests')
NO_TEST = 'no test'


def rows():
    """Return the cells of each row."""
    _title, *found = re.split(r'\n   \* - ', PAGE.read_text())
    return [[' '.join(cell.split()) for cell in re.split(r'\n     - ', row)]
            for row in found if not row.startswith('Case\n')]


def exists(name):
    """Return whether a module, a class or a method of that name exists.

    :param name: such as ``virt.test_libvirt.Guest.test_shows``; the packages
        may be left out
    """
    path = re.match(r'([a-z_]+\.)*test_\w+', name)
    inside = name[path.end():].split('.')[1:]
    wanted = path[0].replace('.', '/') + '.py'
    return any(_has(ast.parse(module.read_text()), inside)
               for root in ROOTS for module in (TOP / root).rglob('test_*.py')
               if f'/{module.relative_to(TOP / root)}'.endswith(f'/{wanted}'))


def _has(tree, names):
    for name in names:
        tree = next((node for node in tree.body if getattr(
            node, 'name', '') == name), None)
        if tree is None:
            return False
    return True


class CasesPage(base.BaseTestCase):

    def test_every_test_exists(self):
        for case, tests, _before, _now in rows():
            names = [name for name in re.findall(r'``([^`]+)``', tests)
                     if not name.startswith('tox ')]
            self.assertTrue(names or tests == NO_TEST, case)
            for name in names:
                self.assertTrue(exists(name), f'{case}: {name}')

    def test_what_does_not_exist(self):
        self.assertTrue(exists('test_cases_page.CasesPage'))
        self.assertTrue(exists('recovery.test_cases_page'))
        for name in ('test_no_such_module', 'engine.test_cases_page',
                     'test_cases_page.NoSuchClass',
                     'test_cases_page.CasesPage.test_no_such_test'):
            self.assertFalse(exists(name), name)
