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

"""Every option with every kind of wrong value, as cinder-volume meets it."""

from typing import Any

from cinder import objects
import fixtures
from oslo_config import cfg
from oslo_config import types
import testtools

objects.register_all()

from cinder.volume import manager as stock  # noqa: E402, H306

from cinder_failover_hooks import conf  # noqa: E402
from cinder_failover_hooks import exception  # noqa: E402
from cinder_failover_hooks import manager  # noqa: E402
from cinder_failover_hooks import option_values  # noqa: E402
from cinder_failover_hooks.tests.unit import base  # noqa: E402

#: Options of which any text is right.
FREE_TEXT: set[str] = set()


def wrong_values(option: cfg.Opt) -> list[str]:
    """Return values that an option must refuse, as an operator writes them.

    :param option: any option of this package
    """
    kind = option.type
    if isinstance(kind, types.Boolean):
        return ['', 'maybe', '$no_such_option']
    if isinstance(kind, types.Number):
        # A number without limits has no place here.
        assert kind.min is not None and kind.max is not None
        return ['', 'many', 'nan', 'inf', '$no_such_option',
                str(kind.min - 1), str(kind.max + 1)]
    if isinstance(kind, types.List):
        return ['', ',', 'one,,two', '$no_such_option']
    return []


def read(case: testtools.TestCase, text: str) -> cfg.ConfigOpts:
    """Return a configuration with the options of this package.

    :param case: the test
    :param text: of the file
    """
    path = case.useFixture(base.File(text)).path
    made = cfg.ConfigOpts()
    conf.register_opts(made)
    made(['--config-file', path])
    return made


class TestWrongValues(base.TestCase):
    """What a volume manager refuses."""

    def setUp(self) -> None:
        """Make managers whose base class does nothing."""
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger(format='%(message)s'))
        self.init = self.useFixture(base.Patch(
            stock.VolumeManager, '__init__')).mock

    def _exit_code(self, text: str) -> Any:
        self.log.reset_output()
        with fixtures.MonkeyPatch('cinder_failover_hooks.manager.CONF',
                                  read(self, text)):
            return self.assertRaises(
                SystemExit, manager.FailoverVolumeManager, host='h@b').code

    def test_each_option(self) -> None:
        """One sentence, exit code 3, and Cinder has begun nothing."""
        [(group, options)] = conf.list_opts()
        for option in options:
            wrong = wrong_values(option)
            self.assertEqual(option.name in FREE_TEXT, not wrong, option.name)
            for value in wrong:
                code = self._exit_code(
                    f'[{group.name}]\n{option.name} = {value}\n')
                self.assertEqual(3, code)
                [line] = self.log.output.splitlines()
                self.assertIn(f'[{group.name}] {option.name} = {value!r} in ',
                              line)
                self.assertNotIn('LocationInfo', line)
        self.init.assert_not_called()

    def test_the_sentence(self) -> None:
        """It names what an operator has to mend."""
        self._exit_code('[failover_hooks]\npart_size = 0\n')
        self.assertRegex(
            self.log.output,
            r"^The configuration cannot be used: \[failover_hooks\] part_size "
            r"= '0' in /.*/file: should be greater than or equal to 1\.\n$")


class TestDescribe(base.TestCase):
    """What is said of an option."""

    def setUp(self) -> None:
        """Have an option with a password."""
        super().setUp()
        self.option = cfg.IntOpt('key', secret=True)
        self.groups = [(cfg.OptGroup('some'), [self.option])]

    def _reason(self, *argv: str) -> str:
        made = cfg.ConfigOpts()
        made.register_opts([self.option], group='some')
        made(list(argv), default_config_files=[], default_config_dirs=[])
        return str(self.assertRaises(exception.InvalidOption,
                                     option_values.check, made, self.groups))

    def test_a_secret(self) -> None:
        """The text of the error has the value in it."""
        path = self.useFixture(base.File('[some]\nkey = CANARY\n')).path
        self.assertEqual(f'[some] key in {path}: it makes no sense '
                         '(ConfigFileValueError)',
                         self._reason('--config-file', path))

    def test_a_directory(self) -> None:
        """The last file counts."""
        folder = self.useFixture(fixtures.TempDir())
        for name in ('a.conf', 'b.conf'):
            with open(folder.join(name), 'w') as stream:
                stream.write('[some]\nkey = CANARY\n')
        self.assertIn(f'[some] key in {folder.join("b.conf")}: ',
                      self._reason('--config-dir', folder.path))

    def test_the_environment(self) -> None:
        """It counts more than files do."""
        self.useFixture(fixtures.EnvironmentVariable(
            'OS_SOME__KEY', 'CANARY'))
        self.assertIn('[some] key in OS_SOME__KEY: ', self._reason())

    def test_a_value_that_is_nowhere(self) -> None:
        """Such as an override of a test."""
        made = cfg.ConfigOpts()
        made([], default_config_files=[], default_config_dirs=[])
        self.assertEqual('[some] key', option_values.describe(
            made, 'some', self.option))

    def test_right_values(self) -> None:
        """The defaults, and what an operator may set."""
        option_values.check(self.config(topics=['one']), conf.list_opts())
