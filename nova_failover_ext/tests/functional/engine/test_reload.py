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

"""The real program reads its options again at SIGHUP."""

import os
import signal
import subprocess
import sys
import threading

import ddt
import fixtures
import testtools

from nova_failover_ext.tests.functional.recovery import common

CONF = """
[DEFAULT]
host = ctl1
transport_url = fake:///
[api_database]
connection = sqlite://
[database]
connection = sqlite://
[failover_engine]
connection = sqlite:///%s
"""
COMMAND = 'import sys; from nova_failover_ext.engine import cmd; %s' % (
    'sys.argv[0] = "nova-failover-engine"; sys.exit(cmd.main())')
STARTED = 'nova-failover-engine is started on ctl1'


@ddt.ddt
class ReloadTest(common.RecoveryMixin, testtools.TestCase):
    """A process of its own, as the engine is started."""

    def setUp(self):
        super().setUp()
        folder = self.useFixture(fixtures.TempDir())
        self.path = folder.join('nova.conf')
        self.text = CONF % folder.join('decisions.sqlite')
        self.log = []

    def _write(self, text):
        with open(self.path, 'w') as stream:
            stream.write(self.text + text)

    def _start(self, eventlet):
        # Signals go to the whole group of the process.
        self.process = subprocess.Popen(
            [sys.executable, '-c', COMMAND, '--config-file', self.path],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True,
            env={**os.environ, 'OS_NOVA_DISABLE_EVENTLET_PATCHING':
                 'false' if eventlet else 'true'})
        self.addCleanup(self.process.stdout.close)
        reader = threading.Thread(target=self._read)
        reader.start()
        self.addCleanup(reader.join)
        self.addCleanup(self.process.kill)

    def _read(self):
        for line in self.process.stdout:
            self.log.append(line)

    def _wait_for(self, text, times=1):
        self.wait_for(lambda: self._count(text) == times, text)

    def _count(self, text):
        return sum(text in line for line in list(self.log))

    def _reload(self, text):
        self._write(text)
        self.process.send_signal(signal.SIGHUP)

    @ddt.data(False, True)
    def test_sighup(self, eventlet):
        self._write('')
        self._start(eventlet)
        self._wait_for(STARTED)
        self._reload('gate_timeout = 77\nretry_attempts = 5\n')
        self._wait_for('The configuration was read again')
        self.assertEqual(
            (1, 1), (self._count('gate_timeout changed from [None] to [77]'),
                     self._count('Ignoring change to immutable option '
                                 'failover_engine.retry_attempts')))
        self._reload('gate_timeout = soon\n')
        self._wait_for("gate_timeout = 'soon' in %s: " % self.path)
        self._reload('no option\n')
        self._wait_for('The old values stay in effect', 2)
        self._reload('gate_timeout = 300\n')
        self._wait_for('The configuration was read again', 2)
        self.process.terminate()
        self.assertEqual(0, self.process.wait(common.PATIENCE))
        self.assertEqual((1, 0), (self._count(STARTED),
                                  self._count('Traceback')))
