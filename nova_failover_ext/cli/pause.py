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

"""``nova-failover pause`` and ``resume``: the brake."""

import argparse
from typing import Any

from nova_failover_ext.cli import command
from nova_failover_ext.cli import errors
from nova_failover_ext.cli import exitcodes


class _Decision(command.FailoverCommand):
    """What both commands share: the answer of the engine."""

    def shown(self, said: dict[str, Any]) -> Any:
        """Return the table of what is paused now.

        :param said: the engine's answer
        """
        from nova_failover_ext.cli import pausing
        if said.get('decisions'):
            self.tell('%s The decision is in effect; it is lost if this '
                      'engine ends before it can be saved.'
                      % said['decisions'])
        return pausing.COLUMNS, pausing.rows(said)


class Pause(_Decision):
    """Start no recovery, of one backend or of all, until "resume".

    Changes what the engine does: it starts nothing new, even after a restart
    or when another engine takes over. Recoveries that are in flight on
    compute hosts go on. So do scans and "status".

    Needs the message bus and a running nova-failover-engine, and with
    BACKEND also Cinder.
    """

    exit_codes = (exitcodes.PAUSED,)

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add BACKEND and --reason."""
        parser = super().get_parser(prog_name)
        command.add_backend(parser, optional='without it, everything')
        parser.add_argument(
            '--reason', required=True, metavar='TEXT',
            help='why, for those who find recoveries paused')
        return parser

    def check_usage(self, parsed_args: argparse.Namespace) -> None:
        """Refuse a pause that says nothing.

        :raises UsageError: if the reason is empty or too long
        """
        from nova_failover_ext.api import pauses
        from nova_failover_ext.cli import pausing
        user, host = pausing.operator()
        self._pause = pauses.Pause(
            parsed_args.backend or pauses.EVERYTHING, parsed_args.reason,
            user, host)
        with errors.refusing_nonsense():
            self._pause.check()

    def take_action(self, _parsed_args: argparse.Namespace) -> Any:
        """Ask the engine, and return the table of what is paused.

        :raises FailoverException: if it is paused already, there is no such
            backend, or no engine can be asked
        """
        asked = self._pause
        said = command.acting_engine().pause(self._named(asked))
        self.tell('Recoveries of %s are paused. What is in flight goes on.'
                  % asked.subject)
        return self.shown(said)

    def _named(self, asked: Any) -> dict[str, Any]:
        primitive: dict[str, Any] = asked.to_primitive()
        if asked.backend:
            cinder, _nova = self.readers()
            primitive['backend'] = cinder.backend(asked.backend).name
        # The clock that counts is that of the engine.
        del primitive['since']
        return primitive


class Resume(_Decision):
    """Let recoveries that "pause" holds back start again.

    Changes what the engine does. Each pause is ended separately: a backend
    stays paused when the pause of everything ends, and the other way round.

    Needs the message bus and a running nova-failover-engine.
    """

    exit_codes = (exitcodes.NOT_FOUND,)

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add BACKEND."""
        parser = super().get_parser(prog_name)
        command.add_backend(
            parser, optional='without it, the pause of everything')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        """Ask the engine, and return the table of what is paused still.

        :raises FailoverException: if it is not paused, or no engine can be
            asked
        """
        from nova_failover_ext.cli import pausing
        said = command.acting_engine().resume(
            parsed_args.backend or '', '%s@%s' % pausing.operator())
        self.tell('Recoveries of %s are resumed.'
                  % (parsed_args.backend or 'every backend'))
        return self.shown(said)
