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

"""The fixture does what the contract says, which real Cinder does, too."""

import ddt
from nova import test
from nova.tests.functional import integrated_helpers
from oslo_utils.fixture import uuidsentinel as uuids

from nova_failover_ext.testing import contract
from nova_failover_ext.testing.contract import refusals
from nova_failover_ext.testing.contract import talk
from nova_failover_ext.testing import fixture
from nova_failover_ext.tests.functional.testing import world

WITH_NOVA = refusals.nova_alone_deletes_what_it_uses


@ddt.ddt
class Contract(test.NoDBTestCase):
    """The clauses for which nobody has to run."""

    def setUp(self):
        super().setUp()
        self.cinder = self.useFixture(fixture.CinderFailoverFixture(self))
        # There is no Nova to ask.
        self.cinder.cinder.used_by_nova = lambda *args: None

    @ddt.data(*(name for name, clause in contract.CLAUSES.items()
                if clause is not WITH_NOVA))
    def test_clause(self, name):
        contract.CLAUSES[name](talk.Talk(world.FixtureWorld(self.cinder)))

    @ddt.data(('an_attachment_from_its_beginning_to_its_end', 'complete'),
              ('a_volume_in_error_is_not_updated', 'check_update'),
              ('a_volume_is_reserved_once', 'connected'),
              ('a_failover_and_a_failback', 'lose_unreplicated'),
              ('a_failover_and_a_failback', 'failed_over'))
    @ddt.unpack
    def test_a_wrong_cinder_breaks_it(self, name, broken):
        setattr(self.cinder.cinder.records, broken, lambda *args: None)
        self.assertRaises(talk.Broken, contract.CLAUSES[name],
                          talk.Talk(world.FixtureWorld(self.cinder)))


class ContractWithNova(integrated_helpers._IntegratedTestBase):
    """The clause for which Nova has to use a volume."""

    api_major_version = 'v2.1'
    microversion = 'latest'
    ADMIN_API = True

    def setUp(self):
        super().setUp()
        self.cinder = self.useFixture(fixture.CinderFailoverFixture(self))

    def use(self, volume_id):
        server = self._build_server(networks='none', image_uuid='')
        server['block_device_mapping_v2'] = [{
            'boot_index': 0, 'uuid': volume_id, 'source_type': 'volume',
            'destination_type': 'volume'}]
        self._wait_for_state_change(
            self.api.post_server({'server': server}), 'ACTIVE')

    def test_clause(self):
        WITH_NOVA(talk.Talk(world.FixtureWorld(self.cinder, self.use)))

    def test_another_attachment_is_not_novas(self):
        volume_id, attachment_id = world.FixtureWorld(
            self.cinder, self.use).used()
        server = self.cinder.records[attachment_id]['instance_uuid']
        found = self.cinder.cinder.used_by_nova
        self.assertEqual(attachment_id, found(server, volume_id))
        self.assertIsNone(found(server, uuids.volume))
        self.assertIsNone(found(uuids.server, volume_id))
