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

"""What the tests of a recovery have in common."""

from unittest import mock

import fixtures
from nova import context as nova_context
from oslotest import base

from nova_failover_ext.recovery import attempt
from nova_failover_ext.recovery import prepare
from nova_failover_ext.recovery import recovery
from nova_failover_ext.tests.unit.recovery import world


class Case(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.context = nova_context.get_admin_context()
        self.record = self.useFixture(
            _Patch(attempt.record, 'Record')).mock.return_value
        self.probe = self.useFixture(
            _Patch(prepare.probe, 'probe')).mock

    def world(self, *volumes, **kwargs):
        return world.World(*volumes, **kwargs)

    def recover(self, around, policy=None, volumes=None):
        work = recovery.Recovery(around.components)
        return work.recover(
            self.context, world.SERVER,
            dict.fromkeys(volumes or around.volumes, 'secondary'), policy)


class _Patch(fixtures.Fixture):

    def __init__(self, target, name):
        self._patch = mock.patch.object(target, name, autospec=True)

    def _setUp(self):
        self.mock = self._patch.start()
        self.addCleanup(self._patch.stop)
