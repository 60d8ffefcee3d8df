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

"""What the functional tests share: a deployment in one process."""

import pathlib
import sys
from typing import Any
import uuid

import cinder
from cinder import context
from cinder import objects
from cinder.tests.functional import functional_helpers
from cinder.volume import configuration
from oslo_config import cfg

from cinder_failover_hooks import fixture
from cinder_failover_hooks.tests.functional import api
from cinder_failover_hooks.tests.functional import database
from cinder_failover_hooks.tests.functional import driver

CONF = cfg.CONF

BACKEND = 'ctl1@rbd'
MANAGER = 'cinder_failover_hooks.manager.FailoverVolumeManager'
DRIVER = 'cinder_failover_hooks.tests.functional.driver.ScriptedDriver'
SCRIPT = driver.SCRIPT


def api_paste() -> str:
    """Return where the installed Cinder has its api-paste.ini.

    A wheel puts it into the environment, a checkout beside the package.
    """
    for root in (pathlib.Path(sys.prefix),
                 pathlib.Path(cinder.__file__).parents[1]):
        path = root / 'etc' / 'cinder' / 'api-paste.ini'
        if path.exists():
            return str(path)
    raise FileNotFoundError('etc/cinder/api-paste.ini')


class FailoverTestCase(functional_helpers._FunctionalTestBase):
    """A backend with our volume manager, and somebody who listens."""

    _osapi_version = '3.70'
    cluster: str | None = None
    #: the fixture.FailoverNotifications that listens
    notifications: Any = None
    #: the volume service
    volume: Any

    def setUp(self) -> None:
        """Bring up the deployment and listen before the service starts."""
        self.useFixture(database.FileDatabase())
        self.script = driver.ScriptFixture()
        self.seen: list[tuple[fixture.Received, dict[str, Any]]] = []
        super().setUp()
        self.useFixture(self.script)
        self.replicated = str(self.api.create_type('replicated')['id'])
        self.api.create_volume_type_extra_specs(
            self.replicated, {'replication_enabled': '<is> True'})
        self.plain = str(self.api.create_type('plain')['id'])

    def _get_flags(self) -> dict[str, Any]:
        flags: dict[str, Any] = super()._get_flags()
        flags['volume_driver'] = {'v': DRIVER,
                                  'g': configuration.SHARED_CONF_GROUP}
        flags['volume_manager'] = {'v': MANAGER}
        # As in deployments that want none of Cinder's own notifications.
        flags['driver'] = {'v': ['noop'], 'g': 'oslo_messaging_notifications'}
        return flags

    def start_service(self, name: str, host: str | None = None,
                      **kwargs: Any) -> Any:
        """Start a service; the volume service is the backend under test."""
        if name == 'volume':
            if self.notifications is None:
                self.listen()
                self.configure_hooks()
            host = host or BACKEND
            kwargs.setdefault('cluster', self.cluster)
        return super().start_service(name, host=host, **kwargs)

    def listen(self) -> None:
        """Listen, and keep the database's state with what is received."""
        self.notifications = self.useFixture(fixture.FailoverNotifications(
            CONF, on_received=lambda one: self.seen.append(
                (one, self.rows()))))

    def configure_hooks(self, **options: Any) -> None:
        """Set options of our group.

        :param options: values
        """
        # Imported late: it must not come before Cinder's objects.
        from cinder_failover_hooks import conf
        conf.register_opts(CONF)
        options.setdefault('retry_interval', 0.01)
        options.setdefault('retry_timeout', 5)
        for name, value in options.items():
            self.override_config(name, value, 'failover_hooks')

    def _start_api_service(self) -> None:
        self.osapi = api.ApiServer(api_paste())
        self.auth_url = self.osapi.url

    def make_volume(self, type_id: str) -> str:
        """Create a volume and wait for it.

        :param type_id: id of its type
        :returns: its id
        """
        made = self.api.post_volume(
            {'volume': {'size': 1, 'volume_type': type_id}})
        found = self._poll_volume_while(made['id'], ['creating'])
        self.assertEqual('available', found['status'])
        return str(made['id'])

    def attach(self, volume_id: str) -> tuple[str, str]:
        """Attach a volume to a server, as Nova does.

        :param volume_id: id of the volume
        :returns: ids of the attachment and of the server
        """
        server = str(uuid.uuid4())
        made = self.api.api_post('/attachments', {'attachment': {
            'volume_uuid': volume_id, 'instance_uuid': server,
            'connector': {'host': 'cmp1', 'initiator': 'iqn', 'ip': '::1',
                          'mountpoint': '/dev/vdb'}}})['attachment']
        self.api.api_post('/attachments/%s/action' % made['id'],
                          {'os-complete': {}},
                          check_response_status=[204])
        return str(made['id']), server

    def attached(self, type_id: str) -> tuple[str, str, str]:
        """Create and attach a volume.

        :param type_id: id of its type
        :returns: ids of the volume, the attachment and the server
        """
        volume_id = self.make_volume(type_id)
        return (volume_id, *self.attach(volume_id))

    def fail_over(self, target: str | None = 'site-b') -> None:
        """Do what ``cinder failover-host`` does.

        :param target: the replication target
        """
        body: dict[str, Any] = {'host': BACKEND}
        if target:
            body['backend_id'] = target
        self.api.api_put('/os-services/failover_host', body)

    def rows(self) -> dict[str, Any]:
        """Return what the database has: volumes by id, and the service."""
        admin = context.get_admin_context()
        found: dict[str, Any] = {
            volume.id: (volume.status, volume.replication_status)
            for volume in objects.VolumeList.get_all(admin)}
        try:
            found['service'] = self.service_row()
        except cinder.exception.ServiceNotFound:
            found['service'] = None
        return found

    def service_row(self) -> tuple[Any, ...]:
        """Return replication status, target, disabled and its reason."""
        row = objects.Service.get_by_args(
            context.get_admin_context(), BACKEND, 'cinder-volume')
        return (row.replication_status, row.active_backend_id or None,
                row.disabled, row.disabled_reason)
