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

"""Servers that cannot be recovered now wait, and are healed afterwards."""

import collections.abc
import dataclasses
import json

from cloud.scenario import facts
from cloud.tests import base
from cloud import waiting

#: How each server gets into its state, what that is called, and the word
#: which has to be in the reason.
STATES = {
    'paused': ('pause_server', 'PAUSED', 'paused'),
    'suspended': ('suspend_server', 'SUSPENDED', 'suspended'),
    'shelved': ('shelve_server', 'SHELVED_OFFLOADED', 'shelved'),
    'rescued': ('rescue_server', 'RESCUE', 'rescue'),
    'confirmed': ('resize_server', 'VERIFY_RESIZE', 'resize'),
    'reverted': ('resize_server', 'VERIFY_RESIZE', 'resize'),
}
LEAVE = {
    'paused': 'unpause_server',
    'suspended': 'resume_server',
    'shelved': 'unshelve_server',
    'rescued': 'unrescue_server',
    'confirmed': 'confirm_server_resize',
    'reverted': 'revert_server_resize',
}
#: To leave these states libvirt opens the files that it used before.
OLD_FILES = ('suspended', 'rescued')


class Stateful(base.OwnServersTestCase):
    """Servers in their states."""

    plugin = True

    keys = tuple(STATES)

    def setUp(self) -> None:
        """Make a server for each state, and put it there."""
        super().setUp()
        self.make(*(lambda key=key: self.cast.make_one(key)
                    for key in self.keys))
        self.before = self.snapshot()
        self.make(*(lambda key=key: self.enter(key) for key in self.keys))

    def enter(self, key: str) -> None:
        """Bring a server into its state."""
        verb, status, _word = STATES[key]
        server = self.cast.servers[key]
        words = ([self.world.flavors['larger']] if verb == 'resize_server'
                 else [])
        getattr(self.owner(key), verb)(server, *words)
        self.world.wait_status(server, status)
        if status == 'VERIFY_RESIZE':
            old = self.before[self.case(key)].boot
            waiting.wait_for(
                f'guest ({key}) to speak again',
                lambda: self.look(key).boot not in ('', old), 180)

    def leave(self, key: str) -> None:
        """Bring a server out of its state, as its owner."""
        getattr(self.owner(key), LEAVE[key])(self.cast.servers[key])


class StatesTest(Stateful):
    """All states of the table that are not recovered at once."""

    def test_deferred_and_healed(self) -> None:
        """The primary is lost; it is back when old files are needed."""
        self.lose_primary()
        still = self.snapshot()
        self.world.failover('secondary')
        waiting.wait_for('reasons in the status', self.all_told, 180, 1)
        self.assert_calm(still)
        self.leave_and_heal(key for key in STATES if key not in OLD_FILES)
        self.world.sites.switch('primary', 'up')
        self.leave_and_heal(OLD_FILES)

    def all_told(self) -> bool:
        """Whether the status and the plan say why each server waits."""
        return not list(self.untold())

    def untold(self) -> collections.abc.Iterator[str]:
        """What the status and the plan do not tell."""
        plan = json.loads(
            self.command('plan', 'little@repl', '-f', 'json').stdout)
        for rows, column, defer, skip in (
                (self.status(), 'State', 'deferred', 'converged'),
                (plan, 'Verdict', 'defer', 'skip')):
            told = {row['Server']: row for row in rows}
            for key, (_verb, _status, word) in STATES.items():
                row = told.get(self.cast.servers[key], {})
                wanted = skip if key == 'shelved' else defer
                if row.get(column) != wanted or word not in row['Reason']:
                    yield f'{key}: {row}'

    def leave_and_heal(self, keys: collections.abc.Iterable[str]) -> None:
        """Servers leave their states, and nobody does anything else."""
        keys = list(keys)
        for key in keys:
            self.leave(key)
        for key in keys:
            self.wait_healed(key, self.expected(key), 'secondary')

    def expected(self, key: str) -> facts.Facts:
        """The facts that a healed server is compared with.

        Nova gives volumes of servers that it moves new attachments.
        """
        before = self.before[self.case(key)]
        if key in ('shelved', 'reverted', 'confirmed'):
            return dataclasses.replace(
                before, attachment=self.look(key).attachment)
        return before


class OldFilesTest(Stateful):
    """States that keep the old files, which are lost for ever."""

    keys = OLD_FILES

    def test_left(self) -> None:
        """Nova may fail to restore the guest; then its owner reboots."""
        self.lose_primary()
        self.world.failover('secondary')
        for key in OLD_FILES:
            self.leave(key)
        for key in OLD_FILES:
            self.heals_after_reboot(key)

    def heals_after_reboot(self, key: str) -> None:
        """A server ends healthy, whatever Nova did when it left its state."""
        case = self.case(key)
        self.world.wait_settled(case.server)
        waiting.wait_for(f'the record of ({key}) to be right', lambda:
                         '/secondary/' in self.look(key).files[1], 180)
        self.world.wait_settled(case.server)
        if self.look(key).status == 'ERROR':
            self.world.hard_reboot(case.project, case.server)
        self.wait_healed(key, self.before[case], 'secondary')
