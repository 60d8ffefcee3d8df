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


"""Servers that are recovered again and again, back and forth between sites.

A failback is the same as a failover, so that one server serves for many
cases: when one has ended well, Cinder points at the other site for the next.
"""

import collections
import dataclasses

import prettytable

from nova_failover_ext.engine.inventory import nova_reader
from nova_failover_ext.engine import model
from nova_failover_ext.engine.planner import server_plans
from nova_failover_ext.recovery import results
from nova_failover_ext.tests.functional.recovery import base
from nova_failover_ext.tests.functional.recovery import crash_process
from nova_failover_ext.tests.functional.recovery import crash_seams

Outcome = results.Outcome

#: Passes of the engine until a server has to be healthy.
PASSES = 4
#: How each case has to end.
HEALTHY = 'healthy'


@dataclasses.dataclass(frozen=True)
class Scene:
    """A server, and how it is to be recovered.

    :ivar root: whether it boots from a volume
    :ivar data: whether it has a data volume
    :ivar runs: whether it is ACTIVE, or else STOPPED
    :ivar policy: the operator's
    :ivar held: whether the guest does not let go of the data volume
    :ivar waits: whether a pass under the policy refresh came before
    :ivar deed: what is cut off or disturbed: a pass of the engine, what
        the server's owner does, or the start of the host
    :ivar alone: whether Cinder answers the host at its start, so that it
        can go on by itself
    """

    root: bool = False
    data: bool = False
    runs: bool = True
    policy: str = 'reattach'
    held: bool = False
    waits: bool = False
    deed: str = 'recover'
    alone: bool = False

    def __str__(self):
        words = [name for name in ('root', 'data') if getattr(self, name)]
        words += ['ACTIVE' if self.runs else 'STOPPED', self.policy]
        words += [name for name in ('held', 'waits', 'alone')
                  if getattr(self, name)]
        return ' '.join([*words, self.deed])


class SceneTestBase(base.FailoverTestBase):
    """Tests that recover one server many times.

    :ivar process: where a test listens to nova-compute
    :ivar scene: the present one
    :ivar server: its server
    """

    def setUp(self):
        super().setUp()
        seams = self.useFixture(crash_seams.Seams(self.cinder.api))
        self.process = self.useFixture(crash_process.Process(seams))
        self.scene = self.server = None

    def arrange(self, scene):
        """Create the server of a scene, healthy at the present site."""
        self.scene = scene
        self.flags(default_policy=scene.policy, group='failover')
        if scene.held:
            self.hypervisor.held.add(self.DATA)
        self.server = self.boot(*([self.root()] if scene.root else ()))
        if scene.data:
            self.attach(self.server, self.DATA)
        self._places = self.places()
        if not scene.runs:
            self._stop_server(self.server)

    def places(self):
        """Return where the guest has each volume: its name and address."""
        disks = {volume_id: self.disk(self.server, volume_id)
                 for volume_id in self.volumes}
        return {volume_id: (disk.find('target').get('dev'),
                            dict(disk.find('address').attrib))
                for volume_id, disk in disks.items() if disk is not None}

    def clear(self):
        """Take the server away, however it is."""
        self.process.disarm()
        self._delete_server(self.server)
        for volume_id in self.volumes:
            self.cinder.volume_to_attachment.pop(volume_id, None)
        self.hypervisor.connected.clear()

    @property
    def volumes(self):
        """The scene's volumes."""
        return [volume_id for volume_id, used in (
            (self.ROOT, self.scene.root), (self.DATA, self.scene.data))
            if used]

    def fail_over(self):
        """Point Cinder at the other site, and do what comes before."""
        if self.scene.data and self.DATA not in self.bdms(self.server):
            self.attach(self.server, self.DATA)
        if not self.scene.runs:
            # A stop leaves the host connected; since the last recovery the
            # server was not started.
            self.hypervisor.connected['compute1'].update(
                self.cinder.path(volume_id) for volume_id in self.volumes)
        self.cinder.site = ('primary' if self.cinder.site == 'secondary'
                            else 'secondary')
        if self.scene.waits:
            self.assertEqual(Outcome.DEFERRED, self.recovery().outcome)
        if self.scene.deed == 'start':
            self._stop_server(self.server)
        self.hypervisor.power_ons.clear()

    def undisturbed(self):
        """Recover as it should be.

        :returns: the recording, and how many times the guest was started
        """
        # Twice: what the first pass finds was never stamped.
        for _turn in range(2):
            self.fail_over()
            recording = crash_process.Recording()
            result = self.act(recording)
            if result:
                self.assertIn(result.outcome, (
                    Outcome.RECOVERED, Outcome.DEFERRED), result.reason)
            self.heal()
            self.assert_converged()
        return recording, self.power_ons()

    def try_all(self, title, columns, counted, cases):
        """Try all cases of the scene, and show them in a table.

        :param columns: the names of all cells but the last
        :param counted: that of the cells whose contents are counted
        :param cases: each the first cells of its row, and a callable that
            returns the others
        """
        table = prettytable.PrettyTable([*columns, 'end'], align='l')
        failures = []
        try:
            for cells, case in cases:
                try:
                    row = [*cells, *case(), HEALTHY]
                # Each has to be tried, whatever becomes of the others.
                except Exception as error:  # noqa: BLE001
                    text = f'{type(error).__name__}: {error}'
                    failures.append(f'{" ".join(map(str, cells))}: {text}')
                    empty = [''] * (len(columns) - len(cells))
                    row = [*cells, *empty, f'FAILED {text}'[:120]]
                table.add_row(row)
                if row[-1] != HEALTHY:
                    self.clear()
                    self.arrange(self.scene)
                    self.undisturbed()
        finally:
            place = columns.index(counted)
            counts = collections.Counter(row[place] for row in table.rows)
            self.publish(
                f'{title}: {self.scene}: {len(table.rows)} cases, '
                f'{len(failures)} failed; {counted}: ' + ', '.join(
                    f'{count} {text}' for text, count in counts.items()),
                table)
        self.assertEqual([], failures)

    def power_ons(self):
        """Return how many times the guest was started since."""
        return self.hypervisor.power_ons[self.server['id']]

    def recovery(self):
        """Have the compute host recover the server, as the engine does."""
        return self.recover(self.server, *self.volumes)

    def act(self, listener):
        """Do the scene's deed with a listener at the seams.

        :returns: the result, if it was a pass of the engine and ended
        """
        self.process.arm(listener)
        result = None
        try:
            result = getattr(self, f'_{self.scene.deed}')()
        except crash_process.Died:
            self.assertTrue(listener.dead)
        self.process.wait()
        if not listener.dead:
            self.process.disarm()
        return result

    def _recover(self):
        return self.recovery()

    def _start(self):
        self.api.post_server_action(self.server['id'], {'os-start': None})

    def _reboot(self):
        self.api.post_server_action(
            self.server['id'], {'reboot': {'type': 'SOFT'}})

    def heal(self):
        """Do what the engine does until there is nothing left to do.

        And the power cycle for which the policy refresh waits.

        :returns: the outcome of each pass, and the owner's deeds
        """
        passes, waits = self._engine()
        if not waits:
            return passes
        self._stop_server(self.server)
        passes += ['stop', *self._engine()[0], 'start']
        self._start_server(self.server)
        return passes

    def _engine(self):
        outcomes = []
        while len(outcomes) < PASSES and self.planned():
            result = self.recovery()
            outcomes.append(result.outcome.value)
            if self.power_cycle_is_due(result):
                return outcomes, True
        return outcomes, False

    def power_cycle_is_due(self, result):
        """Tell whether only a power cycle will bring a result forward."""
        return (self.scene.policy == 'refresh' and
                result.outcome is Outcome.DEFERRED and
                'power cycle' in result.reason)

    def planned(self):
        """Tell whether the engine would recover the server now."""
        attachments, _problems = nova_reader.NovaReader(100).attachments(
            self.volumes)
        shown = {volume_id: self.cinder.client.volumes.get(volume_id)
                 for volume_id in self.volumes}
        status = shown[self.volumes[0]].replication_status
        backend = model.Backend('host@backend', (model.Member(
            'host@backend', replication_status=status,
            active_backend_id=self.cinder.site),))
        volumes = {volume.id: model.Volume(volume.id, volume.status, status)
                   for volume in shown.values()}
        return any(found.verdict is server_plans.Verdict.RECOVER
                   for found in server_plans.build(backend, volumes,
                                                   attachments)
                   if found.server.id == self.server['id'])

    def assert_places(self, kept):
        """The guest has its volumes where it had them."""
        # Nova defines a guest anew with its volumes in the order of their
        # rows, for which its query does not ask: addresses follow the order.
        components = slice(1) if len(self.volumes) > 1 else slice(2)
        self.assertEqual({volume_id: self._places[volume_id][components]
                          for volume_id in kept},
                         {volume_id: place[components] for volume_id, place
                          in self.places().items()})

    def assert_converged(self):
        """The server is as before the failover, at the present site."""
        shown = self.api.get_server(self.server['id'])
        self.assertEqual('ACTIVE' if self.scene.runs else 'SHUTOFF',
                         shown['status'], shown.get('fault'))
        kept = [volume_id for volume_id in self.volumes if not (
            self.scene.policy == 'detach' and volume_id == self.DATA)]
        domain = self.domain(self.server)
        self.assertEqual(self.scene.runs, bool(domain and domain.isActive()),
                         'whether the guest runs')
        if self.scene.runs:
            self.assert_places(kept)
        self.assert_healthy(self.server)
        self.assert_no_old_connection()
        self.assertEqual(sorted(kept), sorted(self.bdms(self.server)))
        for volume_id in self.volumes:
            self.assertEqual(
                'in-use' if volume_id in kept else 'available',
                self.cinder.client.volumes.get(volume_id).status)
