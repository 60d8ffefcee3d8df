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

"""``nova-failover report``: a failover as one HTML page."""

import argparse
import pathlib
from typing import Any

from nova_failover_ext.cli import command
from nova_failover_ext.cli import errors
from nova_failover_ext.cli import exitcodes
from nova_failover_ext.cli import history
from nova_failover_ext.cli import times

COLUMNS = ('Failover', 'Servers', 'Recovered', 'Remaining', 'File')


class Report(command.FailoverCommand):
    """Write a page about a failover: totals, times, failures, next steps.

    The page is a single file, and can be mailed. It holds names of
    servers and ids of projects, but no secrets.

    Changes nothing but FILE.

    Needs Nova's databases; with --backend, Cinder as well, and an engine
    says which servers have exhausted their retries.
    """

    exit_codes = (exitcodes.NOT_FOUND,)

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add what is to be told, and where to."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'failover', metavar='FAILOVER',
            help='request id of the failover, see "nova-failover history"')
        parser.add_argument(
            '--backend', metavar='BACKEND',
            help='add how the servers of this backend stand now, also those '
                 'that no compute host was asked about')
        parser.add_argument(
            '--since', type=times.moment, metavar='TIME',
            help='when the site was lost, as ISO time in UTC or a while such '
                 'as 90m: recovery times are counted from then. By '
                 'default, from the start of the first recovery')
        parser.add_argument(
            '-o', '--output', metavar='FILE', type=pathlib.Path,
            required=True, help='where to write the page')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        """Write the page and return what it is about.

        :raises FailoverException: if something cannot be read or written
        """
        from nova_failover_ext import report
        found, exhausted = (self._now(parsed_args.backend)
                            if parsed_args.backend else (None, None))
        histories, problems = history.reader(self).servers(
            parsed_args.failover)
        history.warn(self, problems)
        if not histories:
            raise history.unknown(parsed_args.failover)
        data = report.collect(
            parsed_args.failover, histories, found, problems,
            lost_at=parsed_args.since,
            retries_exhausted=exhausted)
        _write(parsed_args.output, report.render(data))
        recovered = sum(e.state.value == 'converged'
                        for e in data.entries)
        return COLUMNS, [(parsed_args.failover, len(data.entries), recovered,
                          len(data.entries) - recovered,
                          str(parsed_args.output))]

    def _now(self, backend: str) -> tuple[Any, dict[str, str]]:
        from nova_failover_ext.api import exclusions
        from nova_failover_ext.api import server_state
        found = self.backend_plan(backend)
        known = self.engine_knows(lambda client: {
            **client.status(found.backend.name), 'health': client.health()})
        excluded = exclusions.Exclusions.from_health(known.get('health', {}))
        return found.excluding(excluded), {
            server_id: tried['reason']
            for server_id, tried in known.get('servers', {}).items()
            if tried.get('state')
            == server_state.ServerState.RETRIES_EXHAUSTED.value}


def _write(file: pathlib.Path, page: str) -> None:
    try:
        file.write_text(page, encoding='utf-8')
    except OSError as exc:
        raise errors.OutputUnwritable(
            name=file, reason=exc.strerror or type(exc).__name__) from exc
