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

"""What the logs tell at INFO of the failover of a backend with 50 servers."""

import collections
import json
import logging
import pathlib
import re

from nova_failover_ext.engine.listener import notification_endpoint
from nova_failover_ext.testing import faults
from nova_failover_ext.tests.functional.engine import base

_DOCS = pathlib.Path(__file__).parents[4] / 'doc'
SAMPLE = _DOCS / 'notification_samples' / 'backend-failover-end.json'
PAGE = _DOCS / 'source' / 'admin' / 'logs.rst'
ENGINE = 'nova_failover_ext.engine'
NUMBER = 50
CYCLED = 10
#: A line for each server, and these: the notification, that Cinder's record
#: has changed, the begin and the end.
ENGINE_CEILING = NUMBER + 4
#: What is recovered and where to, and the end; a power cycle's cause and time.
COMPUTE_CEILING = 2 * NUMBER + 2 * CYCLED
#: In lines that come again: progress, each 30 seconds, and what a scan has
#: found, each minute.
AGAIN = re.compile(r'tried \d+ of 50 servers after|, 50 servers: ')
_ID = r'(?:[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{4}…)'
_NEVER = re.compile(r"""[{}]|\bNone\b|''|""|  |[:=,]$""")


def shape(line):
    """Return a line without what differs between two runs."""
    return re.sub(r'\d+(\.\d+)?', '0', re.sub(_ID, '…', line)).strip()


def shown(heading):
    """Return the lines that a part of the page shows as they are in a log.

    :param heading: of that part
    """
    part = PAGE.read_text().split(f'\n{heading}\n===')[1]
    block = re.search(r'code-block:: text\n\n((?:    .*\n)+)', part)
    return {shape(line) for line in block[1].splitlines()}


class Lines(logging.Handler):
    """Keeps the lines of this project at INFO and above, by service."""

    def __init__(self):
        super().__init__(logging.INFO)
        self.found = collections.defaultdict(list)

    def emit(self, record):
        """Keep a line as it is in the log of a service."""
        values = record.__dict__
        server = values.get('instance_uuid') or getattr(
            values.get('instance'), 'uuid', '')
        prefix = f'[instance: {server}] ' if server else ''
        service = ('engine' if record.name.startswith(ENGINE) else 'compute')
        self.found[service].append(prefix + record.getMessage())


class OneFailover(base.EngineTestBase):
    """Fifty servers on three hosts; each fifth boots from its volume."""

    OPTIONS = {'reconcile_interval': 5}

    def setUp(self):
        super().setUp()
        hosts = (*self.HOSTS, *self.CELL2)
        self.servers = []
        for number in range(NUMBER):
            data = self.data(self.cinder.volume())
            if number < CYCLED:
                data['boot_index'] = 0
            self.servers.append(self.create(
                data, host=hosts[number % len(hosts)]))
        self.wait_for_all(self.servers, 'ACTIVE')
        self.endpoint = notification_endpoint.Endpoint(
            self.start_engine()._reconciler)
        self.wait_until_scanned()
        self.lines = Lines()
        logger = logging.getLogger('nova_failover_ext')
        logger.addHandler(self.lines)
        self.addCleanup(logger.removeHandler, self.lines)

    def wait_until_scanned(self):
        """Wait until the backend is read, and nothing is to be done."""
        self.wait_for(lambda: self.progress()['last_checked'], 'a scan')
        self.wait_until_idle()

    def fail_over(self):
        """Move the backend, and tell the engine so as cinder-volume does."""
        sample = json.loads(SAMPLE.read_text())
        values = sample['payload']['failover_object.data']
        values.update(backend=base.BACKEND, new_active_backend_id='secondary',
                      target='secondary', volumes=[])
        self.failover_id = values['failover_id']
        self.cinder.site = 'secondary'
        self.endpoint.info({}, sample['publisher_id'], sample['event_type'],
                           sample['payload'], {})
        self.wait_until_healed(*self.servers)
        self.wait_until_idle()
        self.wait_for(lambda: 'has converged' in self.lines.found[
            'engine'][-1], 'the last line')

    def test_who_what_when_and_why(self):
        self.fail_over()
        engine, compute = (self.lines.found[service]
                           for service in ('engine', 'compute'))
        for line in (*engine, *compute):
            self.assertNotRegex(line, _NEVER)
        again = list(filter(AGAIN.search, engine))
        seconds = float(re.search(r'after ([0-9.]+) s', engine[-1])[1])
        self.assertLessEqual(len(again), 3 + seconds / 30 + seconds / 60)
        self.assertLessEqual(len(engine) - len(again), ENGINE_CEILING)
        self.assertLessEqual(len(compute), COMPUTE_CEILING)
        self.assertEqual(shown('nova-compute'), set(map(shape, compute)))
        # How often something comes again depends on the machine.
        self.assertLessEqual(set(map(shape, engine)),
                             shown('nova-failover-engine'))
        for server in self.servers:
            self.assert_told(server, engine, compute)
        self.assert_quiet()

    def assert_told(self, server, engine, compute):
        """See that the lines answer what somebody asks about a server."""
        told, = (line for line in engine if f'Server {server["id"]} ' in line)
        self.assertIn(f'on {self.host_of(server)}: recovered (failover '
                      f'{self.failover_id}, ', told)
        prefix = f'[instance: {server["id"]}] '
        own = [line for line in compute if line.startswith(prefix)]
        volume_id, = self.volumes_of(server)
        self.assertIn(f'Recovering volume {volume_id} ', own[0])
        self.assertIn(f'from local /dev/primary/{volume_id} to '
                      f'local /dev/secondary/{volume_id}', own[0])
        cycled = server in self.servers[:CYCLED]
        self.assertEqual(4 if cycled else 2, len(own))
        self.assertEqual(cycled, 'the root volume has moved' in own[1])
        self.assertEqual(cycled, own[-1].endswith(', with a power cycle'))
        self.assertIn(f'for failover {self.failover_id} ended: recovered '
                      'after ', own[-1])

    def assert_quiet(self):
        """See that an engine with nothing to do logs nothing."""
        def looks():
            return len(self.cinder.faults.made(faults.Call.LIST_SERVICES))

        before, since = sum(map(len, self.lines.found.values())), looks()
        self.wait_for(lambda: looks() >= since + 2, 'two more reconciles')
        self.assertEqual(before, sum(map(len, self.lines.found.values())))
