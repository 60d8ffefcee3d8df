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
"""The canary secret of the connections is found nowhere."""

import collections.abc
import contextlib
import fcntl
import itertools
import pathlib
import re

from cloud import database
from cloud.scenario import facts
from cloud.services import registry
from cloud import settings
from cloud.tests import base
from cloud import waiting

OURS = re.compile(r'(nova_failover_ext|cinder_failover_hooks)')
#: The start of a log record up to its logger. Each line of its traceback
#: starts the same, those of a message with several lines do not.
RECORD = re.compile(r'\d{4}-\d\d-\d\d [\d:.]+ \d+ [A-Z]+ \S+ ')
#: Where Nova keeps text for owners and operators. The connection_info of a
#: BDM, and Cinder's of an attachment, do have the secret, as they must.
TEXTS = {'instance_actions': ('message',),
         'instance_actions_events': ('details', 'traceback'),
         'instance_faults': ('message', 'details')}


def records(file: pathlib.Path) -> collections.abc.Iterator[str]:
    """The records of a log, each with all its lines.

    :param file: the log
    :returns: their texts
    """
    start = ''

    def begin(line: str) -> str:
        nonlocal start
        match = RECORD.match(line)
        start = match[0] if match else start
        return start

    lines = file.read_text(errors='replace').splitlines()
    for _start, group in itertools.groupby(lines, begin):
        yield '\n'.join(group)


class SecretTest(base.CloudTestCase):
    """Nothing of ours writes a connection secret anywhere."""

    core = True
    plugin = True
    last = True

    def test_handed_out(self) -> None:
        """The backend does hand the secret out: else this proves nothing."""
        rows = self.query(
            'SELECT connection_info FROM block_device_mapping '
            "WHERE deleted = 0 AND source_type = 'volume'")
        self.assertTrue(any(settings.CANARY in (row['connection_info'] or '')
                            for row in rows))

    def test_not_written(self) -> None:
        """Recoveries have trouble, and nobody is told the secret.

        Neither the owners nor the operator, by whatever they can look at.
        """
        start = self.snapshot()
        with contextlib.ExitStack() as locks:
            self.lock_secondary(start, locks)
            for site in ('primary', 'secondary'):
                self.world.sites.switch(site, 'lost')
            failover = self.world.failover('secondary')
            self.wait_trouble(failover, 'Deferred', 'details')
            shown = self.shown()
            self.world.sites.switch('secondary', 'up')
            if self.stage.conf.connection_type == 'gpfs':
                self.wait_trouble(failover, 'Error', 'traceback')
                self.assert_faults()
                shown += self.shown()
        self.assert_recovers('secondary', start)
        self.assertNotIn(settings.CANARY, shown)
        self.assertEqual([], list(self.told()))
        self.assertEqual([], list(self.logged()))

    def lock_secondary(self, start: dict[facts.Case, facts.Facts],
                       locks: contextlib.ExitStack) -> None:
        """Lock the secondary's files, which QEMU then refuses to open.

        Of loop devices it locks the device, not the file.

        :param start: the facts, while the primary is used
        :param locks: ends the locks when it is closed
        """
        for case in self.stage.affected():
            name = pathlib.Path(start[case].files[0]).name
            file = self.world.sites.folders.site('secondary') / name
            fcntl.lockf(locks.enter_context(file.open('r+b')),
                        fcntl.LOCK_EX)

    def wait_trouble(self, failover: str, result: str, column: str) -> None:
        """Wait until each server has a record of trouble, our logs as well.

        :param failover: id of the failover
        :param result: of the events that are wanted
        :param column: which of their texts has to be there
        """
        servers = {case.server for case in self.stage.affected()}
        outcome = {'Deferred': 'deferred', 'Error': 'failed'}[result]

        def look() -> bool:
            rows = self.query(
                'SELECT a.instance_uuid FROM instance_actions a '  # noqa: S608
                'JOIN instance_actions_events e ON e.action_id = a.id '
                'WHERE a.request_id = %s AND e.result = %s '
                f"AND e.{column} <> ''", failover, result)
            log = '\n'.join(filter(OURS.search, records(self.engine_log)))
            return servers == {row['instance_uuid'] for row in rows} and all(
                re.search(f'Server {server} on .*: {outcome}', log)
                for server in servers)

        waiting.wait_for(f'all recoveries to say {result}', look, 180, 1)

    def assert_faults(self) -> None:
        """Each server has a fault with a message."""
        rows = self.query('SELECT instance_uuid FROM instance_faults '
                          "WHERE message <> ''")
        self.assertLessEqual({case.server for case in self.stage.affected()},
                             {row['instance_uuid'] for row in rows})

    def shown(self) -> str:
        """What owners and the operator can look at."""
        texts = [self.command(word, 'little@repl', '-f', 'json').stdout
                 for word in ('status', 'plan')]
        for case in self.stage.affected():
            texts += [f'{action.message} {action.events}'
                      for action in self.world.actions('admin', case.server)]
        return ' '.join(texts)

    @property
    def engine_log(self) -> pathlib.Path:
        """The engine's log."""
        return registry.ENGINE.daemon(self.stage.conf).log

    def query(self, statement: str, *values: str) -> list[dict]:
        """Ask Nova's database.

        :param statement: the SQL
        :param values: for its placeholders
        :returns: the rows
        """
        return database.Database(self.stage.conf).execute(
            statement, 'nova', values)

    def told(self) -> collections.abc.Iterator[str]:
        """Where Nova's tables have the secret.

        :returns: tables and columns, with the starts of texts
        """
        for table, columns in TEXTS.items():
            for row in self.query(f'SELECT {", ".join(columns)} '  # noqa: S608
                                  f'FROM {table}'):
                for column, text in row.items():
                    if settings.CANARY in (text or ''):
                        yield f'{table}.{column}: {text[:200]}'

    def logged(self) -> collections.abc.Iterator[str]:
        """Records with the secret: any of the engine's, and ours elsewhere.

        A record is ours by its logger, or by our code in its traceback.

        :returns: file names and the starts of records
        """
        for file in self.stage.conf.log.glob('*.log'):
            for record in records(file):
                if settings.CANARY in record and (
                        file == self.engine_log or OURS.search(record)):
                    yield f'{file.name}: {record[:200]}'
