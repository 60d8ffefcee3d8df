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

"""``nova-failover exclude`` and ``include``: whom recovery leaves alone."""

import argparse
import datetime
import functools
from typing import Any

from nova_failover_ext.api import exclusions
from nova_failover_ext.cli import command
from nova_failover_ext.cli import errors
from nova_failover_ext.cli import exitcodes
from nova_failover_ext.cli import times


_HELP = {
    exclusions.Kind.SERVER: ('SERVER', 'a server, by its id or name'),
    exclusions.Kind.PROJECT: (
        'PROJECT', 'the servers of a project, by its id or name'),
    exclusions.Kind.HOST: ('HOST', 'the servers on a compute host'),
    exclusions.Kind.AGGREGATE: (
        'AGGREGATE', 'the servers on hosts of an aggregate, by id or name'),
    exclusions.Kind.ZONE: (
        'ZONE', 'the servers on hosts of an availability zone')}


class _Decision(command.FailoverCommand):
    """What both commands share: what is meant, and the engine's answer."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add what is meant: exactly one."""
        parser = super().get_parser(prog_name)
        group = parser.add_mutually_exclusive_group(required=True)
        for kind, (metavar, text) in _HELP.items():
            group.add_argument(
                '--%s' % kind.value, metavar=metavar, help=text,
                dest='target', type=functools.partial(_target, kind))
        return parser

    def shown(self, said: dict[str, Any]) -> Any:
        """Return the table of what is excluded now.

        :param said: the engine's answer
        """
        from nova_failover_ext.cli import excluding
        return excluding.COLUMNS, excluding.rows(said)


class Exclude(_Decision):
    """Leave servers alone, until "include" or for a time.

    Changes what the engine does: it recovers none of these servers, even
    after a restart or when another engine takes over, and refuses "recover"
    for them. Recoveries that are in flight on compute hosts go on.

    Needs the message bus, a running nova-failover-engine and Nova's
    databases, and with the name of a project also Keystone.
    """

    exit_codes = (exitcodes.NOT_FOUND, exitcodes.EXCLUDED)

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add what is meant, --reason and --until."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--reason', required=True, metavar='TEXT',
            help='why, for those who find the servers left alone')
        parser.add_argument(
            '--until', type=times.deadline, metavar='TIME',
            help='when it ends by itself, as ISO time in UTC or a while from '
                 'now such as 90m, 12h or 30d; without it, never')
        return parser

    def check_usage(self, parsed_args: argparse.Namespace) -> None:
        """Refuse an exclusion that makes no sense.

        :raises UsageError: if the target or the reason is empty or too long,
            or the end is in the past
        """
        kind, text = parsed_args.target
        self._asked = self._exclusion(parsed_args, kind, text, text)

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        """Ask the engine, and return the table of what is excluded.

        :raises FailoverException: if it is excluded already, there is no
            such target, or no engine can be asked
        """
        from nova_failover_ext.cli import targets
        kind, text = parsed_args.target
        _cinder, nova = self.readers()
        target, name = targets.find(nova, kind, text)
        asked = self._exclusion(parsed_args, kind, target, name)
        primitive = asked.to_primitive()
        # The clock that counts is that of the engine.
        del primitive['since']
        said = command.acting_engine().exclude(primitive)
        self.tell('Recovery leaves %s alone. What is in flight goes on.'
                  % asked.subject)
        return self.shown(said)

    def _exclusion(self, parsed_args: argparse.Namespace,
                   kind: exclusions.Kind, target: str,
                   name: str) -> exclusions.Exclusion:
        from nova_failover_ext.cli import pausing
        until = parsed_args.until and parsed_args.until.astimezone(
            datetime.UTC).replace(tzinfo=None, microsecond=0)
        user, host = pausing.operator()
        asked = exclusions.Exclusion(kind, target, name, parsed_args.reason,
                                     user, host, until=until)
        with errors.refusing_nonsense():
            asked.check()
        return asked


class Include(_Decision):
    """Let servers that "exclude" holds back be recovered again.

    Changes what the engine does. Each exclusion is ended separately: a server
    whose project is excluded as well is still left alone.

    Needs the message bus and a running nova-failover-engine.
    """

    exit_codes = (exitcodes.NOT_FOUND,)

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        """Ask the engine, and return the table of what is excluded still.

        :raises FailoverException: if it is not excluded, or no engine can be
            asked
        """
        from nova_failover_ext.cli import pausing
        kind, text = parsed_args.target
        said = command.acting_engine().include(
            kind.value, text, '%s@%s' % pausing.operator())
        self.tell('The %s %s is no longer excluded.' % (kind.words, text))
        return self.shown(said)


def _target(kind: exclusions.Kind, text: str) -> tuple[exclusions.Kind, str]:
    return kind, text
