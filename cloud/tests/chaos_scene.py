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

"""A round of chaos, as it is played on the cloud."""

import threading
import time

from keystoneauth1 import exceptions as keystone
from openstack import exceptions
import pymysql

from cloud import database
from cloud import processes
from cloud.scenario import chaos
from cloud.scenario import checks
from cloud.scenario import facts
from cloud.scenario import play
from cloud.scenario import records
from cloud.services import registry
from cloud.tests import base
from cloud import waiting

#: A dead nova-compute or cinder-volume is missed for a minute first.
PATIENCE = 300
#: Seconds that Cinder's own part takes when somebody is to die in it.
INSIDE = 6
#: While parts are away, they cannot be asked.
AWAY = (exceptions.SDKException, keystone.ClientException,
        pymysql.err.OperationalError, processes.CommandError)
CYCLES = {'boot': 1, 'hot': 0, 'mounted': 1}


class Scene:
    """One round.

    :ivar commands: how often an operator had to act on Cinder
    :ivar revived: services that had to be started again
    :cvar NAMED: what the engine says while Cinder is at work
    """

    NAMED = 'the failover of little@repl'

    def __init__(self, test: base.OwnServersTestCase,
                 plan: chaos.Round) -> None:
        """Look at how everything is.

        :param test: the test
        :param plan: what is to happen
        """
        self.test = test
        self.plan = plan
        self.world = test.world
        self.stack = test.stage.stack
        self.site = 'primary' if plan.target == 'default' else plan.target
        self.commands = 0
        self.revived = 0
        self._blows: list[threading.Thread] = []
        self._reason = ''

    def play(self, span: float) -> chaos.Outcome:
        """Fail over, let the victims die, and wait.

        :param span: seconds over which the blows are spread
        :returns: what it cost
        """
        self.prepare()
        start = self.test.snapshot()
        starts, tries = self.starts(), self.tries()
        settled = (self.inside(start) if self.plan.inside
                   else self.after(span))
        self.wait_converged()
        seconds = time.monotonic() - settled
        cycles = {key: count - starts[key]
                  for key, count in self.starts().items()}
        self.check(start, cycles)
        retries = sum(max(0, count - tries.get(server, 0) - 1)
                      for server, count in self.tries().items())
        return chaos.Outcome(round(seconds, 1), retries,
                             sum(cycles.values()), self.revived,
                             self.commands)

    def prepare(self) -> None:
        """Both sites are there, or the one that is left is lost."""
        for name in ('primary', 'secondary'):
            if self.world.sites.folders.state(name) != 'up':
                self.world.sites.switch(name, 'up')
        if self.plan.lose:
            self.test.lose_primary()
            waiting.wait_for('the guests to notice', lambda: all(
                now.site == 'EIO' and not (now.mount
                                           and now.mount.state == 'ok')
                for now in self.test.snapshot().values()), 60)

    def after(self, span: float) -> float:
        """Let everybody die when he may.

        Where stock Cinder dies in the midst of its own part, it forgets the
        failover at its next start; see :meth:`inside` for that.

        :param span: seconds over which the blows are spread
        :returns: when Cinder's part was done, on the monotonic clock
        """
        self.world.request_failover(self.plan.target)
        self.strike(span, *(blow for blow in self.plan.blows
                            if blow.victim not in chaos.CINDERS))
        self.wait_settled()
        settled = time.monotonic()
        self.strike(span, *(blow for blow in self.plan.blows
                            if blow.victim in chaos.CINDERS))
        self.join()
        return settled

    def inside(self, start: dict[facts.Case, facts.Facts]) -> float:
        """Let somebody die in the midst of Cinder's part.

        :param start: the facts from before
        :returns: when Cinder's part was done, on the monotonic clock
        """
        folders = self.world.sites.folders
        mark = folders.root / 'control/failing-over'
        mark.unlink(missing_ok=True)
        folders.delay.write_text(str(INSIDE))
        try:
            self.world.request_failover(self.plan.target)
            waiting.wait_for('the failover to begin', mark.exists, 30, 0.05)
            self.strike(INSIDE, *self.plan.blows)
            self.join()
            if self._reason:
                self.test.assertIn(self.NAMED, self._reason)
            done = self.wait_decided()
        finally:
            folders.delay.unlink()
        # Rows that Cinder could not write any more stay as they are.
        if not done:
            self.once_more(start)
            self.wait_settled()
        return time.monotonic()

    def once_more(self, start: dict[facts.Case, facts.Facts]) -> None:
        """Cinder has lost its failover: nobody acts until it is repeated.

        :param start: the facts from before
        """
        state = self.world.backend()['replication_status']
        print(f'  Cinder is {state}', flush=True)
        self.assert_untouched(start)
        if state not in ('enabled', 'failed-over'):
            self.test.assertIn(self.NAMED, self.reason())
            # Nobody but its start takes this state away.
            self.stack.restart(registry.CINDER_VOLUME.name)
            waiting.wait_for('Cinder to be ready again', lambda: (
                self.world.backend()['replication_status']
                in ('enabled', 'failed-over')), 120)
            self.commands += 1
        self.world.request_failover(self.plan.target)
        self.commands += 1

    def assert_untouched(self, start: dict[facts.Case, facts.Facts]) -> None:
        """Nobody acts for longer than a reconcile interval.

        A guest that gets no time from a busy machine is silent for a while.

        :param start: the facts from before
        """
        acts = self.tries(), self.starts()
        self.test.assertEqual([], play.calm(base.CALM, lambda: [
            now for now in [(self.tries(), self.starts())] if now != acts]))
        waiting.wait_for('the guests to be as before',
                         lambda: not self.test.disturbed(start), 120)

    def reason(self) -> str:
        """What ``status`` says about the backend."""
        done = self.test.command('status', 'little@repl')
        return done.stdout + done.stderr

    # Blows

    def strike(self, span: float, *blows: chaos.Blow) -> None:
        """Let victims die and come back, each at its time from now on.

        :param span: seconds over which the blows are spread
        :param blows: the victims
        """
        for blow in blows:
            thread = threading.Thread(target=self._strike, args=(blow, span))
            thread.start()
            self._blows.append(thread)

    def _strike(self, blow: chaos.Blow, span: float) -> None:
        """Kill and start one."""
        never = threading.Event()
        never.wait(blow.part * span)
        self.stack.kill_one(blow.victim)
        never.wait(blow.down)
        if self.plan.inside and blow.victim == registry.CINDER_VOLUME.name:
            self._reason = self.reason()
        try:
            self.stack.start_one(blow.victim)
        except processes.DaemonError as error:
            print(f'  {error}', flush=True)

    def join(self) -> None:
        """Wait until all victims have been started again."""
        for thread in self._blows:
            thread.join()

    def revive(self) -> None:
        """Start what has ended by itself, as systemd does."""
        services = registry.all_of(self.test.stage.conf)
        for name in ('mariadb', 'rabbitmq',
                     *(service.name for service in services)):
            if not self.stack.daemon(name).process():
                print(f'  {name} has ended', flush=True)
                self.revived += 1
                self.stack.start_one(name)

    # Waiting

    def wait_settled(self) -> None:
        """Wait until Cinder has written all its records."""
        def look() -> bool:
            self.revive()
            now = self.world.backend()
            return (self.at_target(now) and self.written())

        waiting.wait_for(f'Cinder to be at {self.plan.target}', look,
                         PATIENCE, 0.2, ignore=AWAY)

    def at_target(self, now: dict) -> bool:
        """Whether a service record tells of the failover."""
        wanted = '' if self.plan.target == 'default' else self.plan.target
        return ((now['active_backend_id'] or '') == wanted
                and now['replication_status'] in ('enabled', 'failed-over'))

    def written(self) -> bool:
        """Whether each volume's row does."""
        wanted = ('enabled' if self.plan.target == 'default'
                  else 'failed-over')
        storage = self.world.admin.block_storage
        return all(storage.get_volume(case.volume).replication_status
                   == wanted for case in self.test.before)

    def wait_decided(self) -> bool:
        """Wait until Cinder has ended its failover, in whichever way.

        :returns: whether it has failed over
        """
        mark = self.world.sites.folders.root / 'control/failing-over'

        def look() -> str:
            self.revive()
            now = self.world.backend()
            if self.at_target(now):
                return 'done'
            if now['state'] != 'up':
                return ''
            ended = now['replication_status'] != 'failing-over'
            return 'lost' if ended else ''

        try:
            return waiting.wait_for('Cinder to decide', look, 90, 0.5,
                                    ignore=AWAY) == 'done'
        except waiting.WaitTimeout:
            return False
        finally:
            mark.unlink(missing_ok=True)

    def wait_converged(self) -> None:
        """Wait until all is well, without a command."""
        wrong: list[str] = []

        def look() -> bool:
            self.revive()
            wrong[:] = self.wrong()
            return not wrong

        try:
            waiting.wait_for(f'everything to be at {self.site}', look,
                             PATIENCE, 0.5, ignore=AWAY)
        except waiting.WaitTimeout as error:
            self.test.fail(f'{error}: {"; ".join(wrong)}')

    def wrong(self) -> list[str]:
        """What is not as it has to be in the end."""
        busy = self.tasks()
        if busy or records.elsewhere(self.world, self.site):
            return [f'{busy} are being recovered, or records are old']
        other, = {'primary', 'secondary'} - {self.site}
        wrong = records.wrong(self.world, other)
        for case, then in self.test.before.items():
            now = self.test.cast.look(case)
            wrong += checks.failures([
                checks.Result('it runs', now.status == 'ACTIVE', now.status),
                *checks.recovered(case, then, now, self.site)])
            if then.mount and not (now.mount and now.mount.state == 'ok'):
                wrong.append(f'({case.key}) file system: {now.mount}')
        return wrong

    # Checks

    def check(self, start: dict[facts.Case, facts.Facts],
              cycles: dict[str, int]) -> None:
        """Nothing is lost, and nobody was power-cycled without need.

        :param start: the facts from before
        :param cycles: how often QEMU was started for each server since
        """
        kills = sum(blow.victim == registry.NOVA_COMPUTE.name
                    for blow in self.plan.blows)
        wrong = [f'{key} was power-cycled {count} times'
                 for key, count in cycles.items()
                 if count > CYCLES[key] + kills]
        for case, then in start.items():
            now = self.test.cast.look(case)
            if cycles[case.key] < 2:
                wrong += checks.failures([
                    checks.replicated(case, now, then.boot)])
            wrong += self.lost(then, now)
        self.test.assertEqual([], wrong)

    def lost(self, then: facts.Facts, now: facts.Facts) -> list[str]:
        """What was written and flushed before, and is not there.

        :param then: the facts from before the failover
        :param now: the present ones
        :returns: a line if it is so
        """
        last, mount = then.mount, now.mount
        if not last or not mount:
            return []
        kept = mount.first >= last.count if now.boot != then.boot else (
            mount.count >= last.count)
        return [] if kept else [f'counted to {last}, then {mount}']

    # Counters

    def tasks(self) -> int:
        """How many servers are being recovered."""
        return len(database.Database(self.test.stage.conf).execute(
            'SELECT 1 FROM instances WHERE deleted = 0 AND task_state '
            'IS NOT NULL', 'nova'))

    def tries(self) -> dict[str, int]:
        """How often each server's recovery has begun."""
        rows = database.Database(self.test.stage.conf).execute(
            'SELECT a.instance_uuid AS server, COUNT(*) AS tries '
            'FROM instance_actions a '
            'JOIN instance_actions_events e ON e.action_id = a.id '
            "WHERE a.action = 'failover_recover' GROUP BY a.instance_uuid",
            'nova')
        return {row['server']: row['tries'] for row in rows}

    def starts(self) -> dict[str, int]:
        """How often QEMU was started for each server."""
        return {key: records.starts(self.world, server)
                for key, server in self.test.cast.servers.items()}
