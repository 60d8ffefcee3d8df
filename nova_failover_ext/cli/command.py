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

"""What the commands share: configuration, readers, errors, exit codes."""

import argparse
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from cliff import lister

from nova_failover_ext.cli import exitcodes
from nova_failover_ext import exception
from nova_failover_ext.recovery import policy
from nova_failover_ext import startup

#: An operator waits: one try, and soon an answer.
_IMPATIENT: dict[tuple[str, str], Any] = {
    ('database', 'max_retries'): 1,
    ('database', 'retry_interval'): 0,
    ('api_database', 'max_retries'): 1,
    ('api_database', 'retry_interval'): 0,
    ('cinder', 'http_retries'): 1,
    ('failover_engine', 'cinder_timeout'): 10,
}
#: Seconds to wait for an engine where a table is complete without one.
_ENGINE_TIMEOUT = 3
#: Seconds to wait for an engine to accept: one may just be taking over.
_ACCEPT_TIMEOUT = 30
_BACKEND_HELP = ('the backend as "openstack volume service list" names its '
                 'host: HOST@BACKEND')


def config_argv(program: str, options: argparse.Namespace) -> list[str]:
    """Return what oslo.config has to see of the command line.

    :param program: its name, by which oslo.config finds files
    :param options: the global options
    """
    return [program,
            *(arg for name in options.config_file
              for arg in ('--config-file', name)),
            *(arg for name in options.config_dir
              for arg in ('--config-dir', name))]


class FailoverCommand(lister.Lister):
    """A command that prints a table."""

    #: what :meth:`run` returns if all goes well
    exit_code = exitcodes.OK
    #: exit codes of its own, for --help
    exit_codes: tuple[int, ...] = ()

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Have --help show texts as they are written here."""
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        parser.epilog = exitcodes.epilog(*self.exit_codes)
        return parser

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Run it, and turn an error of ours into one sentence.

        :returns: the exit code
        """
        try:
            self.check_usage(parsed_args)
            startup.choose_threads()
            self.conf = startup.configure(
                config_argv(self.app.NAME, self.app.options), _IMPATIENT)
            super().run(parsed_args)
        except exception.FailoverException as exc:
            if self.app.options.debug:
                raise
            self.tell(_in_one_line(str(exc)))
            return int(getattr(exc, 'exit_code', exitcodes.UNUSABLE))
        return self.exit_code

    def check_usage(self, parsed_args: argparse.Namespace) -> None:
        """Refuse arguments that make no sense, before nova.conf is read.

        :raises UsageError: if they contradict each other, or one is missing
        """

    def produce_output(self, parsed_args: argparse.Namespace,
                       column_names: Sequence[str],
                       data: Iterable[Sequence[Any]]) -> int:
        """Print the table, each text in one line.

        What tools and services of others report may have several.
        """
        printed: int = super().produce_output(
            parsed_args, column_names,
            [tuple(map(_in_one_line, row)) for row in data])
        return printed

    def readers(self) -> tuple[Any, Any]:
        """Return the reader of Cinder and that of Nova's databases."""
        from nova_failover_ext.engine.inventory import cinder_reader
        from nova_failover_ext.engine.inventory import nova_reader
        options = self.conf.failover_engine
        return (cinder_reader.CinderReader(options.batch_size,
                                           named=options.drivers),
                nova_reader.NovaReader(options.batch_size,
                                       policy.chooser(self.conf),
                                       options.cell_timeout))

    def replicated(self) -> list[Any]:
        """Return the backends that take part in replication, by name.

        :raises CinderUnavailable: if Cinder cannot be asked
        """
        from nova_failover_ext.engine.planner import gate
        cinder, _nova = self.readers()
        return sorted(filter(gate.is_replicated, cinder.backends()),
                      key=lambda backend: backend.name)

    def records(self, backend: str) -> Any:
        """Read the records of a backend, and name the cells that are missing.

        :returns: :class:`nova_failover_ext.engine.inventory.snapshot.Records`
        :raises FailoverException: if it cannot be read
        """
        found = self.read_records(backend)
        for sentence in missing_cells(found.problems):
            self.tell(sentence)
        return found

    def read_records(self, backend: str) -> Any:
        """Read the records of a backend; see :meth:`records`."""
        from nova_failover_ext.engine.inventory import snapshot
        cinder, nova = self.readers()
        found = snapshot.read(cinder, nova, backend)
        unread = {problem.cell for problem in found.problems}
        if unread and len(unread) >= len(nova.cells()):
            raise exception.DatabaseUnavailable(
                reason=found.problems[0].reason)
        return found

    def excluded(self) -> Any:
        """Ask the engine what it leaves alone.

        :returns: :class:`nova_failover_ext.api.exclusions.Exclusions`, none
            if no engine can be asked
        """
        from nova_failover_ext.api import exclusions
        return exclusions.Exclusions.from_health(
            self.engine_knows(lambda client: client.health()))

    def backend_plan(self, backend: str) -> Any:
        """Read the records of a backend, with a verdict on each server.

        :returns: a
            :class:`nova_failover_ext.engine.inventory.snapshot.BackendPlan`
        :raises FailoverException: if it cannot be read
        """
        from nova_failover_ext.engine.planner import server_plans
        return self.records(backend).judge(server_plans.PlanOptions())

    def recoveries(self, found: Any) -> Any:
        """Return the latest recovery of each server of a plan, by id."""
        _cinder, nova = self.readers()
        return nova.recoveries(s.server for s in found.servers)

    def engine_knows(self, ask: Callable[[Any], dict[str, Any]]
                     ) -> dict[str, Any]:
        """Ask the engine for what it remembers, and do without if need be.

        :param ask: given an :class:`.engine_client.EngineClient`
        :returns: its answer, empty if no engine can be asked
        """
        answer, problem = ask_engine(ask)
        if problem:
            self.tell(problem)
        return answer

    def tell(self, sentence: str) -> None:
        """Write a line to stderr, apart from the table."""
        self.app.stderr.write('%s\n' % sentence)


def ask_engine(ask: Callable[[Any], dict[str, Any]]
               ) -> tuple[dict[str, Any], str]:
    """Ask the engine for what it remembers.

    :param ask: given an :class:`.engine_client.EngineClient`
    :returns: its answer, empty if no engine can be asked; and why that is,
        '' if it has answered
    """
    from nova_failover_ext.cli import engine_client
    try:
        return ask(engine_client.EngineClient(_ENGINE_TIMEOUT)), ''
    except (exception.EngineUnavailable, exception.BrokerUnavailable) as exc:
        return {}, 'What only an engine knows is missing here: %s' % exc


def acting_engine() -> Any:
    """Return the client of the engine that is to do something.

    :returns: an :class:`.engine_client.EngineClient`, which waits while
        another engine takes over
    """
    from nova_failover_ext.cli import engine_client
    return engine_client.EngineClient(_ACCEPT_TIMEOUT)


def missing_cells(problems: Iterable[Any]) -> list[str]:
    """Return a sentence for each cell that could not be read.

    :param problems: each a :class:`.api.cell_problem.CellProblem`
    """
    return ['The servers of cell %s are missing here: %s'
            % (problem.cell, problem.reason) for problem in problems]


def add_backend(parser: argparse.ArgumentParser, *,
                optional: str = '') -> None:
    """Add the argument BACKEND.

    :param optional: what happens without it, '' if it is needed
    """
    if optional:
        parser.add_argument('backend', metavar='BACKEND', nargs='?',
                            help='%s; %s' % (_BACKEND_HELP, optional))
    else:
        parser.add_argument('backend', metavar='BACKEND', help=_BACKEND_HELP)


def _in_one_line(cell: Any) -> Any:
    return ' '.join(cell.split()) if isinstance(cell, str) else cell
