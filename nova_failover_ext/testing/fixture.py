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

Nova's own CinderFixture refuses a second update of a connected attachment and
knows nothing of failovers. This one does as real Cinder does, and is the
public way to test against a failover::

    self.cinder = self.useFixture(fixture.CinderFailoverFixture(self))
    ...
    self.cinder.site = 'secondary'
"""

import types
from typing import Any

import fixtures
from nova import exception as nova_exception
from nova.tests import fixtures as nova_fixtures
from nova.volume import cinder as nova_cinder
from oslo_utils import uuidutils

from nova_failover_ext.testing import backends
from nova_failover_ext.testing import cinder_records
from nova_failover_ext.testing import client
from nova_failover_ext.testing import connections
from nova_failover_ext.testing import fake_cinder as cinder_module
from nova_failover_ext.testing import faults
from nova_failover_ext.testing import kinds
from nova_failover_ext.testing import nova_records
from nova_failover_ext.testing import rest
from nova_failover_ext.testing import routes

# What Nova's fixture replaces, and what is put back here, because a client is
# there to answer it. Kept now: once a fixture is in use, it is replaced.
_REAL = {name: vars(nova_cinder.API)[name] for name in (
    'attachment_complete', 'attachment_create', 'attachment_delete',
    'attachment_get', 'attachment_get_all', 'attachment_update',
    'begin_detaching', 'check_attached', 'get', 'initialize_connection',
    'roll_detaching', 'terminate_connection')}


class CinderFailoverFixture(nova_fixtures.CinderFixture):
    """Nova's CinderFixture with replication and attachments as in real Cinder.

    Nova's code down to cinderclient is real; only the HTTP requests are
    answered here. Any volume id is a volume, as in Nova's fixture.

    :ivar cinder: the Cinder behind it
    :ivar api: its REST API
    :ivar session: what its clients talk to
    :ivar client: the cinderclient's ``volumes``, ``attachments`` and
        ``services`` that Nova's code, and a recovery, get
    """

    def __init__(self, test: Any, site: str = 'primary') -> None:
        """Start with no volumes.

        :param test: the test case
        :param site: name of the site where replicated volumes are at home
        """
        super().__init__(test)
        self.cinder = cinder_module.Cinder(self.volume_to_attachment, site)
        self.cinder.default_kind = self._default_kind
        self.cinder.describe = self._describe
        self.cinder.used_by_nova = nova_records.attachment_id
        self.api = rest.Api(self.cinder, routes.ROUTES)
        self.session = client.Session(self.api)
        self._clients: dict[str | None, Any] = {}
        self.client = types.SimpleNamespace(
            volumes=self._client(None).volumes,
            attachments=self._client(None, '3.44').attachments,
            services=self._client(None, '3.7').services)

    def _create_fakes(self) -> None:
        super()._create_fakes()
        self.useFixture(fixtures.MockPatchMultiple(
            'nova.volume.cinder.API', **_REAL))
        self.useFixture(fixtures.MonkeyPatch(
            'nova.volume.cinder.cinderclient', self._client))
        self.addCleanup(self.faults.clear)

    def _client(self, context: Any, microversion: str | None = None,
                skip_version_check: bool = False,
                check_only: bool = False) -> Any:
        if microversion not in self._clients:
            self._clients[microversion] = client.make(
                self.session, microversion)
        return self._clients[microversion]

    # Sites

    @property
    def site(self) -> str:
        """Where replicated volumes are used; set it to fail over or back."""
        return self.cinder.backends.site()

    @site.setter
    def site(self, site: str) -> None:
        home = site == self.cinder.backends.primary
        self.cinder.fail_over(backends.FAILBACK if home else site)

    @property
    def services(self) -> list[backends.Service]:
        """The volume services; a test may change them."""
        return self.cinder.backends.services

    def path(self, volume_id: str, site: str | None = None) -> str:
        """Return a volume's device path.

        :param volume_id: the volume
        :param site: at this site; at the present one if left out
        """
        return connections.device_path(
            volume_id, site or self.cinder.site(volume_id))

    # Volumes

    def volume(self, volume_id: str = '', **values: Any) -> str:
        """Say of what kind a volume is; it begins as available.

        :param volume_id: the volume; a new one if left out
        :param values: the fields of a ``testing.kinds.Kind``
        :returns: its id
        :raises ValueError: if it has attachments
        """
        volume_id = volume_id or uuidutils.generate_uuid()
        self.cinder.add(volume_id, kinds.Kind(**values))
        return volume_id

    @property
    def volume_status(self) -> dict[str, str]:
        """Volume id to a status that overrules its own until removed."""
        return self.cinder.records.overruled

    def status(self, volume_id: str) -> str:
        """Return a volume's status."""
        return self.cinder.records.status(volume_id)

    @property
    def records(self) -> dict[str, cinder_records.Attachment]:
        """Attachment id to Cinder's record, connection_info in Nova's form.

        A change replaces the record, so a kept one stays as it was.
        """
        return {attachment['id']: attachment
                for found in list(self.volume_to_attachment.values())
                for attachment in list(found.values())}

    # Trouble

    @property
    def faults(self) -> faults.Faults:
        """Lets calls fail or come late, and logs them."""
        return self.cinder.faults

    @property
    def secret(self) -> str:
        """What connection_info has as ``auth_password``."""
        return self.cinder.secret

    # What Nova's fixture knows of volumes

    def _default_kind(self, volume_id: str) -> kinds.Kind:
        return kinds.Kind(multiattach=self._is_multiattach(volume_id))

    def _describe(self, volume_id: str) -> dict[str, Any] | None:
        try:
            known = self.fake_get(None, volume_id)
        except nova_exception.VolumeNotFound:
            return None
        shown = {key: known[key] for key in (
            'availability_zone', 'migration_status', 'volume_image_metadata')
            if key in known}
        return shown | {'name': known['display_name'],
                        'bootable': str(known.get('bootable', True)).lower()}
