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
"""The scenario: a site is lost, the backend fails over, Nova has to heal.

Nothing is commanded after the failover. Everything that has to hold is noted
as a check; the play goes on after one that fails, so that all are seen.
"""

import concurrent.futures
import logging
import time

from cloud.scenario import cast as casts
from cloud.scenario import checks
from cloud.scenario import facts
from cloud.scenario import world as worlds
from cloud import waiting

LOG = logging.getLogger(__name__)

#: Seconds in which every server has to be healthy after a failover.
PATIENCE = 300
#: Seconds in which the host has to be clean after that.
TIDY = 60
#: What a guest says of a disk whose site is lost.
LOST = ('EIO', 'hang')


class Play:
    """One run of the scenario.

    :ivar seen: facts by phase, then by case
    :ivar seconds: by phase and case, from failover to healthy
    :ivar results: all checks so far
    """

    def __init__(self, world: worlds.World, how: str = 'kill') -> None:
        """Nothing has happened yet.

        :param world: the cloud
        :param how: how the site is lost
        """
        self.world = world
        self.how = how
        self.cast = casts.Cast(world)
        self.seen: dict[str, dict[facts.Case, facts.Facts]] = {}
        self.seconds: dict[str, dict[facts.Case, float]] = {}
        self.results: list[checks.Result] = []

    def run(self) -> bool:
        """Play all of it.

        :returns: whether all checks passed
        """
        self.prepare()
        self.lose()
        self.fail_over('secondary', 'recovered')
        self.start_c()
        self.make_e()
        self.restore()
        self.fail_over('default', 'failed-back')
        return not checks.failures(self.results)

    def prepare(self) -> None:
        """Make the servers, and note how they are."""
        LOG.info('removing what earlier runs left')
        self.world.clean()
        self.cast.make()
        self.seen['before'] = self.cast.look_at_all()
        self.cast.stop_c()
        self._show('before')

    def lose(self) -> None:
        """Lose the primary site, and see that the guests notice."""
        self.world.kind.lose('primary', self.how)
        waiting.wait_for('the guests to notice', lambda: all(
            self.cast.look(case).site in LOST
            for case in self._affected() if case.key != 'c'), 120)
        self.seen['lost'] = self.cast.look_at_all()
        self._show('lost')

    def fail_over(self, target: str, phase: str) -> None:
        """Fail over, or back, and watch Nova heal.

        :param target: ``secondary`` or ``default``
        :param phase: what the outcome is called
        """
        reference = dict(self.seen['before'])
        writers = {case: self.cast.look(case).boot
                   for case in self._affected()}
        bystanders = {case: self.cast.look(case) for case in self.cast.cases
                      if not case.replicated}
        earlier = self._recoveries()
        began = time.monotonic()
        failover = self.world.failover(target)
        site = 'primary' if target == 'default' else target
        LOG.info('Cinder is done after %.1f s; from now on hands off',
                 time.monotonic() - began)
        self.seconds[phase] = {}

        def watch(case: facts.Case) -> None:
            self._watch(case, reference, site, began, phase)

        affected = self._affected()
        with concurrent.futures.ThreadPoolExecutor(len(affected)) as pool:
            list(pool.map(watch, affected))
        self._owners_see(failover, earlier)
        self.seen[phase] = self.cast.look_at_all()
        self.results += [
            checks.replicated(case, self.seen[phase][case], writers[case])
            for case in self._affected()
            if self.seen[phase][case].status == 'ACTIVE']
        for case, before in bystanders.items():
            self.results += checks.untouched(case, before,
                                             self.seen[phase][case])
        self._look_at_host(phase)
        self._show(phase)

    def _look_at_host(self, phase: str) -> None:
        """The compute host holds nothing that belongs to no mapping."""
        left: list[str] = []

        def look() -> bool:
            left[:] = self.world.kind.leftovers()
            return not left

        name = f'{phase}: the host holds nothing of no mapping'
        try:
            waiting.wait_for(name, look, TIDY, interval=1)
        except waiting.WaitTimeout as error:
            LOG.error('%s: %s', error, '; '.join(left))
        self.results.append(checks.Result(name, not left, '; '.join(left)))

    def _watch(self, case: facts.Case, reference: dict, site: str,
                      began: float, phase: str) -> None:
        """Wait until all checks of a case hold, and note the last ones."""
        last: list[checks.Result] = []

        def look() -> bool:
            now = self.cast.look(case)
            last[:] = checks.recovered(case, reference[case], now, site)
            return not checks.failures(last)

        try:
            waiting.wait_for(f'({case.key}) {case.role} to be healthy',
                             look, PATIENCE, interval=0.5)
            self.seconds[phase][case] = time.monotonic() - began
            LOG.info('(%s) %s is healthy on %s after %.1f s', case.key,
                     case.role, site, self.seconds[phase][case])
        except waiting.WaitTimeout as error:
            LOG.error('%s: %s', error, '; '.join(checks.failures(last)))
        self.results += last

    def _recoveries(self) -> dict[str, set[str]]:
        """The request ids of the recoveries of each server."""
        return {key: {action.request_id for action
                      in self.world.recoveries('admin', server)}
                for key, server in self.cast.servers.items()}

    def _owners_see(self, failover: str,
                    earlier: dict[str, set[str]]) -> None:
        """The owners find the recovery among the actions of each server."""
        for key in sorted({case.key for case in self._affected()}):
            name = f'({key}): owner sees the recovery of this failover'
            actions: list = []

            def look(key=key, actions=actions) -> bool:
                actions[:] = self.world.recoveries(self.cast.projects[key],
                                                   self.cast.servers[key])
                # Nova's own events have an id of their own.
                return any(_succeeded(action) for action in actions if (
                    action.request_id not in earlier[key]
                    if self.world.conf.patched
                    else action.request_id == failover))

            try:
                waiting.wait_for(name, look, 120, interval=0.5)
                self.results.append(checks.Result(name, True))
            except waiting.WaitTimeout:
                seen = ', '.join(f'{action.action} {action.request_id} '
                                 f'{action.message}' for action in actions)
                self.results.append(checks.Result(name, False, seen))
                LOG.error('%s: not so: %s', name, seen)

    def start_c(self) -> None:
        """The owner of (c) starts it; it has to use the secondary."""
        LOG.info('(c) is started by its owner')
        self.cast.start_c()
        case, = self.cast.of('c')
        self._note(case, self.seen['before'][case], 'secondary', 'recovered')

    def make_e(self) -> None:
        """A server is made, and nobody disturbs it."""
        self.cast.make_e()
        case, = self.cast.of('e')
        self.seen['before'][case] = first = self.cast.look(case)
        self.seen['recovered'][case] = first
        LOG.info('time to look again; (d) and (e) must not be disturbed')
        calm(25, lambda: checks.failures(
            checks.untouched(case, first, self.cast.look(case))))
        self.results += checks.untouched(case, first, self.cast.look(case))
        for other in self.cast.of('d'):
            self.results += checks.untouched(
                other, self.seen['before'][other], self.cast.look(other))

    def _note(self, case: facts.Case, before: facts.Facts, site: str,
              phase: str) -> None:
        """Wait until a case's checks hold, and note them and the facts."""
        last: list[checks.Result] = []

        def look() -> bool:
            self.seen[phase][case] = self.cast.look(case)
            last[:] = checks.recovered(case, before, self.seen[phase][case],
                                       site)
            return not checks.failures(last)

        try:
            waiting.wait_for(f'({case.key}) to use {site}', look, 180)
        except waiting.WaitTimeout as error:
            LOG.error('%s: %s', error, '; '.join(checks.failures(last)))
        self.results += last

    def restore(self) -> None:
        """The primary site returns; the guests stay where they are."""
        self.world.kind.bring_back('primary')

    def _affected(self) -> list[facts.Case]:
        """The cases that fail over."""
        return [case for case in self.cast.cases if case.replicated]

    def _show(self, phase: str) -> None:
        """Log what the guests read."""
        for case, now in self.seen[phase].items():
            LOG.info('%-11s (%s) %-4s %s: %s reads %s', phase, case.key,
                     case.role, now.status, now.device, now.site or '-')


def _succeeded(action) -> bool:
    """Whether a recovery went well."""
    return (not action.message and bool(action.events)
            and all(event['result'] == 'Success'
                    for event in action.events))


def calm(seconds: float, problems) -> list[str]:
    """Watch for a while that nothing goes wrong.

    :param seconds: how long
    :param problems: returns what is wrong, if anything
    :returns: the first problems, or an empty list
    """
    try:
        return waiting.wait_for('trouble, which should not come', problems,
                                seconds, interval=1)
    except waiting.WaitTimeout:
        return []
