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

from tools import mutation_catalog
from tools import mutations


def _mutation(old, new, **kwargs):
    return mutation_catalog.Mutation(
        'save', 'left out', mutation_catalog.STEPS, old, new, **kwargs)


class TestMutate(base.BaseTestCase):

    def test_old_text_is_replaced(self):
        self.assertEqual('b = 1\n', _mutation('a', 'b').mutate('a = 1\n'))

    def test_old_text_is_gone(self):
        self.assertRaisesRegex(
            mutation_catalog.CannotBeMade, "has 'c' 0 times, not 1",
            _mutation('c', 'b').mutate, 'a = 1\n')

    def test_old_text_is_there_more_often(self):
        self.assertRaisesRegex(
            mutation_catalog.CannotBeMade, "has 'a' 3 times, not 2",
            _mutation('a', 'b', times=2).mutate, 'a = a + a\n')

    def test_nothing_changes(self):
        self.assertRaisesRegex(
            mutation_catalog.CannotBeMade, 'changes nothing',
            _mutation('(a)', 'a').mutate, 'b = (a)\n')

    def test_no_python(self):
        self.assertRaisesRegex(
            mutation_catalog.CannotBeMade, 'invalid syntax',
            _mutation('1', '').mutate, 'a = 1\n')


class TestMutations(base.BaseTestCase):

    def test_each_fits_the_code(self):
        for mutation in mutation_catalog.MUTATIONS:
            mutation.mutate((mutations.TOP / mutation.path).read_text())

    def test_each_has_a_name_of_its_own(self):
        names = [str(mutation) for mutation in mutation_catalog.MUTATIONS]
        self.assertEqual(sorted(set(names)), sorted(names))
