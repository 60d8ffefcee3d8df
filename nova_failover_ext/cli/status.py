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

"""``nova-failover status``: where every server stands, from the records."""

import argparse
from typing import Any

from nova_failover_ext.cli import command
from nova_failover_ext.cli import exitcodes


class Status(command.FailoverCommand):
    """Show which servers of a backend are converged, and why others wait.

    Without BACKEND: a line for each replicated backend.

    Changes nothing.

    Needs Cinder and Nova's databases. If an engine answers on the message
    bus, what it remembers is added.
    """

    exit_codes = (exitcodes.NOT_CONVERGED,)

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add BACKEND and --check."""
        parser = super().get_parser(prog_name)
        command.add_backend(
            parser, optional='without it, every replicated backend')
        parser.add_argument(
            '--check', action='store_true',
            help='exit with %d unless every server is converged'
                 % exitcodes.NOT_CONVERGED)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        """Return the table.

        :raises FailoverException: if the records cannot be read
        """
        plans, table = (self._of_one(parsed_args.backend)
                          if parsed_args.backend else self._of_all())
        if parsed_args.check and not all(s.converged for s in plans):
            self.exit_code = exitcodes.NOT_CONVERGED
        return table

    def _of_one(self, backend: str) -> tuple[list[Any], Any]:
        from nova_failover_ext.cli import rows
        found = self.backend_plan(backend)
        self.tell(rows.summary(found))
        name = found.backend.name
        remembered = self.engine_knows(lambda client: {
            **client.status(name), 'health': client.health()})
        self._tell_of_pauses(remembered, name)
        if remembered.get('reason'):
            self.tell('The engine waits: %s' % remembered['reason'])
        return [found], (rows.STATUS_COLUMNS, rows.status_rows(
            found.servers, self.recoveries(found), remembered))

    def _of_all(self) -> tuple[list[Any], Any]:
        from nova_failover_ext.cli import rows
        plans = [self.backend_plan(backend.name)
                   for backend in self.replicated()]
        said = self.engine_knows(lambda client: {
            'counts': client.progress([one.backend.name for one in plans]),
            'health': client.health()})
        self._tell_of_pauses(said)
        return plans, (rows.BACKEND_COLUMNS, [
            rows.backend_row(found, said.get('counts', {}).get(
                found.backend.name, {}), said.get('health', {}))
            for found in plans])

    def _tell_of_pauses(self, said: dict[str, Any],
                        backend: str = '') -> None:
        from nova_failover_ext.cli import pausing
        for sentence in pausing.sentences(said.get('health', {}), backend):
            self.tell(sentence)
