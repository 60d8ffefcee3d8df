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

"""The console script ``nova-failover``: the cliff application."""

import argparse
import logging
import sys
from typing import Any
import warnings

from cliff import app
from cliff import commandmanager


class FailoverApp(app.App):
    """Global options and logging of ``nova-failover``."""

    CONSOLE_MESSAGE_FORMAT = 'nova-failover: %(message)s'

    def __init__(self) -> None:
        """Describe the program; the commands are found by entry points."""
        super().__init__(
            description='Recover the attached volumes of Nova servers after '
                        'a Cinder failover.',
            version=_version(),
            command_manager=commandmanager.CommandManager(
                'nova_failover.cli'),
            deferred_help=True)

    def build_option_parser(
            self, description: str | None, version: str | None,
            argparse_kwargs: dict[str, Any] | None = None
    ) -> argparse.ArgumentParser:
        """Add the options that find nova.conf."""
        parser: argparse.ArgumentParser = super().build_option_parser(
            description, version, argparse_kwargs)
        parser.add_argument(
            '--config-file', action='append', default=[], metavar='FILE',
            help='nova.conf; may be given more than once. By default it is '
                 'searched for as nova-manage does')
        parser.add_argument(
            '--config-dir', action='append', default=[], metavar='DIR',
            help='directory of configuration files')
        return parser

    def initialize_app(self, argv: list[str]) -> None:
        """Show the help where no command is named, rather than a prompt."""
        if not argv:
            self.options.deferred_help = True

    def configure_logging(self) -> None:
        """Show our own words only, unless ``--debug`` asks for all."""
        super().configure_logging()
        if self.options.debug:
            return
        # Libraries below tell of each of their retries; what came of it is
        # our one sentence.
        console = logging.getLogger().handlers[-1]
        console.addFilter(lambda record: record.name == self.LOG.name)


def main(argv: list[str] | None = None) -> int:
    """Run one command.

    :param argv: arguments without the program's name, by default sys.argv's
    :returns: the exit code, see
        :mod:`nova_failover_ext.cli.exitcodes`
    """
    arguments = sys.argv[1:] if argv is None else argv
    if not sys.warnoptions:
        warnings.simplefilter('ignore')
    return int(FailoverApp().run(arguments))


def _version() -> str:
    import importlib.metadata
    try:
        return importlib.metadata.version('nova-cinder-failover')
    except importlib.metadata.PackageNotFoundError:
        return 'unknown'
