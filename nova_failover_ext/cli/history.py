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

"""``nova-failover history``: past failovers, from Nova's instance actions."""

import argparse
from collections.abc import Iterable
import datetime
from typing import Any

from nova_failover_ext.cli import command
from nova_failover_ext.cli import errors
from nova_failover_ext.cli import exitcodes
from nova_failover_ext.cli import times
from nova_failover_ext import exception

FAILOVER_COLUMNS = ('Failover', 'Started', 'Last', 'Servers', 'Recovered',
                    'Deferred', 'Failed', 'Open')
SERVER_COLUMNS = ('Server', 'Name', 'Project', 'Host', 'State', 'Tries',
                  'Began', 'Ended', 'Seconds', 'Reason', 'Followed By')

ACT_COLUMNS = ('When', 'By', 'What', 'Subject', 'Reason')


class History(command.FailoverCommand):
    """Show past failovers, or what one of them did to each server.

    A failover is named by its request id, which the instance actions of its
    servers have. Nova keeps these until its databases are archived.

    With --acts, it shows what operators have done instead: who has paused,
    resumed, excluded, included or asked for what, when and why.

    Changes nothing.

    Needs Nova's databases; with --backend, Cinder as well; with --acts, only
    the message bus and a running nova-failover-engine.
    """

    exit_codes = (exitcodes.NOT_FOUND,)

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add what is to be shown."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'failover', metavar='FAILOVER', nargs='?',
            help='request id of a failover; without it, all are listed')
        parser.add_argument(
            '--backend', metavar='BACKEND',
            help='only what concerns servers that have a volume of this '
                 'backend now')
        parser.add_argument(
            '--server', action='append', default=[], metavar='SERVER',
            help='only what concerns this server, by its name or id; may be '
                 'given more than once')
        parser.add_argument(
            '--since', type=times.moment, default='30d', metavar='TIME',
            help='only what began since then: a while such as 12h or 30d, '
                 'or an ISO time in UTC (default: 30d)')
        parser.add_argument(
            '--acts', action='store_true',
            help='show what operators have done since TIME, the latest first')
        return parser

    def check_usage(self, parsed_args: argparse.Namespace) -> None:
        """Refuse what acts cannot be selected by.

        :raises UsageError: if there is any
        """
        if parsed_args.acts and (parsed_args.failover or parsed_args.backend
                                 or parsed_args.server):
            raise errors.UsageError(
                '--acts goes with --since only, not with FAILOVER, --backend '
                'or --server.')

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        """Return the table.

        :raises FailoverException: if something cannot be read
        """
        if parsed_args.acts:
            return self._acts(parsed_args.since)
        servers = self._servers(parsed_args)
        if not parsed_args.failover:
            return self._listed(parsed_args.since, servers)
        found = read(self, parsed_args.failover)
        return SERVER_COLUMNS, [
            server_row(entry) for entry in found
            if servers is None or entry.server_id in servers]

    def _listed(self, since: datetime.datetime,
                servers: frozenset[str] | None) -> Any:
        found, problems = reader(self).failovers(since, servers)
        warn(self, problems)
        return FAILOVER_COLUMNS, [failover_row(entry) for entry in found]

    def _acts(self, since: datetime.datetime) -> Any:
        from nova_failover_ext.api import acts
        found = [acts.Act.from_primitive(one) for one
                 in command.acting_engine().acts(since.astimezone(
                     datetime.UTC).replace(tzinfo=None).isoformat())]
        if len(found) >= acts.MOST_ACTS:
            self.tell('Only the latest %d are shown.' % len(found))
        return ACT_COLUMNS, [(act.when, act.who, act.what, act.subject,
                              act.reason) for act in found]

    def _servers(self,
                 parsed_args: argparse.Namespace) -> frozenset[str] | None:
        if not (parsed_args.backend or parsed_args.server):
            return None
        named = (self._named(parsed_args.server)
                 if parsed_args.server else None)
        if not parsed_args.backend:
            return named
        there = frozenset(a.server.id for a in self.records(
            parsed_args.backend).attachments)
        return there if named is None else there & named

    def _named(self, wanted: list[str]) -> frozenset[str]:
        found, problems = reader(self).named(wanted)
        warn(self, problems)
        missing = sorted(set(wanted) - {*found, *found.values()})
        if missing:
            raise errors.NotFound('Nova knows of no server %s.'
                                  % ', '.join(missing))
        return frozenset(found)


def reader(command_: command.FailoverCommand) -> Any:
    """Return the reader of past recoveries."""
    from nova_failover_ext.history import action_reader
    options = command_.conf.failover_engine
    return action_reader.HistoryReader(
        options.batch_size, cell_timeout=options.cell_timeout)


def read(command_: command.FailoverCommand, failover_id: str) -> list[Any]:
    """Return what a failover has meant for each server.

    :raises NotFound: if Nova knows no such failover
    :raises DatabaseUnavailable: if no database can be read
    """
    found, problems = reader(command_).servers(failover_id)
    warn(command_, problems)
    if not found:
        raise unknown(failover_id)
    return list(found)


def unknown(failover_id: str) -> errors.NotFound:
    """Return what is to be said of a failover that is not there."""
    return errors.NotFound(
        'Nova knows of no failover %s; "nova-failover history" lists those '
        'that it knows.' % failover_id)


def warn(command_: command.FailoverCommand, problems: Iterable[Any]) -> None:
    """Name the cells whose servers are missing.

    :raises DatabaseUnavailable: if that is all of them
    """
    missing = list(problems)
    _cinder, nova = command_.readers()
    if missing and len(missing) >= len(nova.cells()):
        raise exception.DatabaseUnavailable(reason=missing[0].reason)
    for sentence in command.missing_cells(missing):
        command_.tell(sentence)


def failover_row(entry: Any) -> tuple[Any, ...]:
    """Return a row for FAILOVER_COLUMNS."""
    return (entry.failover_id, times.shown(entry.started_at),
            times.shown(entry.last_at), entry.servers, entry.recovered,
            entry.deferred, entry.failed, entry.open)


def server_row(entry: Any) -> tuple[Any, ...]:
    """Return a row for SERVER_COLUMNS; the seconds are since it began."""
    ended = entry.tries[-1].finished_at if entry.tries else None
    seconds = entry.seconds_since(entry.began_at)
    return (entry.server_id, entry.name, entry.project_id, entry.host,
            entry.state.value, len(entry.tries),
            times.shown(entry.began_at), times.shown(ended),
            '' if seconds is None else round(seconds, 1), entry.reason,
            entry.followed_by)
