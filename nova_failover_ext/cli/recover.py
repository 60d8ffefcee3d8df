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
from collections.abc import Callable
from typing import Any

import tenacity

from nova_failover_ext.cli import command
from nova_failover_ext.cli import exitcodes
from nova_failover_ext import exception

#: Seconds to wait for an engine to accept.
ENGINE_TIMEOUT = 10
#: Seconds between two looks with --wait.
POLL = 2


class Recover(command.FailoverCommand):
    """Have an engine recover every stale server of a backend now.

    Cinder is asked about every server, also about those that were found
    right before. Servers whose connection turns out to be up to date are not
    touched.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add --wait and --timeout."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--wait', action='store_true',
            help='wait until every server was asked about and is converged')
        parser.add_argument(
            '--timeout', type=_seconds, default=1800, metavar='SECONDS',
            help='with --wait: give up waiting after that long, with exit '
                 'code %d (default: 1800)' % exitcodes.TIMED_OUT)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        """Ask, wait if told to, and return the table.

        :raises FailoverException: if the truth cannot be read, or no
            engine can be asked
        """
        from nova_failover_ext.cli import engine
        from nova_failover_ext.cli import rows
        found = self.survey(parsed_args.backend)
        client = engine.EngineClient(ENGINE_TIMEOUT)
        failover_id = client.recover(found.backend.name)
        self.tell('An engine has taken it over, as request %s.' % failover_id)
        if parsed_args.wait:
            found = self._wait(
                found, parsed_args.timeout,
                lambda: client.has_asked(found.backend.name, failover_id))
        self.tell(rows.summary(found))
        return rows.STATUS_COLUMNS, rows.status_rows(
            found.servers, self.recoveries(found), {})

    def _wait(self, first: Any, timeout: float,
              has_asked: Callable[[], bool]) -> Any:
        from nova_failover_ext.cli import progress
        latest = first

        def look() -> bool:
            nonlocal latest
            latest = self.survey(first.backend.name)
            display.show(latest)
            return bool(latest.converged) and has_asked()

        retrying = tenacity.Retrying(
            retry=(tenacity.retry_if_result(lambda done: not done)
                   | tenacity.retry_if_exception_type(
                       (exception.CinderUnavailable,
                        exception.DatabaseUnavailable,
                        exception.EngineUnavailable,
                        exception.BrokerUnavailable))),
            wait=tenacity.wait_fixed(POLL),
            stop=tenacity.stop_after_delay(timeout))
        with progress.Progress(self.app.stderr) as display:
            try:
                retrying(look)
            except tenacity.RetryError:
                self.exit_code = exitcodes.TIMED_OUT
        if self.exit_code == exitcodes.TIMED_OUT:
            self.tell('Not everything was asked about and has converged '
                      'within %g seconds; the engine goes on.' % timeout)
        return latest


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < float('inf'):
        raise argparse.ArgumentTypeError('%s is not positive' % text)
    return value
