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


class Plan(command.FailoverCommand):
    """Show every server with a volume of a backend, with its verdict.

    Only reads: neither servers, volumes nor records are touched.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add --long."""
        parser = super().get_parser(prog_name)
        parser.add_argument('--long', action='store_true',
                            help='a row per volume instead of per server')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        """Return the table.

        :raises FailoverException: if the truth cannot be read
        """
        from nova_failover_ext.cli import rows
        found = self.survey(parsed_args.backend)
        self.tell(rows.summary(found))
        if parsed_args.long:
            return rows.VOLUME_COLUMNS, rows.volume_rows(found.servers)
        return rows.PLAN_COLUMNS, rows.plan_rows(found.servers)
