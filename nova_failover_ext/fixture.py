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

"""A Cinder for tests on Nova's harness that can fail over.

Nova's own CinderFixture refuses a second update of a connected attachment;
real Cinder takes it, answers with fresh connection_info, and leaves
attachment and volume ``attaching`` until they are completed. This fixture
does as real Cinder does, and is the public way to test against a failover.
"""

import contextlib
import types
from typing import Any

from cinderclient import exceptions as client_exceptions
import fixtures
from nova import exception as nova_exception
from nova.tests import fixtures as nova_fixtures

from nova_failover_ext.testing import faults


class CinderFailoverFixture(nova_fixtures.CinderFixture):
    """Nova's CinderFixture with replication and truthful attachments.

    :ivar site: which site Cinder points at; change it to fail over
    :ivar records: attachment id to its stored ``status`` and
        ``connection_info``, as GET /attachments/{id} would show them
    :ivar volume_status: volume id to a status that overrules the computed one
    :ivar secret: handed out as ``auth_password`` in connection_info
    :ivar faults: lets calls fail or come late, and logs them
    """

    def __init__(self, test: Any, site: str = 'primary') -> None:
        super().__init__(test)
        self.site = site
        self.secret = 'canary-in-connection-info'  # noqa: S105
        self.records: dict[str, dict[str, Any]] = {}
        self.volume_status: dict[str, str] = {}
        self.faults = faults.Faults()

    def setUp(self) -> None:
        """Put the client that Nova's public function returns in place."""
        super().setUp()
        self.addCleanup(self.faults.clear)
        self.client = types.SimpleNamespace(
            volumes=types.SimpleNamespace(
                get=self._volume, initialize_connection=self._initialize),
            attachments=types.SimpleNamespace(show=self._show))
        self.useFixture(fixtures.MockPatch(
            'nova.volume.cinder.cinderclient', autospec=True,
            return_value=self.client))

    def path(self, volume_id: str, site: str | None = None) -> str:
        """Return a volume's device path at a site."""
        return f'/dev/{site or self.site}/{volume_id}'

    def _find_connection_info(self, volume_id: str,
                              attachment_id: str) -> dict[str, Any]:
        return {'driver_volume_type': 'local', 'data': {
            'device_path': self.path(volume_id), 'encrypted': False,
            'access_mode': 'rw', 'auth_password': self.secret}}

    def fake_attachment_update(self, context: Any, attachment_id: str,
                               connector: dict[str, Any],
                               mountpoint: str | None = None
                               ) -> dict[str, Any]:
        """Connect an attachment, again if need be (PUT /attachments)."""
        with self._asked(faults.Call.ATTACHMENT_UPDATE, attachment_id):
            return self._update(attachment_id, connector, mountpoint)

    def _update(self, attachment_id: str, connector: dict[str, Any],
                mountpoint: str | None) -> dict[str, Any]:
        volume_id, attachment, attachments = self._find_attachment(
            attachment_id)
        for other in attachments.values():
            if other is not attachment and other['connector'] and (
                    not self._is_multiattach(volume_id)):
                raise nova_exception.InvalidInput(
                    f'duplicate connectors detected on volume {volume_id}')
        attachment['connector'] = dict(connector, device=mountpoint)
        info = self._find_connection_info(volume_id, attachment_id)
        self.records[attachment_id] = {
            'status': 'attaching', 'connection_info': info}
        return {'id': attachment_id, 'connection_info':
                self._find_connection_info(volume_id, attachment_id)}

    def fake_attachment_complete(self, context: Any,
                                 attachment_id: str) -> None:
        """Finish an attachment (os-complete)."""
        with self._asked(faults.Call.ATTACHMENT_COMPLETE, attachment_id):
            super().fake_attachment_complete(context, attachment_id)
            self.records[attachment_id] = dict(
                self.records[attachment_id], status='attached')

    def fake_attachment_delete(self, context: Any,
                               attachment_id: str) -> None:
        """Remove an attachment (DELETE /attachments)."""
        with self._asked(faults.Call.ATTACHMENT_DELETE, attachment_id):
            super().fake_attachment_delete(context, attachment_id)
            self.records.pop(attachment_id, None)

    def _asked(self, call: faults.Call, attachment_id: str
               ) -> contextlib.AbstractContextManager[None]:
        volume_id = next((
            volume_id for volume_id, attachments
            in self.volume_to_attachment.items()
            if attachment_id in attachments), '')
        return self.faults.around(call, volume_id, attachment_id)

    def _status(self, volume_id: str) -> str:
        if volume_id in self.volume_status:
            return self.volume_status[volume_id]
        found = [self.records.get(attachment_id, {}).get('status')
                 for attachment_id in self.volume_to_attachment[volume_id]]
        if 'attaching' in found:
            return 'attaching'
        return 'in-use' if 'attached' in found else 'available'

    def _volume(self, volume_id: str) -> types.SimpleNamespace:
        with self.faults.around(faults.Call.SHOW_VOLUME, volume_id):
            return self._shown(volume_id)

    def _shown(self, volume_id: str) -> types.SimpleNamespace:
        return types.SimpleNamespace(
            id=volume_id, status=self._status(volume_id),
            replication_status=('enabled' if self.site == 'primary'
                                else 'failed-over'))

    def _initialize(self, volume_id: str,
                    connector: dict[str, Any]) -> dict[str, Any]:
        with self.faults.around(faults.Call.INITIALIZE_CONNECTION, volume_id):
            return self._find_connection_info(volume_id, 'none')

    def _show(self, attachment_id: str) -> types.SimpleNamespace:
        with self._asked(faults.Call.SHOW_ATTACHMENT, attachment_id):
            return self._attachment(attachment_id)

    def _attachment(self, attachment_id: str) -> types.SimpleNamespace:
        if attachment_id not in self.records:
            raise client_exceptions.NotFound(404)
        record = self.records[attachment_id]
        info = record['connection_info']
        shown = {'id': attachment_id, 'status': record['status'],
                 'connection_info': dict(
                     info['data'], attachment_id=attachment_id,
                     driver_volume_type=info['driver_volume_type'])}
        return types.SimpleNamespace(to_dict=lambda: dict(shown))
