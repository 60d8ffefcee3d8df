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

"""A package that the wheel replaces is caught, by a real pip."""

import pathlib
import venv
import zipfile

import fixtures
from oslotest import base

from tools import wheel_environment

OURS = wheel_environment.DISTRIBUTION


def _wheel(folder, name, version, *requirements):
    # The smallest that pip takes.
    stem = f'{name.replace("-", "_")}-{version}'
    metadata = [f'Name: {name}', f'Version: {version}',
                'Metadata-Version: 2.1', 'Provides-Extra: nova',
                *(f'Requires-Dist: {each}' for each in requirements)]
    path = folder / f'{stem}-py3-none-any.whl'
    with zipfile.ZipFile(path, 'w') as file:
        file.writestr(f'{stem}.dist-info/METADATA', '\n'.join(metadata) + '\n')
        file.writestr(f'{stem}.dist-info/WHEEL',
                      'Wheel-Version: 1.0\nRoot-Is-Purelib: true\n'
                      'Tag: py3-none-any\n')
        file.writestr(f'{stem}.dist-info/RECORD', '')
    return path


class TestReplaced(base.BaseTestCase):

    def test_same(self):
        self.assertEqual([], wheel_environment.replaced(
            {'a': 'a==1'}, {'a': 'a==1'}))

    def test_added(self):
        self.assertEqual([], wheel_environment.replaced(
            {'a': 'a==1'}, {'a': 'a==1', 'b': 'b==1'}))

    def test_other_version(self):
        self.assertEqual(['a==2 became a==1'], wheel_environment.replaced(
            {'a': 'a==2'}, {'a': 'a==1'}))

    def test_removed(self):
        self.assertEqual(['a==2 was removed'], wheel_environment.replaced(
            {'a': 'a==2', 'b': 'b==1'}, {'b': 'b==1'}))


class TestKept(base.BaseTestCase):
    """A service beside a library, whose newest version is 2."""

    def setUp(self):
        super().setUp()
        self.wheels = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        for version in ('1', '2'):
            _wheel(self.wheels, 'library', version)
        _wheel(self.wheels, 'missing', '1')
        _wheel(self.wheels, 'service', '1', 'library')
        for name, value in (('PIP_NO_INDEX', '1'),
                            ('PIP_CONFIG_FILE', '/dev/null'),
                            ('PIP_FIND_LINKS', str(self.wheels))):
            self.useFixture(fixtures.EnvironmentVariable(name, value))
        folder = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        venv.create(folder / 'venv', with_pip=True)
        self.environment = wheel_environment.Environment(folder / 'venv')
        self.environment.call('python', '-m', 'pip', 'install', 'service')

    def check(self, *requirements):
        wheel_environment.check_kept(
            self.environment, _wheel(self.wheels, OURS, '1', *requirements),
            'nova')

    def test_nothing_replaced(self):
        """What was missing is added, and stays."""
        before = self.environment.freeze()
        self.check('library>=1', 'missing; extra == "nova"')
        self.assertEqual(before | {'missing': 'missing==1'},
                         self.environment.freeze())

    def test_replaced(self):
        """A requirement of an extra takes the library back to a version."""
        error = self.assertRaises(
            wheel_environment.Failed, self.check,
            'library<2; extra == "nova"')
        self.assertEqual(
            'on installation, library==2 became library==1', str(error))
