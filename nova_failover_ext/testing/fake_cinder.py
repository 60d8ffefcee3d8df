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

"""A Cinder without processes: its records, its backends and their driver."""

from collections.abc import Callable
from typing import Any

from cinderclient import exceptions as client_exceptions

from nova_failover_ext.testing import backends
from nova_failover_ext.testing import cinder_records
from nova_failover_ext.testing import connections
from nova_failover_ext.testing import faults
from nova_failover_ext.testing import kinds

Attachments = dict[str, dict[str, cinder_records.Attachment]]


class Cinder:
    """What a Cinder knows and can do.

    :ivar default_kind: returns the kind of a volume that was not added
    :ivar describe: returns what else the API shows of a volume, such as its
        name; None for a volume that does not exist
    :ivar used_by_nova: returns the id of the attachment that Nova has for a
        server and a volume, None if it has none
    :ivar secret: handed out as ``auth_password`` in connection_info
    :ivar removed_exports: volume ids, one for each time that the driver was
        told to remove a volume's export
    """

    def __init__(self, attachments: Attachments, primary: str) -> None:
        """Start with no volumes.

        :param attachments: where to keep the attachments
        :param primary: name of the site where replicated volumes are at home
        """
        self.faults = faults.Faults()
        self.backends = backends.Backends(primary)
        self.records = cinder_records.Records(attachments, self._new)
        self._kinds: dict[str, kinds.Kind] = {}
        self.default_kind: Callable[[str], kinds.Kind] = (
            lambda volume_id: kinds.Kind())
        self.describe: Callable[[str], dict[str, Any] | None] = (
            lambda volume_id: {})
        self.used_by_nova: Callable[[str, str], str | None] = (
            lambda instance_uuid, volume_id: None)
        self.secret = connections.CANARY
        self.removed_exports: list[str] = []

    def _new(self, volume_id: str) -> cinder_records.Volume:
        kind = self.kind(volume_id)
        status = 'disabled'
        if kind.replicated:
            status = self.backends.of(kind.backend)[0].replication_status
        return cinder_records.Volume(volume_id, kind, status)

    def add(self, volume_id: str, kind: kinds.Kind) -> None:
        """Make a volume, available, or make it anew.

        :param volume_id: its id
        :param kind: what kind of volume it is
        :raises ValueError: if it has attachments
        """
        if self.records.attachments.get(volume_id):
            raise ValueError(f'volume {volume_id} has attachments')
        self._kinds[volume_id] = kind
        self.records.put(self._new(volume_id))

    def kind(self, volume_id: str) -> kinds.Kind:
        """Return the kind of a volume."""
        return self._kinds.get(volume_id) or self.default_kind(volume_id)

    def site(self, volume_id: str) -> str:
        """Return the site where a volume is used."""
        kind = self.kind(volume_id)
        if kind.replicated or kind.backend != 'repl':
            return self.backends.site(kind.backend)
        return self.backends.primary

    def connection_info(self, volume_id: str) -> dict[str, Any]:
        """Return what the driver says of where a volume is, in Nova's form."""
        return self.kind(volume_id).connection_info(
            volume_id, self.site(volume_id), self.secret)

    def ask_driver(self, volume_id: str) -> dict[str, Any]:
        """Export a volume and return its connection_info.

        :raises records.Refused: if the driver fails, 500
        """
        try:
            with self.faults.around(faults.Call.DRIVER, volume_id):
                return self.connection_info(volume_id)
        except client_exceptions.ClientException as error:
            self.removed_exports.append(volume_id)
            raise cinder_records.Refused(
                500, f'Driver initialize connection failed: {error}'
            ) from error

    def fail_over(self, backend_id: str, host: str = 'cinder@repl') -> None:
        """Fail a backend over, or back, as ``VolumeManager.failover`` does.

        :param backend_id: the replication target, ``default`` to fail back
        :param host: ``host@backend`` of a member
        """
        members = self.backends.of(host)
        back = backend_id == backends.FAILBACK
        active = members[0].active_backend_id or backends.FAILBACK
        hosts = {each.host for each in members}
        # Before the driver is asked, and whatever it says.
        self.records.lose_unreplicated(hosts, back)
        if backend_id == active:
            for each in members:
                each.replication_status = (
                    'enabled' if back else 'failed-over')
            return
        self.backends.failed_over(members, backend_id)
        self.records.failed_over(hosts, back)
