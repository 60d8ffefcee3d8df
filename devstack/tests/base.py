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

"""Calls the phases of the plugin in a folder of its own."""

import configparser
import os
import pathlib
import subprocess

import fixtures
from oslotest import base

HERE = pathlib.Path(__file__).resolve().parent
CONTROLLER = 'c-api,c-sch,c-vol,n-api,n-cond,n-cpu,n-sch'
BIN = '/opt/stack/data/venv/bin'
MANAGER = 'cinder_failover_hooks.manager.FailoverVolumeManager'
URL = 'rabbit://stackrabbit:se&ret@192.0.2.1:5672/'


class PluginTestCase(base.BaseTestCase):
    """A node on which DevStack runs.

    :ivar services: the services of the node, before the plugin adds its own
    :ivar disabled: services that local.conf disables
    :ivar virt_driver: the virt driver
    """

    def setUp(self):
        super().setUp()
        self.stand = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path)
        (self.stand / 'nova.conf').write_text(
            '[DEFAULT]\nmy_ip = 192.0.2.1\n\n[failover_engine]\n')
        (self.stand / 'cinder.conf').write_text(
            '[DEFAULT]\nmy_ip = 192.0.2.1\nvolume_manager = other\n\n'
            '[lvmdriver-1]\nvolume_group = stack-volumes\n')
        self.services = CONTROLLER
        self.disabled = ''
        self.virt_driver = 'libvirt'

    def phase(self, *words):
        """Call the plugin, for instance with stack and install.

        :returns: what it asked of DevStack meanwhile, by lines
        """
        calls = self.stand / 'calls'
        calls.write_text('')
        done = subprocess.run(
            ['bash', HERE / 'phase.sh', *words],
            env={'PATH': os.environ['PATH'], 'STAND': str(self.stand),
                 'ENABLED_SERVICES': self.services,
                 'DISABLED_SERVICES': self.disabled,
                 'NUMBER_FAKE_NOVA_COMPUTE': '2',
                 'VIRT_DRIVER': self.virt_driver},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False)
        self.assertEqual((0, ''), (done.returncode, done.stdout))
        lines = calls.read_text().splitlines()
        self.assertEqual('define_plugin nova-cinder-failover', lines[0])
        return [line for line in lines[1:]
                if not line.startswith('echo_summary')]

    def ini(self, name):
        """Read a file that DevStack has written."""
        parser = configparser.RawConfigParser(default_section='')
        parser.optionxform = str
        parser.read(self.stand / name)
        return {section: dict(parser[section])
                for section in parser.sections()}

    def command(self, service):
        """What systemd starts for a service, by its unit and drop-ins."""
        unit = self.stand / 'systemd' / f'devstack@{service}.service'
        commands = []
        for path in [unit, *sorted(unit.with_name(unit.name + '.d').glob(
                '*.conf'))]:
            for line in path.read_text().splitlines():
                key, _, value = line.partition('=')
                if key.strip() == 'ExecStart':
                    # An empty one takes back those before it.
                    commands = [*commands, value.strip()] if value else []
        self.assertEqual(1, len(commands), commands)
        return commands[0]
