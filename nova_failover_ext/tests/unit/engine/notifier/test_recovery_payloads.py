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


"""The payloads are versioned; a change of their fields shows here."""

import ddt
from nova import objects
from nova.objects import base as nova_base
from oslo_versionedobjects import fixture
from oslotest import base

from nova_failover_ext.engine.notifier import recovery_payloads

PAYLOADS = (recovery_payloads.FailedServerPayload,
            recovery_payloads.FailoverRecoveryPayload)
# A new fingerprint needs a new version, and its line in the class.
FINGERPRINTS = {
    'FailedServerPayload': '1.0-b18dead91b6b19632f75c724b7cbe3e1',
    'FailoverRecoveryPayload': '1.0-cc7b03f81f42f8d9805ec50d59e4f911',
}


@ddt.ddt
class PayloadsTest(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        objects.register_all()

    def test_fingerprints(self):
        checker = fixture.ObjectVersionChecker(
            {payload.__name__: [payload] for payload in PAYLOADS})
        self.assertEqual(FINGERPRINTS, checker.get_hashes())

    @ddt.data(*PAYLOADS)
    def test_registries_of_nova_stay_as_they_are(self, payload):
        registry = nova_base.NovaObjectRegistry
        self.assertNotIn(payload.obj_name(), registry.obj_classes())
        self.assertNotIn(payload, registry.notification_classes)

    @ddt.data(*PAYLOADS)
    def test_namespace(self, payload):
        self.assertEqual('nova_failover_ext', payload.OBJ_PROJECT_NAMESPACE)

    def test_a_server_has_an_id(self):
        failed = recovery_payloads.FailedServerPayload(
            '8d5c2a3e-94a5-4a56-8d1c-2a3b4c5d6e7f', 'why')
        data = failed.obj_to_primitive()['nova_object.data']
        self.assertEqual({'server_id', 'reason'}, set(data))
