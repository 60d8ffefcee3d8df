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

"""``nova-failover recover``: have an engine act, and maybe wait."""

import argparse
import contextlib
import dataclasses
import functools
from typing import Any

from nova_failover_ext.cli import command
from nova_failover_ext.cli import errors
from nova_failover_ext.cli import exitcodes
from nova_failover_ext.cli import selection
from nova_failover_ext.cli import times
from nova_failover_ext import exception


class Recover(command.FailoverCommand):
    """Have the engine recover the stale servers of a backend now.

    Changes what the engine would change by itself: it connects volumes to
    where Cinder has moved them, with a power cycle where one is needed.
    "plan" shows this beforehand. Servers that wait for a retry are
    tried at once, even if their retries are exhausted.

    Servers whose connections are up to date are not touched, so it may be run
    at any time and more than once. Excluded servers are left alone.

    Needs Cinder, Nova's databases, the message bus and a running
    nova-failover-engine; --dry-run needs neither of the last two.
    """

    exit_codes = (exitcodes.TIMED_OUT, exitcodes.NOT_FOUND,
                  exitcodes.PAUSED, exitcodes.EXCLUDED)

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add whom to recover, how, and whether to wait."""
        parser = super().get_parser(prog_name)
        command.add_backend(
            parser, optional='with --server it may be left out')
        selection.add_filters(parser)
        parser.add_argument(
            '--stale', action='store_true',
            help='ask Cinder about every server, even if its connections '
                 'were found to be right before; for connections that have '
                 'changed without a failover')
        selection.add_orders(parser)
        parser.add_argument(
            '--dry-run', action='store_true',
            help='show what would be asked for, and ask for nothing')
        parser.add_argument(
            '--wait', action='store_true',
            help='wait until the servers asked for are converged')
        parser.add_argument(
            '--timeout', type=times.seconds, default=1800, metavar='SECONDS',
            help='with --wait: stop waiting after this time, with exit '
                 'code %d (default: 1800)' % exitcodes.TIMED_OUT)
        return parser

    def check_usage(self, parsed_args: argparse.Namespace) -> None:
        """Refuse to recover everything.

        :raises UsageError: if neither a backend nor a server is named
        """
        if not (parsed_args.backend or parsed_args.server):
            raise errors.UsageError(
                'Name a BACKEND, or servers with --server.')

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        """Ask, wait if told to, and return the table.

        :raises FailoverException: if something cannot be read, or no engine
            can be asked
        """
        self._read = functools.cache(self.records)
        wanted = [self._resolved(request, parsed_args)
                  for request in self._wanted(parsed_args)]
        if parsed_args.dry_run:
            return self._shown(wanted)
        return self._followed(self._asked(wanted, parsed_args))

    def _followed(self, plans: list[Any]) -> Any:
        from nova_failover_ext.cli import backend_status
        from nova_failover_ext.cli import next_steps
        from nova_failover_ext.cli import rows
        said = self.engine_knows(lambda client: {
            found.backend.name: client.status(found.backend.name)
            for found in plans})
        every = [backend_status.of(found, self.recoveries(found),
                                   said.get(found.backend.name, {}))
                 for found in plans]
        for found in every:
            for sentence in (backend_status.summary(found),
                             *next_steps.after(found)):
                self.tell(sentence)
        return rows.STATUS_COLUMNS, [
            row for found in every for row in found.rows()]

    def _wanted(self, parsed_args: argparse.Namespace) -> list[Any]:
        if parsed_args.backend:
            reader, _nova = self.readers()
            return [selection.request(
                parsed_args, reader.backend(parsed_args.backend).name)]
        from nova_failover_ext.cli import servers
        from nova_failover_ext.engine.inventory import cinder_reader
        return selection.spread(
            parsed_args,
            servers.hosts_of(parsed_args.server, cinder_reader.admin_client()),
            self.replicated())

    def _resolved(self, request: Any,
                  parsed_args: argparse.Namespace) -> Any:
        if not selection.narrows(parsed_args):
            return request
        records = self._read(request.backend)
        return selection.resolve(
            request, parsed_args, [a.server for a in records.attachments],
            records.backend.name, self.readers()[1])

    def _shown(self, wanted: list[Any]) -> Any:
        from nova_failover_ext.cli import rows
        excluded = self.excluded()
        plans = [selection.judge(self._read(request.backend), request,
                                 excluded) for request in wanted]
        for found in plans:
            self.tell(rows.summary(found))
        self.tell('This is a dry run: nothing was asked for.')
        return rows.PLAN_COLUMNS, [row for found in plans
                                   for row in rows.plan_rows(found.servers)]

    def _asked(self, wanted: list[Any],
               parsed_args: argparse.Namespace) -> list[Any]:
        from nova_failover_ext.api import exclusions
        from nova_failover_ext.cli import pausing
        from nova_failover_ext.cli import wait
        client = command.acting_engine()
        said = client.health()
        self._excluded = exclusions.Exclusions.from_health(said)
        if parsed_args.server:
            self._refuse_excluded(wanted)
        # What is named has to be there before anything is asked for.
        named = {request.backend: self._named(request)
                 for request in wanted if not request.whole}
        if len(wanted) > 1:
            # What one backend refuses is not to be asked of the others.
            self._refuse_paused(said, wanted)
        for request in wanted:
            failover_id = client.recover(dataclasses.replace(
                request, failover_id=client.failover_id,
                who='%s@%s' % pausing.operator()))
        self.tell('The engine has taken it over, as request %s.'
                  % failover_id)

        def read(backend: str) -> Any:
            self._renew_excluded(client)
            found = self.backend_plan(backend).excluding(self._excluded)
            return (selection.only(found, named[backend])
                    if backend in named else found)

        if not parsed_args.wait:
            return [read(request.backend) for request in wanted]
        waiter = wait.Waiter(client, read, wanted, failover_id)
        plans, done = waiter.wait(parsed_args.timeout, self.app.stderr)
        if not done:
            self.exit_code = exitcodes.TIMED_OUT
            self.tell('Not everything was asked about and has converged '
                      'within %g seconds; the engine goes on.'
                      % parsed_args.timeout)
        return plans

    def _renew_excluded(self, client: Any) -> None:
        # Who waits learns of an exclusion, and goes on without an engine.
        from nova_failover_ext.api import exclusions
        with contextlib.suppress(exception.EngineUnavailable,
                                 exception.BrokerUnavailable):
            self._excluded = exclusions.Exclusions.from_health(
                client.health())

    def _refuse_excluded(self, wanted: list[Any]) -> None:
        from nova_failover_ext.cli import excluding
        for request in wanted:
            excluding.refuse(
                (a.server for a in self._read(request.backend).attachments
                 if a.server.id in request.servers),
                self._excluded)

    def _refuse_paused(self, said: dict[str, Any],
                       wanted: list[Any]) -> None:
        from nova_failover_ext.cli import pausing
        for request in wanted:
            for pause in pausing.in_effect(said, request.backend):
                raise errors.Paused('%s.' % pause)

    def _named(self, request: Any) -> frozenset[str]:
        from nova_failover_ext.api import exclusions
        found = selection.judge(self._read(request.backend), request,
                                exclusions.Exclusions())
        return frozenset(s.server.id for s in found.servers)
