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

"""``check`` as an operator types it, and what it makes of answers."""

import contextlib
import types
from unittest import mock

import ddt
import nova.context
from nova import rpc
import oslo_messaging as messaging
import tenacity
import testtools

from nova_failover_ext.api import cell_problem
from nova_failover_ext.api import exclusions
from nova_failover_ext.api import rpcapi
from nova_failover_ext.cli.checks import acting
from nova_failover_ext.cli.checks import computes
from nova_failover_ext.cli.checks import databases
from nova_failover_ext.cli.checks import findings
from nova_failover_ext.cli.checks import mapping_rows
from nova_failover_ext.cli.checks import pace
from nova_failover_ext.cli.checks import storage
from nova_failover_ext.engine.dispatcher import compute_client
from nova_failover_ext.engine.inventory import nova_reader
from nova_failover_ext.engine.planner import gate
from nova_failover_ext import exception
from nova_failover_ext.tests.unit.api import test_exclusions
from nova_failover_ext.tests.unit.api import test_pauses
from nova_failover_ext.tests.unit.cli import test_commands
from nova_failover_ext.tests.unit.engine import fakes

records = test_commands.records
NONE = exclusions.Exclusions()
EXPECTED = types.SimpleNamespace(
    drivers=(types.SimpleNamespace(title='RBD'),), blocks='', unchanged='',
    notes=('mind the gap',), proven='')
HEALTH = {'host': 'ctl', 'version': '1.0', 'leading_since': 'noon',
          'coordination': 'mysql', 'topics': ['t'], 'last_notifications': {},
          'nonces': ['n']}
OF_TWO = ('of 2 servers, 2 would be recovered (2 while they run); 0 left '
          'alone')
CELL = types.SimpleNamespace(uuid=fakes.CELL, name='cell1')


def found(check, rows):
    """Return subject, result and detail of the lines of one check."""
    return [row[1:] for row in rows if row[0] == check]


def options(**values):
    """Return a configuration in which all is well."""
    return types.SimpleNamespace(
        control_exchange='nova',
        failover_compute=types.SimpleNamespace(max_concurrent_recoveries=8),
        failover_engine=types.SimpleNamespace(**{
            'max_in_flight_per_host': 4, 'heartbeat_timeout': 30,
            'recovery_timeout': 900, 'retry_interval_min': 5,
            'retry_interval_max': 60, 'automatic': 'true',
            'canary_servers': 2, 'batch_size': 5,
            'drivers': {}, 'cell_timeout': 15,
            'host_probe_interval': 10, 'notification_topics': ['t'],
            'notification_exchange': 'openstack', 'transport_url': None,
            'reconcile_interval': 60, **values}))


class CheckTest(test_commands.CommandsTestCase):
    """The whole command."""

    def setUp(self):
        super().setUp()
        self.configure.return_value = options()
        self.cells.return_value = [CELL]
        self.attachments = self._patch(nova_reader.NovaReader, 'attachments')
        self.attachments.return_value = ([], [])
        self._patch(mapping_rows, 'inspect').return_value = []
        self._patch(databases, 'buses').return_value = {
            CELL.uuid: findings.good('message bus', 'cell cell1')}
        self.engine.health.return_value = HEALTH
        self.probe = self._patch(acting, 'probe')
        self.probe.return_value = findings.good('notifications', 't')
        client = self._patch(compute_client, 'ComputeClient')
        self.ping = client.return_value.ping
        self.ping.return_value = {'version':
                                  rpcapi.ComputeFailoverAPI.VERSION}

    def _rows(self, *argv):
        return [(row['Check'], row['Subject'], row['Result'], row['Detail'])
                for row in self._json('check', *argv)]

    def test_all_is_well(self):
        code, out, _err = self._run('check', '-f', 'value')
        self.assertEqual(0, code, out)
        self.ping.assert_called_once_with(fakes.CELL, 'compute1', 10)

    def test_what_is_looked_at(self):
        self.assertEqual(
            {'backend', 'driver', 'rehearsal', 'database', 'message bus',
             'engine', 'notifications', 'configuration', 'compute host'},
            {row[0] for row in self._rows()})

    def test_warnings(self):
        self.probe.return_value = findings.warning('notifications', 't', 'x')
        self.assertEqual(6, self._run('check')[0])

    def test_failures(self):
        self.probe.return_value = findings.warning('notifications', 't', 'x')
        self.ping.side_effect = messaging.MessagingTimeout()
        self.assertEqual(7, self._run('check')[0])

    def test_no_hosts(self):
        rows = self._rows('--no-hosts', 'node@rbd')
        self.assertEqual([], found('compute host', rows))
        self.ping.assert_not_called()

    def test_a_cell_without_a_bus(self):
        databases.buses.return_value = {
            CELL.uuid: findings.failure('message bus', 'cell1', 'x')}
        self.assertEqual([], found('compute host', self._rows()))
        self.assertEqual(7, self._run('check')[0])

    def test_no_engine(self):
        self.engine.health.side_effect = exception.EngineUnavailable(
            seconds=3)
        code, out, _err = self._run('check')
        self.assertEqual(7, code)
        self.assertIn('No nova-failover-engine answered', out)
        self.probe.assert_not_called()

    def test_an_unknown_backend(self):
        error = exception.BackendNotFound(backend='b', known='c')
        self.backend.side_effect = error
        self.assertEqual((3, '', '%s\n' % error), self._run('check', 'b'))

    def test_cinder_is_down(self):
        self.backends.side_effect = exception.CinderUnavailable(reason='x')
        rows = self._rows()
        self.assertEqual('fail', found('records', rows)[0][1])
        self.assertEqual('ok', found('engine', rows)[0][1])

    def test_nothing_is_replicated(self):
        self.backends.return_value = []
        self.assertEqual([('', 'fail', 'none takes part in replication')],
                         found('backend', self._rows()))


@ddt.ddt
class StorageTest(testtools.TestCase):
    """What is made of Cinder's records."""

    @ddt.data(
        (records(None), 'ok', 'on second (failed-over)'),
        (records(gate=gate.Decision(False, 'not yet')), 'warn', 'not yet'),
        (records(backend=fakes.backend(fakes.member(up=False))), 'fail',
         'down'),
        (records(backend=fakes.backend(
            fakes.member(), fakes.member(host='n2@rbd', up=False))), 'warn',
         'n2@rbd'),
        (records(backend=fakes.backend(fakes.member(
            replication_status='disabled'))), 'fail', 'no part'))
    @ddt.unpack
    def test_service(self, known, result, text):
        finding = storage.service(known)
        self.assertEqual(result, finding.result.value)
        self.assertIn(text, finding.detail)

    def _driver(self, **values):
        return storage.driver(records(expected=types.SimpleNamespace(
            **{**vars(EXPECTED), **values})))

    def test_driver(self):
        self.assertEqual(
            ('driver', 'node@rbd', 'ok',
             'RBD; mind the gap; not tried on it so far'),
            self._driver().row)
        self.assertEqual('not known; not tried on it so far', self._driver(
            drivers=(), notes=()).detail)
        self.assertIn('tried on the cloud', self._driver(
            proven='cloud').detail)

    def test_a_driver_that_no_refresh_heals(self):
        self.assertEqual(('fail', 'it cannot'),
                         self._driver(blocks='it cannot').row[2:])

    def test_rehearsal(self):
        (finding,) = storage.rehearsal(records('second', None), NONE)
        self.assertEqual(
            ('ok', OF_TWO), finding.row[2:])

    def test_a_rehearsal_with_servers_that_wait(self):
        paused = fakes.attachment(server=fakes.server(vm_state='paused'))
        (finding,) = storage.rehearsal(records(attachments=(paused,)),
                                       NONE)
        self.assertEqual('warn', finding.result.value)
        self.assertIn('1 deferred: the server is paused (1)', finding.detail)

    def test_a_rehearsal_with_a_server_that_is_excluded(self):
        (finding,) = storage.rehearsal(
            records('second', None),
            exclusions.Exclusions((test_exclusions.exclusion(),)))
        self.assertEqual(
            'of 2 servers, 1 would be recovered (1 while they run); 0 left '
            'alone; 1 excluded', finding.detail)

    def test_volumes_that_would_be_lost(self):
        plain = fakes.volume(replication_status='disabled')
        lost = storage.rehearsal(records(None, volumes={'vol': plain}),
                                 NONE)[-1]
        self.assertEqual(('volumes', 'node@rbd', 'warn'), lost.row[:3])
        self.assertIn('with the array: 1', lost.detail)

    def test_hosts(self):
        def on(host, **values):
            return fakes.attachment(server=fakes.server(
                id=str(host), host=host, **values))
        known = records(attachments=(
            on('a'), on('b', compute_up=False), on('c', deleted=True),
            on(None), fakes.attachment(
                server=fakes.server(id='d', host='d'), volume_id='plain')),
            volumes={'vol': fakes.volume(), 'plain': fakes.volume(
                replication_status='disabled')})
        self.assertEqual({(fakes.CELL, 'a'): True, (fakes.CELL, 'b'): False},
                         storage.hosts(known))


@ddt.ddt
class DatabasesTest(testtools.TestCase):
    """Databases and buses of cells."""

    def setUp(self):
        super().setUp()
        self.nova = mock.create_autospec(nova_reader.NovaReader, instance=True)
        self.nova.cells.return_value = [CELL]
        self.nova.attachments.return_value = ([], [])

    def test_cells(self):
        rows, cells = databases.read(self.nova)
        self.assertEqual([CELL], cells)
        self.assertEqual([('API', 'ok'), ('cell cell1', 'ok')],
                         [r.row[1:3] for r in rows])

    def test_a_cell_that_is_down(self):
        self.nova.attachments.return_value = ([], [
            cell_problem.CellProblem('cell1', 'gone')])
        self.assertEqual(('cell cell1', 'fail', 'gone'),
                         databases.read(self.nova)[0][1].row[1:])

    def test_no_api_database(self):
        self.nova.cells.side_effect = exception.DatabaseUnavailable(
            reason='gone')
        rows, cells = databases.read(self.nova)
        self.assertEqual(([], 'fail'), (cells, rows[0].result.value))

    @ddt.data(
        (None, 'ok', ''),
        (messaging.MessageDeliveryFailure('refused'), 'fail', 'refused'),
        (ConnectionRefusedError('refused'), 'fail', 'refused'),
        (messaging.InvalidTransportURL('rabbit://CANARY', 'x'), 'fail',
         'makes no sense'))
    @ddt.unpack
    def test_bus(self, raised, result, text):
        with (mock.patch.object(rpc, 'get_client', autospec=True),
              mock.patch.object(nova.context, 'target_cell', autospec=True,
                                return_value=contextlib.nullcontext()),
              mock.patch.object(rpc, 'ClientRouter',
                                autospec=True) as router):
            cast = router.return_value.client.return_value.prepare
            cast.return_value.cast.side_effect = raised
            finding = databases.buses([CELL])[CELL.uuid]
        self.assertEqual(result, finding.result.value)
        self.assertIn(text, finding.detail)
        self.assertNotIn('CANARY', finding.detail)


@ddt.ddt
class ActingTest(testtools.TestCase):
    """The engine, and what it hears."""

    def setUp(self):
        super().setUp()
        self.client = mock.Mock(spec_set=['health'])
        self.client.health.return_value = HEALTH

    def test_what_is_paused_is_a_warning(self):
        self.assertEqual([], acting.paused(HEALTH))
        (found,) = acting.paused({
            **HEALTH, 'pauses': [test_pauses.pause().to_primitive()]})
        self.assertEqual(findings.Result.WARN, found.result)
        self.assertIn('node@rbd are paused by jo@ctl1', found.detail)

    def test_health(self):
        rows, said = acting.health(self.client)
        self.assertEqual(HEALTH, said)
        self.assertEqual(('engine', 'ctl', 'ok'), rows[-1].row[:3])
        self.assertIn('noon', rows[-1].detail)

    @ddt.data('', 'none', None)
    def test_an_engine_that_is_alone(self, driver):
        self.client.health.return_value = {**HEALTH, 'coordination': driver}
        rows, _said = acting.health(self.client)
        self.assertEqual('warn', rows[-1].result.value)

    @ddt.data((exception.BrokerUnavailable(reason='x'), 'fail'),
              (exception.EngineUnavailable(seconds=1), 'fail'))
    @ddt.unpack
    def test_nobody_answers(self, error, result):
        self.client.health.side_effect = error
        rows, said = acting.health(self.client)
        self.assertEqual((None, result, str(error)), (
            said, rows[-1].result.value, rows[-1].detail))
        reached = not isinstance(error, exception.BrokerUnavailable)
        self.assertEqual(reached, ('message bus', 'API', 'ok') in {
            row.row[:3] for row in rows})

    def test_last_notifications(self):
        rows = acting.last_notifications({**HEALTH,
                                        'last_notifications': {'a': 'noon'}},
                                       ['a', 'b'])
        self.assertEqual(['last notification at noon', 'ok', 'ok'], [
            rows[0].detail, *(r.result.value for r in rows)])
        self.assertIn('no notification', rows[1].detail)

    def _probe(self, *nonces):
        self.client.health.side_effect = [
            {'nonces': known} for known in nonces]
        with (mock.patch.object(acting, 'publish', autospec=True),
              mock.patch.object(tenacity.nap.time, 'sleep', autospec=True),
              mock.patch.object(acting.uuid, 'uuid4', autospec=True) as made,
              mock.patch.object(acting, 'PATIENCE', 0 if len(nonces) == 1
                                else 1000)):
            made.return_value.hex = 'n'
            return acting.probe(options(), self.client)

    def test_a_probe(self):
        self.assertEqual('ok', self._probe([], ['x'], ['x', 'n'])
                         .result.value)

    def test_a_probe_that_nobody_hears(self):
        finding = self._probe(['x'])
        self.assertEqual('warn', finding.result.value)
        self.assertIn('every 60 seconds only', finding.detail)


@ddt.ddt
class HostsTest(testtools.TestCase):
    """What compute hosts say, or not."""

    @ddt.data(
        ({'version': rpcapi.ComputeFailoverAPI.VERSION}, 'ok', 'extended'),
        (messaging.MessagingTimeout(), 'fail', 'silent'),
        (messaging.UnsupportedVersion('1.0'), 'fail', 'not extended'),
        (messaging.RemoteError('NoSuchMethod', 'x'), 'fail', 'not extended'),
        (messaging.RemoteError('KeyError', 'CANARY'), 'fail', 'RemoteError'))
    @ddt.unpack
    def test_answers(self, answer, result, text):
        ping = mock.Mock(side_effect=[answer])
        (finding,) = computes.inspect({('cell', 'compute1'): True}, ping, 7)
        self.assertEqual(('compute1', result), finding.row[1:3])
        self.assertIn(text, finding.detail)
        self.assertNotIn('CANARY', finding.detail)
        ping.assert_called_once_with('cell', 'compute1', 7)

    def test_hosts_that_are_down_are_not_asked(self):
        ping = mock.Mock(side_effect=AssertionError)
        (finding,) = computes.inspect({('cell', 'compute1'): False}, ping, 7)
        self.assertEqual('warn', finding.result.value)


@ddt.ddt
class PaceTest(testtools.TestCase):
    """Numbers that do not fit together."""

    def test_all_fits(self):
        self.assertEqual(['ok'], [f.result.value
                                  for f in pace.inspect(options())])

    @ddt.data({'max_in_flight_per_host': 8}, {'heartbeat_timeout': 900},
              {'retry_interval_min': 61}, {'automatic': 'False'},
              {'automatic': 'canary'})
    def test_warnings(self, values):
        (finding,) = pace.inspect(options(**values))
        self.assertEqual((*values, 'warn'), finding.row[1:3])
