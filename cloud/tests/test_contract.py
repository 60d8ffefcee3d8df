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
"""Real Cinder does what the fixture for functional tests pretends it does."""

import contextlib
import logging
import os
from typing import Any

from openstack import connection

from cinder_failover_hooks.testing import script
from cloud.scenario import world as worlds
from cloud.tests import base
from cloud import waiting
from nova_failover_ext.testing import contract
from nova_failover_ext.testing.contract import talk

LOG = logging.getLogger(__name__)

PREFIX = 'contract-'

_REPLICATED = {'volume_backend_name': 'repl',
               'replication_enabled': '<is> True'}
#: Volume types by the contract's kinds of volumes.
TYPES = {'replicated': _REPLICATED,
         'unreplicated': {'volume_backend_name': 'repl'},
         'multiattach': _REPLICATED | {'multiattach': '<is> True'}}


class CinderWorld:
    """The little cloud's Cinder, as the contract talks to it."""

    def __init__(self, test: 'ContractTest') -> None:
        """Log in as a service, too.

        :param test: whose cloud it is
        """
        self.test = test
        self.conf = test.stage.conf
        self.storage = test.world.admin.block_storage
        self.volumes: dict[str, str] = {}
        self.spare: dict[str, list[str]] = {}
        self.opened = contextlib.ExitStack()
        self.script = script.Script(self.conf.storage / 'control')
        self.script.make()
        test.addCleanup(self.remove)
        self.nova = connection.Connection(
            region_name=self.conf.region, identity_api_version='3', auth={
                'auth_url': self.conf.url('keystone') + '/v3',
                'username': 'nova', 'password': self.conf.password,
                'project_name': 'service', 'user_domain_name': 'Default',
                'project_domain_name': 'Default'})

    def request(self, method: str, url: str, body: Any = None,
                microversion: str = '3.0',
                service: bool = False) -> tuple[int, Any]:
        """See talk.World."""
        headers = ({'X-Service-Token': self.nova.auth_token} if service
                   else {})
        answer = self.storage.request(
            url, method, json=body, microversion=microversion,
            headers=headers, raise_exc=False)
        found = answer.json() if answer.content else None
        if method == 'PUT':
            self.open((found or {}).get('attachment'))
        return answer.status_code, found

    def open(self, attachment: dict[str, Any] | None) -> None:
        """Use what was connected, as a host does.

        A loop device that nobody uses gives its name away: then the other
        site's file could have the same one.

        :param attachment: the answer to PUT, None if it was refused
        """
        path = (attachment or {}).get('connection_info', {}).get(
            'device_path', '')
        if path.startswith('/dev/loop'):
            self.opened.callback(os.close, os.open(path, os.O_RDONLY))

    def volume(self, kind: str) -> str:
        """See talk.World."""
        spare = self.spare.get(kind)
        volume = spare.pop() if spare else self.make(kind)
        self.volumes[volume] = kind
        return volume

    def make(self, kind: str) -> str:
        """Make a volume, and wait for it.

        :param kind: see talk.World
        :returns: its id
        """
        made = self.storage.create_volume(
            name=f'{worlds.PREFIX}contract', size=1,
            volume_type=self.kind('replicated' if kind == 'read-only'
                                  else kind))
        waiting.wait_for(
            f'volume {made.id}', lambda: self.storage.get_volume(
                made.id).status == 'available', timeout=180, interval=0.1)
        if kind == 'read-only':
            self.storage.set_volume_readonly(made)
        return made.id

    def kind(self, kind: str) -> str:
        """The name of a volume type, which is made if need be.

        :param kind: a key of :data:`TYPES`
        """
        name = PREFIX + kind
        if not any(found.name == name for found in self.storage.types()):
            self.storage.create_type(name=name, extra_specs=TYPES[kind])
        return name

    def clear(self) -> None:
        """Bring the volumes of a clause back to where they began.

        What has been in error for a failover stays not capable of another.
        """
        self.opened.close()
        self.script.forget_faults()
        for volume, kind in self.volumes.items():
            self.storage.reset_volume_status(
                volume, status='available', attach_status='detached')
            self.spare.setdefault(kind, []).append(volume)
        self.volumes.clear()

    def remove(self) -> None:
        """Remove all volumes, wait until they have gone, and their types."""
        self.clear()
        mine = {volume for spare in self.spare.values() for volume in spare}
        for volume in mine:
            self.storage.delete_volume(volume)
        waiting.wait_for('the volumes to go', lambda: not any(
            found.id in mine for found in self.storage.volumes()),
            timeout=180, interval=0.1)
        for found in self.storage.types():
            if found.name.startswith(PREFIX):
                self.storage.delete_type(found)

    def used(self) -> tuple[str, str]:
        """See talk.World."""
        case = next(case for case in self.test.cast.cases
                    if case.replicated)
        return case.volume, self.test.cast.look(case).attachment

    def fail_over(self, backend_id: str) -> None:
        """See talk.World; the volumes are written after the service."""
        self.test.world.failover(backend_id)
        wanted = 'enabled' if backend_id == 'default' else 'failed-over'
        mine = [volume for volume, kind in self.volumes.items()
                if kind != 'unreplicated']
        mine += [volume for kind, spare in self.spare.items()
                 for volume in spare if kind != 'unreplicated']
        waiting.wait_for('the volumes to be written', lambda: all(
            self.storage.get_volume(volume).replication_status == wanted
            for volume in mine), timeout=120, interval=0.1)

    def break_driver(self, volume_id: str) -> None:
        """See talk.World."""
        self.script.fail(script.Fault('initialize_connection',
                                      volume_id=volume_id, once=False))

    def removed_exports(self, volume_id: str) -> int:
        """See talk.World."""
        return len([call for call in self.script.calls('remove_export')
                    if call.volume_id == volume_id])


class ContractTest(base.CloudTestCase):
    """Each clause, one after the other, on one cloud."""

    core = True

    def test_contract(self) -> None:
        """All clauses hold, and what does not is told at once."""
        world = CinderWorld(self)
        broken = []
        for name, clause in contract.CLAUSES.items():
            LOG.info('clause %s', name)
            try:
                clause(talk.Talk(world))
            except talk.Broken as error:
                broken.append(f'{name}: {error}')
            world.clear()
        self.assertEqual([], broken)
