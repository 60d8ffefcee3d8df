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

"""What every driver writes at a failover and a failback is understood."""

import itertools

from cinder_failover_hooks import drivers
from cinder_failover_hooks import statuses
import ddt
import testtools

from nova_failover_ext.cli.checks import storage
from nova_failover_ext.engine.planner import gate
from nova_failover_ext.engine.planner import rules
from nova_failover_ext.recovery import cinder_api
from nova_failover_ext.recovery import prepare
from nova_failover_ext.recovery import staleness
from nova_failover_ext.tests.unit.engine import fakes
from nova_failover_ext.tests.unit.recovery import world

_WAYS = {'failed over': (statuses.FAILED_OVER, 'second', ''),
         'failed back': (statuses.ENABLED, '', 'second')}


def _cases():
    for driver, way in itertools.product(drivers.DRIVERS, _WAYS):
        yield driver.name, way


def _row(driver, way, service_status):
    """Return a volume as Cinder's manager saves it after a driver's update."""
    update = getattr(driver, way.replace(' ', '_'))
    status = update.replication_status
    if update.status == statuses.VOLUME_ERROR:
        status = statuses.FAILOVER_ERROR
    elif status in (None, statuses.FAILED_OVER):
        status = service_status
    return fakes.volume(status=update.status or statuses.VOLUME_IN_USE,
                        replication_status=status)


@ddt.ddt
class DriversWalk(testtools.TestCase):

    def walk(self, name, way):
        service, target, stamp = _WAYS[way]
        volume = _row(drivers.BY_NAME[name], way, service)
        backend = fakes.backend(fakes.member(
            replication_status=service, active_backend_id=target))
        self.assertTrue(gate.decide(backend, [volume]).open)
        self.assertTrue(storage._replicated(volume))
        self.assertTrue(staleness.may_be_stale(
            {staleness.STAMP: stamp}, staleness.stamp_for(
                target, service, volume.replication_status, None)))
        return volume, rules.judge_volume(rules.Facts(
            volume, stamp, target, moved=bool(target)))

    @ddt.data(*_cases())
    @ddt.unpack
    def test_it_is_recovered_or_said_why_not(self, name, way):
        volume, ruling = self.walk(name, way)
        failed = (volume.replication_status in statuses.FAILED or
                  volume.status.startswith(statuses.VOLUME_ERROR))
        self.assertEqual(
            rules.Verdict.DEFER if failed else rules.Verdict.RECOVER,
            ruling.verdict, ruling.reason)
        around = world.World(world.Volume('a'))
        found = cinder_api.Volume(volume.status, volume.replication_status)
        problem = prepare.lost_reason(found) or prepare.unfit_reason(
            found, world.mapping.Mapping(around.bdms[0]))
        # Such a status keeps Cinder from updating the attachment.
        usable = volume.status == statuses.VOLUME_IN_USE and not failed
        self.assertEqual(usable, not problem, problem)

    @ddt.data(*(driver.name for driver in drivers.DRIVERS))
    def test_next_failover_is_waited_for(self, name):
        row = _row(drivers.BY_NAME[name], 'failed back', statuses.ENABLED)
        decision = gate.decide(fakes.backend(), [row])
        self.assertEqual(row.replication_status not in statuses.FAILED,
                         decision.moves(row.id), decision.reason)
