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


"""An engine on Nova's functional harness: two cells, three compute hosts."""

import contextlib
import dataclasses
import threading
from unittest import mock

import fixtures
from nova import context as nova_context
from nova import objects
from nova import rpc as nova_rpc
from nova.tests import fixtures as nova_fixtures

from nova_failover_ext.api import rpcapi
from nova_failover_ext.compute import endpoint
from nova_failover_ext import conf as own_conf
from nova_failover_ext.engine import service
from nova_failover_ext.recovery import staleness
from nova_failover_ext.testing import backends
from nova_failover_ext.testing import faults
from nova_failover_ext.tests.functional.recovery import base

BACKEND = 'cinder@repl'
SECOND = 'cinder@second'
QUESTION = faults.Call.ATTACHMENT_UPDATE


@dataclasses.dataclass
class Sent:
    """One call of the engine that has reached a compute host.

    :ivar beside: those that were under way when it came, itself included
    :ivar outcome: '' until the host has answered
    """

    host: str
    server_id: str
    failover_id: str
    volumes: tuple[str, ...]
    beside: tuple['Sent', ...] = ()
    outcome: str = ''


def _target_cell(databases, context, cell):
    # As outside of tests. The harness's own lets one cell be read while a
    # call to another is under way only once that call has ended; it does so
    # for code that targets no cell, which in a recovery there is none of.
    return databases._real_target_cell(context, cell)


class EngineTestBase(base.FailoverTestBase):
    """A real engine, real compute hosts, and a Cinder that fails over.

    :cvar CELL2: the compute hosts of the second cell
    :cvar OPTIONS: options of ``[failover_engine]`` that differ
    :ivar sent: each :class:`Sent`, in the order of their arrival
    """

    ADMIN_API = True
    NUMBER_OF_CELLS = 2
    HOSTS = ('compute1', 'compute2')
    CELL2 = ('compute3',)
    OPTIONS: dict = {}

    def setUp(self):
        self.patch_value(nova_fixtures.CellDatabases, '_wrap_target_cell',
                         _target_cell)
        super().setUp()
        own_conf.register_opts(nova_rpc.CONF)
        decisions = self.useFixture(fixtures.TempDir()).join('db.sqlite')
        self.flags(**{'connection': 'sqlite:///%s' % decisions,
                      'reconcile_interval': 3600, 'retry_interval_min': 0.1,
                      'retry_interval_max': 0.5, 'host_probe_interval': 1.0,
                      **self.OPTIONS}, group='failover_engine')
        for host in self.CELL2:
            self.start_compute(host, host_info=self.host_info(),
                               cell_name='cell2')
        self.cinder.services.append(
            backends.Service(SECOND, replication_status='enabled'))
        self.sent = []
        self._listen()
        self.patch_value(service, 'TICK', 0.1)

    def patch_value(self, target, name, value):
        patched = mock.patch.object(target, name, value)
        patched.start()
        self.addCleanup(patched.stop)

    def _listen(self):
        real = endpoint.FailoverEndpoint.recover_server
        lock = threading.Lock()

        def recover_server(own, context, server_id, failover_id, volumes,
                           **kwargs):
            sent = Sent(own._host_name, server_id, failover_id,
                        tuple(volumes))
            with lock:
                self.sent.append(sent)
                sent.beside = tuple(self.under_way())
            answer = {'outcome': 'raised'}
            try:
                answer = real(own, context, server_id, failover_id, volumes,
                              **kwargs)
            finally:
                sent.outcome = answer['outcome']
            return answer

        # The dispatcher of RPC does not bind a mock to the endpoint.
        self.patch_value(endpoint.FailoverEndpoint, 'recover_server',
                         recover_server)

    # The engine

    def start_engine(self):
        """Start an engine, which looks at once."""
        # Nova's own, when it attached the volumes.
        self._others = len(self.cinder.faults.made(QUESTION))
        engine = service.EngineService(nova_rpc.CONF)
        engine.start()
        self.addCleanup(engine.stop)
        return engine

    @property
    def engine(self):
        """The client of the command line."""
        return rpcapi.EngineAPI(nova_rpc.get_client(
            rpcapi.EngineAPI.target()))

    def ask(self, **request):
        """Ask the engine to recover, as the command line does."""
        return self.engine.recover(
            self.context, {'backend': BACKEND, **request}, base.PATIENCE)

    def progress(self, backend=BACKEND):
        """Return what the engine tells of a backend."""
        return self.engine.progress(
            self.context, [backend], base.PATIENCE)[backend]

    def status(self, backend=BACKEND):
        """Return all that the engine remembers of a backend."""
        return self.engine.status(self.context, backend, base.PATIENCE)

    # Servers and their cells

    @contextlib.contextmanager
    def _cell_of(self, server):
        mapping = objects.InstanceMapping.get_by_instance_uuid(
            self.context, server['id'])
        with nova_context.target_cell(
                self.context, mapping.cell_mapping) as targeted:
            yield targeted

    def bdms(self, server):
        with self._cell_of(server) as context:
            return {bdm.volume_id: bdm for bdm in
                    objects.BlockDeviceMappingList.get_by_instance_uuid(
                        context, server['id']) if bdm.is_volume}

    def bdm(self, server, volume_id):
        return self.bdms(server)[volume_id]

    def boot_many(self, hosts, priorities=(), number=1, boot=False):
        """Boot a server with volumes on each of some hosts.

        :param hosts: their names, one for each server
        :param priorities: of the servers; left out, none says one
        :param number: volumes of each server
        :param boot: whether it boots from the first
        """
        servers = []
        for index, host in enumerate(hosts):
            bdms = [self.data(self.cinder.volume()) for _ in range(number)]
            if boot:
                bdms[0]['boot_index'] = 0
            priority = priorities[index] if priorities else ''
            servers.append(self.create(
                *bdms, host=host, metadata=priority and {
                    'failover:priority': str(priority)}))
        return self.wait_for_all(servers, 'ACTIVE')

    def volumes_of(self, server):
        """Return the ids of a server's volumes."""
        return sorted(self.bdms(server))

    def host_of(self, server):
        return self.api.get_server(server['id'])['OS-EXT-SRV-ATTR:host']

    def set_down(self, host, down):
        """Say that a host is down, as an operator or a monitor does."""
        found, = self.api.get_services(binary='nova-compute', host=host)
        self.api.put_service(found['id'], {'forced_down': down})

    # What has happened

    def under_way(self):
        """Return the calls that hosts are at work on."""
        return [sent for sent in list(self.sent) if not sent.outcome]

    def outcomes(self, server):
        """Return the outcomes of the calls about a server, in order."""
        return [sent.outcome for sent in list(self.sent)
                if sent.server_id == server['id']]

    def questions(self):
        """Return the volumes that the engine had asked about, each once."""
        return list(dict.fromkeys(
            logged.volume_id for logged in self.cinder.faults.made(
                QUESTION)[self._others:]))

    def is_healed(self, server):
        """Tell whether a server is where its backends are, and let go of."""
        shown = self.api.get_server(server['id'])
        return shown['OS-EXT-STS:task_state'] is None and all(
            self.cinder.path(volume_id) in bdm.connection_info
            and staleness.IN_PROGRESS_MARKER not in bdm.connection_info
            for volume_id, bdm in self.bdms(server).items())

    def wait_until_healed(self, *servers):
        """Wait until servers are, and see that all is well with them."""
        for server in servers:
            self.wait_for(lambda server=server: self.is_healed(server),
                          f'recovery of {server["id"]}')
        self.wait_for_all(servers, 'ACTIVE')
        for server in servers:
            self.assert_healthy(server, self.host_of(server))

    def wait_until_idle(self, backend=BACKEND):
        """Wait until the engine has nothing left to do."""
        return self.wait_for(
            lambda: (lambda found: found['done'] and found)(
                self.progress(backend)), 'the end of the work')

    def hold(self, call=QUESTION, **kwargs):
        """Hold calls of Cinder; they are let go at the end of the test."""
        held = self.cinder.faults.hold(call, **kwargs)
        self.addCleanup(held.release)
        return held
