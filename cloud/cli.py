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
"""The command line: up, status, site, restart, demo, test, bench."""

import argparse
import logging
import pathlib
import sys
from typing import Any
import warnings

from cliff import app
from cliff import command
from cliff import commandmanager
from cliff import lister

from cloud import log
from cloud import patched
from cloud.services import registry
from cloud import settings
from cloud import stack
from cloud.storage import layout

LOG = logging.getLogger(__name__)

#: The table of what was proven on which kind of storage.
PROVEN = 'doc/source/contributor/proven.csv'


def _root(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add the options that each command has."""
    parser.add_argument('--root', type=pathlib.Path,
                        default=settings.DEFAULT_ROOT,
                        help='state root (default: %(default)s)')
    return parser


def _kinds(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add the option of the commands that bring a cloud up."""
    parser.add_argument('--storage', action='append', dest='kinds',
                        choices=settings.KINDS,
                        help='kind of storage, the first is tried; may be '
                             f'repeated (default: {settings.KINDS[0]})')
    return parser


def _stack(parsed: argparse.Namespace, **changes) -> stack.Stack:
    """The cloud that a command is about, with its log."""
    conf = settings.load(parsed.root, **changes)
    if conf.root.exists() or changes:
        log.to_file(conf.log)
    return stack.Stack(conf)


class Up(command.Command):
    """Bring the cloud up; does what is still to be done."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the options of ``up``."""
        parser = _kinds(_root(super().get_parser(prog_name)))
        parser.add_argument('--port-base', type=int,
                            help='first of a hundred ports (default: '
                                 f'{settings.DEFAULT_PORT_BASE})')
        parser.add_argument('--connection-type', choices=['gpfs', 'local'],
                            help='what Cinder hands to Nova')
        kind = parser.add_mutually_exclusive_group()
        kind.add_argument('--stock', action='store_true', default=None,
                          help='run unmodified Nova and Cinder')
        kind.add_argument('--patched', action='store_true', default=None,
                          help='run Nova and Cinder with the patch series, '
                               'without the plugin')
        return parser

    def take_action(self, parsed: argparse.Namespace) -> None:
        """Bring the cloud up."""
        if parsed.patched:
            patched.require_series()
        cloud = _stack(parsed, port_base=parsed.port_base,
                       kinds=parsed.kinds,
                       connection_type=parsed.connection_type,
                       failover=False if parsed.stock or parsed.patched
                       else None, patched=parsed.patched)
        stack.timed('up', cloud.up)


class Status(lister.Lister):
    """Show what runs; fails when something does not."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the options of ``status``."""
        return _root(super().get_parser(prog_name))

    app: 'Application'

    def take_action(self, parsed: argparse.Namespace) -> tuple:
        """List the daemons and the sites."""
        cloud = _stack(parsed)
        rows = []
        for name, daemon in cloud.parts():
            process = daemon.process()
            state = 'running' if process else 'stopped'
            if process and name.startswith('site-'):
                state = cloud.sites.folders.state(name[len('site-'):])
            rows.append((name, state, process.pid if process else '',
                         daemon.log))
        self.app.failed = any(row[1] == 'stopped' for row in rows)
        return ('Part', 'State', 'PID', 'Log'), rows


class Site(command.Command):
    """Lose a site, let it hang, cut it off, or restore it."""

    #: How a site is lost, by the action; see cloud.storage.storage_kinds.
    ACTIONS = {'lose': 'kill', 'hang': 'freeze', 'cut': 'cut', 'restore': ''}

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the arguments of ``site``."""
        parser = _root(super().get_parser(prog_name))
        parser.add_argument('site', choices=sorted(layout.PEERS))
        parser.add_argument('action', choices=sorted(self.ACTIONS))
        return parser

    def take_action(self, parsed: argparse.Namespace) -> None:
        """Lose the site of the kind that was named first, or restore it."""
        kind, how = _stack(parsed).kinds[0], self.ACTIONS[parsed.action]
        if how:
            kind.lose(parsed.site, how)
        else:
            kind.bring_back(parsed.site)


class Restart(command.Command):
    """Restart one service, for example after a change of its code."""

    verbs: tuple[str, ...] = ('stop', 'start')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the arguments."""
        parser = _root(super().get_parser(prog_name))
        parser.add_argument('service', nargs='+')
        return parser

    def take_action(self, parsed: argparse.Namespace) -> None:
        """Stop, start, or both."""
        cloud = _stack(parsed)
        known = ['mariadb', 'rabbitmq',
                 *(each.name for each in registry.all_of(cloud.conf))]
        for name in parsed.service:
            if name not in known:
                raise SystemExit(f'{name} is none of ' + ', '.join(known))
            for verb in self.verbs:
                LOG.info('%s %s', verb, name)
                getattr(cloud, f'{verb}_one')(name)


class Stop(Restart):
    """Stop one service."""

    verbs = ('stop',)


class Start(Restart):
    """Start one service."""

    verbs = ('start',)


class Down(command.Command):
    """Stop everything and remove the state root."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the options of ``down``."""
        parser = _root(super().get_parser(prog_name))
        parser.add_argument('--purge', action='store_true',
                            help='remove the cache as well')
        return parser

    def take_action(self, parsed: argparse.Namespace) -> None:
        """Take the cloud down."""
        stack.timed('down', lambda: _stack(parsed).down(parsed.purge))


class Demo(command.Command):
    """Show a failover and a failback, with all that has to hold."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the options of ``demo``."""
        return _kinds(_root(super().get_parser(prog_name)))

    def take_action(self, parsed: argparse.Namespace) -> int:
        """Bring the cloud up if need be, play, and print the table."""
        # Libraries of the scenario are slow to import.
        from cloud import demo_table
        from cloud.scenario import play
        from cloud.scenario import world

        cloud = _stack(parsed, kinds=parsed.kinds)
        stack.timed('up', cloud.up)
        done = play.Play(world.World(cloud.conf))
        try:
            passed = done.run()
        finally:
            demo_table.show(done)
        return 0 if passed else 1


class Test(command.Command):
    """Run the end-to-end tests."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the arguments of ``test``."""
        parser = _kinds(_root(super().get_parser(prog_name)))
        parser.add_argument('--full', action='store_true',
                            help='not only the core')
        parser.add_argument('--write', action='store_true',
                            help=f'put the outcomes into {PROVEN}')
        parser.add_argument('name', nargs='*',
                            help='only tests with this in their name')
        return parser

    def take_action(self, parsed: argparse.Namespace) -> int:
        """Bring the cloud up if need be, and run the tests."""
        from cloud.tests import runner

        cloud = _stack(parsed, kinds=parsed.kinds)
        stack.timed('up', cloud.up)
        table = cloud.conf.checkout / PROVEN if parsed.write else None
        return 0 if runner.run(cloud.conf, parsed.name, parsed.full,
                               table) else 1


class Bench(command.Command):
    """Recover the same servers by us and by scripts, and compare."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the options of ``bench``."""
        parser = _root(super().get_parser(prog_name))
        parser.add_argument('--servers', type=int, default=6,
                            help='how many, each with two volumes (default: '
                                 '%(default)s)')
        return parser

    def take_action(self, parsed: argparse.Namespace) -> int:
        """Bring the cloud up if need be, try each way, print a table."""
        from bench.recovery import comparison
        from bench.recovery import summary

        cloud = _stack(parsed)
        stack.timed('up', cloud.up)
        outcomes = comparison.Bench(cloud.conf, parsed.servers).run()
        summary.show(outcomes)
        return 0 if outcomes[0].healed == parsed.servers else 1


COMMANDS: dict[str, Any] = {
    'up': Up, 'status': Status, 'site': Site, 'restart': Restart,
    'stop': Stop, 'start': Start, 'demo': Demo, 'test': Test, 'bench': Bench,
    'down': Down}


class Application(app.App):
    """The little cloud's command line."""

    failed = False

    def __init__(self) -> None:
        """Register the commands."""
        manager = commandmanager.CommandManager('failover.cloud')
        for name, handler in COMMANDS.items():
            manager.add_command(name, handler)
        super().__init__(
            description='A little OpenStack cloud to try failovers on.',
            version='1', command_manager=manager, deferred_help=True)

    def configure_logging(self) -> None:
        """Log to the console, and to a file once there is a state root."""
        log.to_console(self.options.verbose_level > 1)


def main(argv: list[str]) -> int:
    """Run a command.

    :param argv: the command line without the program
    :returns: the exit code
    """
    # Those of libraries that are none of a user's business.
    warnings.simplefilter('ignore', DeprecationWarning)
    application = Application()
    code = application.run(argv or ['help'])
    return code or int(application.failed)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
