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

"""``nova-failover plan``: what would be done, and why. Changes nothing."""

import argparse
from typing import Any

from nova_failover_ext.cli import command
from nova_failover_ext.cli import exitcodes
from nova_failover_ext.cli import selection


class Plan(command.FailoverCommand):
    """Show every server with a volume of a backend, with its verdict.

    Changes nothing: neither servers, volumes nor records are touched.

    Needs Cinder and Nova's databases. If an engine answers on the message
    bus, the table also shows what operators have excluded.
    """

    exit_codes = (exitcodes.NOT_FOUND,)

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add what is to be shown, and how."""
        parser = super().get_parser(prog_name)
        command.add_backend(parser)
        selection.add_filters(parser)
        parser.add_argument(
            '--rehearse', action='store_true',
            help='show what a failover would do now: every replicated '
                 'volume counts as stale')
        parser.add_argument('--long', action='store_true',
                            help='show a row for each volume instead of each '
                                 'server')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        """Return the table.

        :raises FailoverException: if the records cannot be read
        """
        from nova_failover_ext.cli import rows
        found = self._planned(parsed_args.backend, parsed_args.rehearse)
        wanted = selection.resolve(
            selection.request(parsed_args, parsed_args.backend), parsed_args,
            [s.server for s in found.servers], found.backend.name,
            self.readers()[1])
        found = selection.narrow(found.excluding(self.excluded()), wanted)
        self.tell(rows.summary(found))
        if parsed_args.long:
            return rows.VOLUME_COLUMNS, rows.volume_rows(found.servers)
        return rows.PLAN_COLUMNS, rows.plan_rows(found.servers)

    def _planned(self, backend: str, rehearse: bool) -> Any:
        if not rehearse:
            return self.backend_plan(backend)
        self.tell('This is a rehearsal: every replicated volume is taken '
                  'for stale.')
        return self.records(backend).rehearse()
