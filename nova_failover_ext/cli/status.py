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

"""``nova-failover status``: where every server stands, from the truth."""

import argparse
from typing import Any

from nova_failover_ext.cli import command
from nova_failover_ext.cli import exitcodes
from nova_failover_ext import exception

#: Seconds to wait for an engine; the table is complete without one.
ENGINE_TIMEOUT = 3


class Status(command.FailoverCommand):
    """Show which servers of a backend are converged, and why others wait."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add --check."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--check', action='store_true',
            help='exit with %d unless every server is converged'
                 % exitcodes.NOT_CONVERGED)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        """Return the table.

        :raises FailoverException: if the truth cannot be read
        """
        from nova_failover_ext.cli import rows
        found = self.survey(parsed_args.backend)
        self.tell(rows.summary(found))
        remembered = self._remembered(found.backend.name)
        if remembered.get('reason'):
            self.tell('The engine waits: %s' % remembered['reason'])
        if parsed_args.check and not found.converged:
            self.exit_code = exitcodes.NOT_CONVERGED
        return rows.STATUS_COLUMNS, rows.status_rows(
            found.servers, self.recoveries(found), remembered)

    def _remembered(self, backend: str) -> dict[str, Any]:
        from nova_failover_ext.cli import engine
        try:
            return engine.EngineClient(ENGINE_TIMEOUT).status(backend)
        except (exception.EngineUnavailable,
                exception.BrokerUnavailable) as exc:
            self.tell('Without what an engine knows: %s' % exc)
            return {}
