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

"""What the unit tests share: a configuration, data and the samples."""

import dataclasses
import json
import pathlib
from typing import Any
from unittest import mock

import fixtures
from oslo_config import cfg
import testtools

from cinder_failover_hooks import conf
from cinder_failover_hooks import notifications
from cinder_failover_hooks import payloads
from cinder_failover_hooks import state

SAMPLES = (pathlib.Path(__file__).parents[3] / 'doc' / 'notification_samples')

BACKEND = 'ctl1@rbd'
REQUEST = 'req-0f1cd2a4-6a3d-4f3a-9a0e-4a6a3c9f1b11'
SERVER = '8d5c2a3e-94a5-4a56-8d1c-2a3b4c5d6e7f'
GROUP = '5d7e3f10-2c44-4a6b-9b1e-7a0c5d9e2f31'
PROJECT = '6f70656e737461636b20342065766572'

ATTACHED = state.Volume(
    volume_id='3f0c5a3c-3b52-4e0e-8b43-5b2e1f0f7a01', status='in-use',
    replication_status='failed-over', project_id=PROJECT,
    attachments=(state.Attachment(
        attachment_id='b1a7c1de-52d8-4c5e-9a55-0d6c8f2e4a10',
        server_id=SERVER, host='cmp1'),))
LOST = state.Volume(
    volume_id='9c1d7a52-0b0e-4d52-b0a6-2c3d4e5f6a02', status='error',
    replication_status='not-capable', project_id=PROJECT,
    attachments=(state.Attachment(
        attachment_id='c2b8d2ef-63e9-4d6f-8b66-1e7d9a3f5b21',
        server_id=SERVER, host='cmp1'),))
IDLE = state.Volume(
    volume_id='b7e0c9d1-1a2b-4c3d-9e4f-5a6b7c8d9e03', status='available',
    replication_status='failed-over', project_id=PROJECT)

PRIMARY = state.BackendState(active_backend_id='',
                             replication_status='enabled')
SECONDARY = state.BackendState(active_backend_id='site-b',
                               replication_status='failed-over')


def clustered(member: str | None = 'site-b', status: str = 'failed-over'
              ) -> state.BackendState:
    """Return the state of a cluster that has failed over.

    :param member: active backend id of the member that was asked
    :param status: its replication status
    """
    return dataclasses.replace(
        SECONDARY, cluster='cl@rbd', member=state.MemberState(member, status))


def header(**changes: Any) -> payloads.Header:
    """Return the header of the end of a failover.

    :param changes: fields to set otherwise
    """
    values: dict[str, Any] = {
        'event_type': notifications.END, 'cause': 'failover',
        'failover_id': REQUEST, 'backend': BACKEND, 'old': '',
        'now': SECONDARY}
    values.update(changes)
    return payloads.Header(**values)


def sample(name: str) -> dict[str, Any]:
    """Return a notification sample of the documentation.

    :param name: of its file, without the extension
    """
    loaded: dict[str, Any] = json.loads(
        (SAMPLES / ('%s.json' % name)).read_text())
    return loaded


class TestCase(testtools.TestCase):
    """Base of the unit tests."""

    def config(self, **options: Any) -> cfg.ConfigOpts:
        """Return a configuration of its own for a test.

        :param options: values of the ``[failover_hooks]`` group
        """
        made = cfg.ConfigOpts()
        made([], project='failover-hooks-test', default_config_files=[])
        conf.register_opts(made)
        for name, value in options.items():
            made.set_override(name, value, group='failover_hooks')
        return made


class File(fixtures.Fixture):
    """A temporary file.

    :param content: of the file
    """

    def __init__(self, content: str) -> None:
        super().__init__()
        self._content = content

    def _setUp(self) -> None:
        folder = self.useFixture(fixtures.TempDir()).path
        #: where the file is
        self.path = str(pathlib.Path(folder) / 'file')
        pathlib.Path(self.path).write_text(self._content)


class Patch(fixtures.Fixture):
    """Replaces an attribute by a mock of the same signature.

    :param target: whose attribute
    :param name: of the attribute
    :param kwargs: for the mock
    """

    def __init__(self, target: Any, name: str, **kwargs: Any) -> None:
        super().__init__()
        self._patcher = mock.patch.object(
            target, name, autospec=True, **kwargs)

    def _setUp(self) -> None:
        #: the mock
        self.mock = self._patcher.start()
        self.addCleanup(self._patcher.stop)
