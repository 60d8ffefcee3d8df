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
"""Two cinder-volume processes that serve one backend together."""

import logging

from openstack import exceptions
import psutil

from cinder_failover_hooks.testing import script
from cloud.scenario import world as worlds
from cloud.services import registry
from cloud import settings
from cloud import stack as stacks
from cloud import waiting

LOG = logging.getLogger(__name__)

KIND = 'clustered'
#: The driver is asked for it on every wish, and it changes no record.
_CALL = 'terminate_connection'
_CONNECTOR = {'host': settings.HOST, 'initiator': 'nobody', 'ip': '127.0.0.1'}


class Cluster:
    """The members of the cluster, by their names in settings.MEMBERS."""

    def __init__(self, stack: stacks.Stack, world: worlds.World) -> None:
        """Only remembers; see :meth:`start`.

        :param stack: the cloud
        :param world: hands and eyes
        """
        self.stack = stack
        self.world = world
        self.script = script.Script(world.conf.storage / 'control')
        self.script.make()
        self._probe = ''

    def start(self) -> None:
        """Start the members, and wait until Cinder makes volumes there."""
        # What a test that was cut off has left.
        self.remove()
        for name in settings.MEMBERS:
            self.stack.start_one(name)
        waiting.wait_for('the members of the cluster', lambda: [
            record['replication_status'] for record
            in self.records().values()] == ['enabled'] * 2, 90, 0.5)
        waiting.wait_for('the pool of the cluster', lambda: any(
            pool.name.startswith(_host(settings.CLUSTER)) for pool
            in self.world.admin.block_storage.backend_pools()), 90, 0.5)
        self._probe = self.world.volume('alpha', 'probe', KIND)

    def settle(self) -> None:
        """Let both members run."""
        self.script.release_all()
        for name in settings.MEMBERS:
            self.resume(name)
            self.stack.start_one(name)

    def remove(self) -> None:
        """Stop the members, and have Cinder forget them."""
        for name in settings.MEMBERS:
            self.stack.stop_one(name)
        # As cinder-manage does, which fails afterwards for a cluster.
        for table, column, more in (
                ('services', 'cluster_name', ''),
                ('clusters', 'name', ', race_preventer = id')):
            self.stack.database.execute(
                f'UPDATE {table} SET deleted = 1{more} '  # noqa: S608
                f'WHERE {column} = %s', 'cinder',
                (_host(settings.CLUSTER),))

    def records(self) -> dict[str, dict]:
        """Cinder's records of the members, by host."""
        return {host: record for host, record in self.world.backends().items()
                if record.get('cluster') == _host(settings.CLUSTER)}

    def places(self) -> dict[str, str]:
        """Where each member is, by name: '' for the primary."""
        return {host.partition('@')[0]: record['active_backend_id'] or ''
                for host, record in self.records().items()}

    def is_up(self, name: str) -> bool:
        """Whether Cinder takes a member for alive."""
        return self.records()[_host(name)]['state'] == 'up'

    def wait_turn(self, name: str) -> None:
        """Wait until a member is the next to be given a request.

        The broker gives them to the members in turn.

        :param name: the member
        """
        waiting.wait_for(f'the turn of {name}', lambda: self._ask() != name,
                         20)

    def request_failover(self, target: str) -> str:
        """Ask Cinder to fail the cluster over, by any member's name.

        :param target: ``secondary``, or ``default`` to fail back
        :returns: the request id
        """
        return self.world.request_failover(target,
                                           _host(settings.MEMBERS[0]))

    def _ask(self) -> str:
        """Make a harmless request, and say who has served it."""
        answer = self.world.admin.block_storage.post(
            f'/volumes/{self._probe}/action',
            json={f'os-{_CALL}': {'connector': _CONNECTOR}})
        exceptions.raise_from_response(answer)
        return _name(self.script.calls(_CALL)[-1])

    def leader(self) -> str:
        """The member that has led the latest failover."""
        return _name(self.script.calls('failover')[-1])

    def suspend(self, name: str) -> None:
        """Let a member do nothing, without its noticing."""
        for process in self._family(name):
            LOG.info('suspending %s (pid %d)', name, process.pid)
            process.suspend()

    def resume(self, name: str) -> None:
        """Let a suspended member go on."""
        for process in self._family(name):
            process.resume()

    def _family(self, name: str) -> list[psutil.Process]:
        """A member's processes."""
        daemon = registry.find(name, self.world.conf).daemon(self.world.conf)
        return daemon.family()


def _host(name: str) -> str:
    """What Cinder calls the backend of a member, or of the cluster."""
    return f'{name}@{settings.CLUSTER}'


def _name(call: script.Call) -> str:
    """The member whose driver was called."""
    return call.host.partition('@')[0]
