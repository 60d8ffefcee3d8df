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
from collections.abc import Callable
import functools
from typing import Any

from nova_failover_ext.cli import command
from nova_failover_ext.cli import exitcodes
from nova_failover_ext.cli import selection


class Status(command.FailoverCommand):
    """Show which servers of a backend are converged, and why others wait.

    Without BACKEND: a line for each replicated backend, or, with a filter, the
    servers of all of them.

    Changes nothing.

    Needs Cinder and Nova's databases. If an engine answers on the message
    bus, what the engine knows is added.
    """

    exit_codes = (exitcodes.NOT_CONVERGED, exitcodes.NOT_FOUND,
                  exitcodes.PAUSED, exitcodes.DEFERRED, exitcodes.FAILED)

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add BACKEND, the filters, --check and --watch."""
        parser = super().get_parser(prog_name)
        command.add_backend(
            parser, optional='without it, every replicated backend')
        selection.add_states(parser)
        selection.add_filters(parser)
        parser.add_argument(
            '--check', action='store_true',
            help='exit with 0 only if every server that is shown is '
                 'converged, an engine answers and nothing is paused')
        parser.add_argument(
            '--watch', action='store_true',
            help='repeat it until nothing changes by itself or Ctrl-C is '
                 'pressed; the exit code is that of --check')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        """Return the table.

        :raises FailoverException: if the records cannot be read
        """
        from nova_failover_ext.cli import status_view
        look = functools.partial(status_view.look, self, parsed_args)
        view = (self._watched(parsed_args, look) if parsed_args.watch
                else look())
        if not parsed_args.watch or self.app.stderr.isatty():
            # A picture is gone; lines are not.
            for sentence in view.sentences:
                self.tell(sentence)
        if parsed_args.check or parsed_args.watch:
            self.exit_code = view.exit_code
        return view.columns, view.rows

    def _watched(self, parsed_args: argparse.Namespace,
                 look: Callable[[], Any]) -> Any:
        from nova_failover_ext.cli import watch
        names = [parsed_args.backend] if parsed_args.backend else []

        def counts() -> dict[str, Any]:
            answer, _problem = command.ask_engine(
                lambda client: client.progress(names))
            return answer

        return watch.Watch(counts, look).run(self.app.stderr)
