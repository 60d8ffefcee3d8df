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
import time
from typing import Any
import uuid

import cinder
from cinder import context
from cinder import objects
from cinder.tests.functional.api import client
from cinder.tests.functional import functional_helpers
from cinder.volume import configuration
import fixtures
from oslo_config import cfg

from cinder_failover_hooks.testing import notifications_fixture
from cinder_failover_hooks.testing import replicated_backend as testing
from cinder_failover_hooks.tests.functional import api
from cinder_failover_hooks.tests.functional import database

CONF = cfg.CONF

BACKEND = 'ctl1@rbd'
MANAGER = 'cinder_failover_hooks.manager.FailoverVolumeManager'


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


class _Clock:
    """What the scheduler uses of ``time``, only faster."""

    time = staticmethod(time.time)

    @staticmethod
    def sleep(seconds: float) -> None:
        """Sleep a fiftieth of what is asked for."""
        time.sleep(seconds / 50)


class FailoverTestCase(functional_helpers._FunctionalTestBase):
    """A backend with our volume manager, and somebody who listens."""

    _osapi_version = '3.70'
    cluster: str | None = None
    targets: tuple[str, ...] = ('site-b',)
    #: how the backend replicates
    mode = 'async'
    #: the fixture.FailoverNotifications that listens
    notifications: Any = None
    #: the volume service
    volume: Any
    #: the testing.ReplicatedBackend below it
    backend: Any

    def setUp(self) -> None:
        """Bring up the deployment and listen before the service starts."""
        self.useFixture(database.FileDatabase())
        self.seen: list[tuple[notifications_fixture.Received,
                              dict[str, Any]]] = []
        super().setUp()
        self.replicated = str(self.api.create_type('replicated')['id'])
        self.api.create_volume_type_extra_specs(
            self.replicated, {'replication_enabled': '<is> True'})
        self.plain = str(self.api.create_type('plain')['id'])

    def _get_flags(self) -> dict[str, Any]:
        flags: dict[str, Any] = super()._get_flags()
        self.backend = self.useFixture(testing.ReplicatedBackend(
            CONF, configuration.SHARED_CONF_GROUP, self.targets, self.mode))
        flags['file_auth_password'] = {'v': 'canary',
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
        # It looks once a second whether a backend has answered.
        with fixtures.MonkeyPatch('cinder.scheduler.manager.time', _Clock):
            started = super().start_service(name, host=host, **kwargs)
        testing.wait_until('the answer of a backend',
                           lambda: self._is_known(started.manager))
        return started

    @staticmethod
    def _is_known(scheduler: Any) -> bool:
        if scheduler.driver.is_first_receive():
            return True
        scheduler.request_service_capabilities(context.get_admin_context())
        return False

    def listen(self) -> None:
        """Listen, and keep the database's state with what is received."""
        self.notifications = self.useFixture(
            notifications_fixture.FailoverNotifications(
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

    def make_volume(self, type_id: str, **more: Any) -> str:
        """Create a volume and wait for it.

        :param type_id: id of its type
        :param more: of the request
        :returns: its id
        """
        made = self.api.post_volume(
            {'volume': {'size': 1, 'volume_type': type_id, **more}})['id']
        self.wait_for_status('volumes', made, 'creating')
        self.assertEqual('available', self.api.get_volume(made)['status'])
        return str(made)

    def wait_for_status(self, kind: str, found_id: str, left: str,
                        field: str = 'status') -> None:
        """Wait until something has left a status.

        :param kind: ``volumes`` or ``groups``
        :param found_id: its id
        :param left: the status that it leaves
        :param field: of what the API shows
        """
        def has_left() -> bool:
            shown = self.api.api_get('/%s/%s' % (kind, found_id))
            return bool(shown[kind[:-1]][field] != left)

        testing.wait_until('the end of %s' % left, has_left)

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

    def attached(self, type_id: str, **more: Any) -> tuple[str, str, str]:
        """Create and attach a volume.

        :param type_id: id of its type
        :param more: of the request
        :returns: ids of the volume, the attachment and the server
        """
        volume_id = self.make_volume(type_id, **more)
        return (volume_id, *self.attach(volume_id))

    def make_group(self) -> str:
        """Create a group for the replicated type, and replicate it.

        :returns: its id
        """
        group_type = self.api.create_group_type('replicated')['id']
        self.api.create_group_type_specs(
            group_type, {'consistent_group_replication_enabled': '<is> True'})
        made = self.api.post_group({'group': {
            'group_type': group_type, 'volume_types': [self.replicated]}})
        self.wait_for_status('groups', made['id'], 'creating')
        return str(made['id'])

    def replicate_group(self, group_id: str) -> None:
        """Enable the replication of a group that has its volumes.

        :param group_id: its id
        """
        self.api.enable_group_replication(group_id, {'enable_replication': {}})
        self.wait_for_status('groups', group_id, 'enabling',
                             'replication_status')

    def fail_over(self, target: str | None = 'site-b') -> None:
        """Do what ``cinder failover-host`` does.

        :param target: the replication target
        """
        body: dict[str, Any] = {'host': BACKEND}
        if target:
            body['backend_id'] = target
        self.api.api_put('/os-services/failover_host', body)

    def fail_group_over(self, group_id: str,
                        target: str | None = 'site-b') -> None:
        """Do what ``cinder group-failover-replication`` does.

        :param group_id: id of the group
        :param target: the replication target
        """
        self.api.failover_group_replication(group_id, {
            'failover_replication': {
                'secondary_backend_id': target,
                'allow_attached_volume': True}})

    def refused(self, function: Any, *args: Any) -> str:
        """Return why the API refuses something.

        :param function: what to do
        :param args: its arguments
        """
        error = self.assertRaises(client.OpenStackApiException, function,
                                  *args)
        return str(error)

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

    def service_row(self, host: str = BACKEND) -> tuple[Any, ...]:
        """Return replication status, target, disabled and its reason.

        :param host: ``host@backend`` of the service
        """
        row = objects.Service.get_by_args(
            context.get_admin_context(), host, 'cinder-volume')
        return (row.replication_status, row.active_backend_id or None,
                row.disabled, row.disabled_reason)

    def wait_for_row(self, volume_id: str, *expected: str) -> None:
        """Wait until the row of a volume says something.

        :param volume_id: its id
        :param expected: its status and its replication status
        """
        testing.wait_until('the row of a volume', lambda: self.rows()[
            volume_id] == expected)
