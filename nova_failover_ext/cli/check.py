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

"""``nova-failover check``: would a failover be recovered from?"""

import argparse
from typing import Any

from nova_failover_ext.cli import command
from nova_failover_ext.cli import exitcodes
from nova_failover_ext.cli import times
from nova_failover_ext import exception

#: Seconds to wait for the engine.
ENGINE_TIMEOUT = 5


class Check(command.FailoverCommand):
    """Check, before the disaster, whether recovery would work.

    Checks Cinder, the databases, the message buses, the engine, the
    notifications, the compute hosts and the configuration. Shows how many
    servers would be recovered, and how.

    Changes nothing. It publishes one notification as a probe, which the
    engine has to receive, and asks each compute host that has replicated
    volumes whether it runs nova-compute-failover.

    Needs what the engine needs. What is missing is a line of the table.
    """

    exit_codes = (exitcodes.DEGRADED, exitcodes.NOT_READY)

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the arguments that choose what is checked."""
        parser = super().get_parser(prog_name)
        command.add_backend(
            parser, optional='without it, every replicated backend')
        parser.add_argument(
            '--host-timeout', type=times.seconds, default=10,
            metavar='SECONDS',
            help='how long a compute host may take to answer (default: 10)')
        parser.add_argument('--no-hosts', action='store_true',
                            help='ask no compute host')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        """Return the table.

        :raises BackendNotFound: if Cinder has no such backend
        """
        from nova_failover_ext.api import exclusions
        from nova_failover_ext.cli.checks import databases
        from nova_failover_ext.cli.checks import findings
        from nova_failover_ext.cli.checks import mapping_rows
        from nova_failover_ext.cli.checks import pace
        from nova_failover_ext.cli.checks import storage
        cinder, nova = self.readers()
        records, found = self._storage(parsed_args.backend, cinder)
        found += mapping_rows.inspect(records, cinder, nova)
        of_databases, cells = databases.read(nova)
        buses = databases.buses(cells)
        of_engine, said = self._engine([r.backend.name for r in records])
        found += [finding for one in records for finding in storage.rehearsal(
            one, exclusions.Exclusions.from_health(said))]
        found += [*of_databases, *buses.values(), *of_engine,
                  *pace.inspect(self.conf)]
        if not parsed_args.no_hosts:
            reached = {uuid for uuid, finding in buses.items()
                       if finding.result is findings.Result.OK}
            found += self._hosts(records, reached, parsed_args.host_timeout)
        self.exit_code = findings.exit_code(found)
        return findings.COLUMNS, [finding.row for finding in found]

    def _storage(self, backend: str | None,
                 reader: Any) -> tuple[list[Any], list[Any]]:
        from nova_failover_ext.cli.checks import findings
        from nova_failover_ext.cli.checks import storage
        try:
            names = ([reader.backend(backend).name] if backend
                     else [known.name for known in self.replicated()])
            records = [self.records(name) for name in names]
        except (exception.CinderUnavailable,
                exception.DatabaseUnavailable) as exc:
            return [], [findings.failure(
                storage.RECORDS, backend or '', str(exc))]
        if not records:
            return [], [findings.failure(
                storage.BACKEND, '', 'none takes part in replication')]
        return records, [finding for one in records for finding in (
            storage.service(one), storage.driver(one))]

    def _engine(self, backends: list[str]) -> tuple[list[Any],
                                                    dict[str, Any]]:
        from nova_failover_ext.cli.checks import acting
        from nova_failover_ext.cli import engine_client
        client = engine_client.EngineClient(ENGINE_TIMEOUT)
        found, said = acting.health(client)
        if said is None:
            return found, {}
        return [*found, *acting.paused(said), *acting.excluded(said),
                acting.probe(self.conf, client),
                *acting.last_notifications(said, backends)], said

    def _hosts(self, records: list[Any], cells: set[str],
               timeout: float) -> list[Any]:
        from nova_failover_ext.cli.checks import computes
        from nova_failover_ext.cli.checks import storage
        from nova_failover_ext.engine.dispatcher import compute_client
        from nova_failover_ext.engine.dispatcher import host_health as boards
        options = self.conf.failover_engine
        client = compute_client.ComputeClient(
            timeout, timeout, boards.HostHealth(options.host_probe_interval))
        places = {place: up for one in records
                  for place, up in storage.hosts(one).items()
                  if place[0] in cells}
        return computes.inspect(places, client.ping, timeout)
