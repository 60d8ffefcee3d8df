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

"""The options."""

import subprocess
import sys

import ddt
from oslo_config import cfg

from cinder_failover_hooks import conf
from cinder_failover_hooks.tests.unit import base


@ddt.ddt
class TestOptions(base.TestCase):
    """Registration, defaults and limits."""

    def test_defaults(self) -> None:
        """What an operator gets who sets nothing."""
        options = self.config().failover_hooks
        self.assertTrue(options.enabled)
        self.assertEqual(['failover_notifications'], options.topics)
        self.assertEqual(200, options.part_size)

    def test_registering_twice_is_fine(self) -> None:
        """Each volume manager of a process registers them."""
        conf.register_opts(self.config())

    @ddt.data(('part_size', 0), ('part_size', 10001), ('retry_timeout', -1),
              ('retry_timeout', 86401), ('retry_interval', 0),
              ('retry_max_interval', 0))
    @ddt.unpack
    def test_limits(self, name: str, value: int) -> None:
        """Values that make no sense are refused."""
        self.assertRaises(ValueError, self.config().set_override, name,
                          value, group='failover_hooks')

    def test_the_generator_sees_every_option(self) -> None:
        """The sample configuration and the reference are made of these."""
        [(group, options)] = conf.list_opts()
        self.assertEqual('failover_hooks', str(group))
        self.assertEqual(conf.OPTS, options)
        for option in options:
            self.assertTrue(option.help)

    def test_nothing_is_registered_by_an_import(self) -> None:
        """Only the program that owns the configuration registers."""
        code = ('import sys; from oslo_config import cfg;'
                'import cinder_failover_hooks.conf,'
                ' cinder_failover_hooks.testing.notifications_fixture,'
                ' cinder_failover_hooks.emitter;'
                'sys.exit("failover_hooks" in cfg.CONF)')
        subprocess.run([sys.executable, '-W', 'ignore', '-c', code],
                       check=True)

    def test_configurations_do_not_share_values(self) -> None:
        """Two programs in one process, as in a functional test."""
        self.config(part_size=7)
        self.assertEqual(200, self.config().failover_hooks.part_size)

    def test_options_are_read_from_a_file(self) -> None:
        """Lists and numbers, as an operator writes them."""
        path = self.useFixture(base.File(
            '[failover_hooks]\ntopics = one, two\npart_size = 7\n'))
        made = cfg.ConfigOpts()
        conf.register_opts(made)
        made(['--config-file', path.path])
        self.assertEqual(['one', 'two'], made.failover_hooks.topics)
        self.assertEqual(7, made.failover_hooks.part_size)
