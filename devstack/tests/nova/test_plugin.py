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

"""What the plugin does to Nova, by the options and programs of Nova."""

import importlib.metadata
import pathlib
import subprocess
import sys

from oslo_config import cfg

from devstack.tests import base
from nova_failover_ext import conf as own_conf

NAMESPACES = ('nova.conf', 'nova_failover_ext')


class TestNova(base.PluginTestCase):
    """The phases on nodes of several kinds."""

    def test_install(self):
        """Only the side of a service that is there is installed."""
        for services, disabled, extras in (
                (base.CONTROLLER, '', 'nova,cinder'),
                ('n-cpu', 'failover-engine', 'nova'),
                ('c-vol', 'failover-engine', 'cinder'),
                ('n-api', '', 'nova')):
            self.services, self.disabled = services, disabled
            place = f'{self.stand}/opt/nova-cinder-failover'
            self.assertEqual([f'setup_develop {place} {extras}'],
                             self.phase('stack', 'install'))

    def test_phases_without_work(self):
        """Nothing is done where nothing is to be done."""
        before = self.ini('nova.conf')
        self.assertEqual([], self.phase('stack', 'pre-install'))
        self.assertEqual([], self.phase('stack', 'test-config'))
        self.assertEqual(before, self.ini('nova.conf'))

    def test_engine(self):
        """It is told the bus, and started by its program."""
        self.phase('stack', 'post-config')
        self.assertEqual(
            {'DEFAULT': {'my_ip': '192.0.2.1'},
             'failover_engine': {'transport_url': base.URL}},
            self.ini('nova.conf'))
        self.phase('stack', 'extra')
        self.assertEqual(
            f'{base.BIN}/nova-failover-engine --config-file '
            f'{self.stand}/nova.conf', self.command('failover-engine'))

    def test_no_engine(self):
        """A node that only computes has none."""
        self.services, self.disabled = 'n-cpu,c-vol', 'failover-engine'
        self.phase('stack', 'post-config')
        self.assertEqual({}, self.ini('nova.conf')['failover_engine'])
        self.assertEqual([], self.phase('stack', 'extra'))
        self.assertEqual(['systemctl daemon-reload'], self.phase('unstack'))

    def test_again(self):
        """A second stack.sh changes nothing."""
        self.phase('stack', 'post-config')
        before = self.ini('nova.conf'), self.ini('cinder.conf')
        self.phase('stack', 'post-config')
        self.assertEqual(
            before, (self.ini('nova.conf'), self.ini('cinder.conf')))

    def start_nova_compute(self, service, more=''):
        """Write the unit as lib/nova does, after post-config."""
        (self.stand / 'systemd' / f'devstack@{service}.service').write_text(
            f'[Service]\nExecStart = {base.BIN}/nova-compute '
            f'--config-file {self.stand}/nova-cpu.conf{more}\n')

    def test_compute(self):
        """nova-compute-failover gets the arguments of nova-compute."""
        self.assertEqual(['systemctl daemon-reload'],
                         self.phase('stack', 'post-config'))
        self.start_nova_compute('n-cpu')
        self.assertEqual(
            f'{base.BIN}/nova-compute-failover --config-file '
            f'{self.stand}/nova-cpu.conf', self.command('n-cpu'))

    def test_fake_computes(self):
        """Each of them."""
        self.virt_driver = 'fake'
        self.phase('stack', 'post-config')
        for number in (1, 2):
            more = f' --config-file {self.stand}/nova-fake.conf-{number}'
            self.start_nova_compute(f'n-cpu-{number}', more)
            self.assertEqual(
                f'{base.BIN}/nova-compute-failover --config-file '
                f'{self.stand}/nova-cpu.conf{more}',
                self.command(f'n-cpu-{number}'))

    def test_compute_without_cinder(self):
        """It gets the credentials that lib/nova leaves out there."""
        self.services, self.disabled = 'n-cpu', 'failover-engine'
        self.phase('stack', 'post-config')
        self.assertEqual('nova', self.ini('nova.conf')['cinder']['username'])

    def test_unstack(self):
        """The engine is stopped, and nova-compute is nova-compute again."""
        for mode in ('unstack', 'clean'):
            self.phase('stack', 'post-config')
            self.start_nova_compute('n-cpu')
            stops = ['stop_process failover-engine'] * (mode == 'unstack')
            self.assertEqual([*stops, 'systemctl daemon-reload'],
                             self.phase(mode))
            self.assertEqual(
                f'{base.BIN}/nova-compute --config-file '
                f'{self.stand}/nova-cpu.conf', self.command('n-cpu'))
            self.assertEqual(
                ['devstack@n-cpu.service'],
                [path.name for path in (self.stand / 'systemd').iterdir()])

    def test_programs(self):
        """The programs that are started are those of this project."""
        self.phase('stack', 'post-config')
        self.phase('stack', 'extra')
        self.start_nova_compute('n-cpu')
        known = {one.name for one in importlib.metadata.distribution(
            'nova-cinder-failover').entry_points.select(
                group='console_scripts')}
        for service in ('n-cpu', 'failover-engine'):
            program = self.command(service).split()[0]
            self.assertIn(program.removeprefix(f'{base.BIN}/'), known)

    def validate(self):
        """Let oslo.config say which options of nova.conf nobody knows."""
        words = [f'--namespace={one}' for one in NAMESPACES]
        return subprocess.run(
            [pathlib.Path(sys.executable).with_name('oslo-config-validator'),
             '--input-file', self.stand / 'nova.conf', *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False)

    def test_options(self):
        """Nova and its libraries know every option, and its value."""
        self.services = 'n-api,n-cpu'
        self.phase('stack', 'post-config')
        done = self.validate()
        self.assertEqual(0, done.returncode, done.stdout)
        conf = cfg.ConfigOpts()
        own_conf.register_opts(conf)
        conf(['--config-file', str(self.stand / 'nova.conf')])
        self.assertEqual(base.URL, conf.failover_engine.transport_url)

    def test_unknown_option_is_found(self):
        """The check of options can fail."""
        with open(self.stand / 'nova.conf', 'a', encoding='utf-8') as file:
            file.write('transport_uri = x\n')
        self.assertEqual(1, self.validate().returncode)
