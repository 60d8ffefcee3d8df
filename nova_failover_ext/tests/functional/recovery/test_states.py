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


"""The state table, row by row, for root and data volumes and each policy."""

import dataclasses

import ddt
from oslo_utils import uuidutils
import prettytable

from nova_failover_ext.recovery import policy
from nova_failover_ext.recovery import staleness
from nova_failover_ext.tests.functional.recovery import base
from nova_failover_ext.tests.functional.recovery import states
from nova_failover_ext.tests.functional.recovery import table

_SITES = {'primary': 'old', 'secondary': 'new'}


@dataclasses.dataclass
class Case:
    """One server of the table.

    :ivar kind: root or data
    :ivar policy: the server's, by its metadata
    :ivar volume_id: its volume
    :ivar server: as the API shows it
    :ivar guest: the site of the guest's disk before the recovery
    :ivar state: its vm_state and task_state before the recovery
    """

    kind: str
    policy: policy.Policy
    volume_id: str
    server: dict
    guest: str = ''
    state: tuple = ()


@ddt.ddt
class StateTable(states.StatesMixin, base.FailoverTestBase):

    ADMIN_API = True
    HOSTS = ('compute1', 'compute2')

    def setUp(self):
        super().setUp()
        self.table = prettytable.PrettyTable(
            ['state', 'volume', 'policy', 'outcome', 'power cycle', 'Nova',
             'Cinder', 'guest', 'status', 'reason'], align='l')

    @ddt.data(*table.TABLE)
    def test_state(self, state):
        cases = self.cases(state)
        self.enter(state, [case.server for case in cases])
        self.cinder.site = 'secondary'
        self.look(cases)
        for case in cases:
            self.check(state, case, table.TABLE[state][case.kind])
        later = table.AFTERWARDS.get(state, {})
        cases = [case for case in cases
                 if case.policy in later.get(case.kind, {})]
        if cases:
            self.leave(state, [case.server for case in cases])
            self.look(cases)
        for case in cases:
            self.check(f'{state}, left', case, later[case.kind])
        self.assert_no_old_connection()
        self.publish(f'State table: {state}', self.table.get_string())

    def cases(self, state):
        """Create a server for each kind of volume and policy."""
        cases = []
        for kind in table.KINDS:
            for its in table.POLICIES:
                volume_id = uuidutils.generate_uuid()
                bdm = (self.root(volume_id) if kind == 'root'
                       else self.data(volume_id))
                cases.append(Case(kind, its, volume_id, self.create(
                    bdm, metadata={policy.METADATA_KEY: its.value},
                    host='compute1')))
        servers = self.wait_for_all([case.server for case in cases], 'ACTIVE')
        for case, server in zip(cases, servers, strict=True):
            case.server = server
        return cases

    def look(self, cases):
        """Remember what a recovery might change."""
        for case in cases:
            case.guest = self.guest(case)
            case.state = self.state(case)

    def check(self, state, case, row):
        """Recover one server, and compare all that is to be seen."""
        expected = row[case.policy]
        power_ons = self.hypervisor.power_ons[case.server['id']]
        result = self.recover(case.server, case.volume_id,
                              host=self.asked(state))
        seen = table.Seen(
            result.outcome, result.power_cycled, self.nova(case),
            self.in_cinder(case), self.guest(case),
            self.volume_status(case.volume_id), result.reason)
        self.table.add_row([
            state, case.kind, case.policy.value, seen.outcome.value,
            'yes' if seen.cycled else 'no', seen.nova, seen.cinder,
            seen.guest, seen.volume, seen.reason.replace(
                case.volume_id, '...')])
        self.assertIn(expected.reason, seen.reason)
        if expected.guest == 'as before':
            expected = dataclasses.replace(expected, guest=case.guest)
        self.assertEqual(
            dataclasses.replace(expected, reason=seen.reason), seen,
            (state, case))
        self.assertEqual(case.state, self.state(case))
        self.assertEqual(
            power_ons + seen.cycled,
            self.hypervisor.power_ons[case.server['id']])

    def state(self, case):
        instance = self.instance(case.server)
        return instance.vm_state, instance.task_state

    def nova(self, case):
        """Return the site in the block device mapping."""
        bdm = self.bdms(case.server).get(case.volume_id)
        if bdm is None:
            return '-'
        info = self.info(case.server, case.volume_id)
        if not info:
            return '-'
        site = _site(info['data']['device_path'])
        # Only what is the truth may say so.
        if staleness.STAMP in info:
            self.assertEqual(('new', 'secondary'),
                             (site, info[staleness.STAMP]))
            self.assertNotIn(staleness.IN_PROGRESS_MARKER, info)
        return site

    def in_cinder(self, case):
        """Return the site and status of Cinder's attachment."""
        found = self.attachments(case.server)
        if not found:
            return '-'
        attachment, = found
        info = self.cinder.records.get(attachment['id'], {}).get(
            'connection_info')
        site = _site(info['data']['device_path']) if info else '-'
        return f'{site} {attachment["status"]}'

    def guest(self, case):
        """Return the site of the disk of the running guest."""
        for host in self.HOSTS:
            domain = self.domain(case.server, host)
            disk = self.disk(case.server, case.volume_id, host)
            if domain and domain.isActive() and disk is not None:
                return _site(disk.find('./source').get('dev'))
        return '-'


def _site(path):
    return _SITES[path.split('/')[2]]
