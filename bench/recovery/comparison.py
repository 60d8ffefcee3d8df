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
"""Lose the site, fail over, recover by a method, and bring all home again."""

import calendar
import concurrent.futures
import dataclasses
import logging
import time

from openstack import exceptions

from bench.recovery import methods
from cloud.guest import console
from cloud.services import registry
from cloud import settings
from cloud.tests import stage
from cloud import waiting

LOG = logging.getLogger(__name__)

#: How long a server may take once all has been asked for.
PATIENCE = 120
#: The same for what cannot be expected to come.
HOPELESS = 45


@dataclasses.dataclass(frozen=True)
class Healed:
    """What became of a server; seconds since Cinder's record was settled.

    :ivar root: when its guest wrote to its root volume at the new site
    :ivar data: the same for its data volume
    :ivar started: when its QEMU was started, None if it was not
    """

    root: float | None = None
    data: float | None = None
    started: float | None = None

    @property
    def seconds(self) -> float | None:
        """When it used both, None if it does not."""
        if self.root is None or self.data is None:
            return None
        return max(self.root, self.data)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a method did.

    :ivar method: its name
    :ivar asked: seconds until it had nothing more to ask for
    :ivar servers: what became of each server
    :ivar spent: where the time went
    """

    method: str
    asked: float
    servers: tuple[Healed, ...]
    spent: str

    @property
    def healed(self) -> int:
        """How many servers use both their volumes at the new site."""
        return sum(each.seconds is not None for each in self.servers)

    @property
    def seconds(self) -> float:
        """Until the last server that was healed, or all had been asked for."""
        return max([self.asked, *(each.seconds for each in self.servers
                                  if each.seconds is not None)])


class Bench:
    """Servers that boot from a volume and have a data volume."""

    def __init__(self, conf: settings.Settings, servers: int) -> None:
        """Log in.

        :param conf: the settings
        :param servers: how many servers to make
        """
        self.stage = stage.Stage(conf)
        self.world = self.stage.world
        self.count = servers
        self._began = 0.0
        self._epoch = 0.0

    def run(self) -> list[Outcome]:
        """Try each method.

        :returns: the outcomes, ours first
        """
        self.stage.tidy()
        self.stage.empty()
        try:
            self._make()
            outcomes: list[Outcome] = []
            for kind in methods.ALL:
                if outcomes:
                    self._home()
                outcomes.append(self._try(kind(self.world)))
            return outcomes
        finally:
            self._service(plugin=True)
            self.stage.tidy()
            self.stage.empty()

    def _make(self) -> None:
        """Make the servers."""
        LOG.info('making %d servers', self.count)
        project = self.world.tenants['alpha'].current_project_id
        exceptions.raise_from_response(self.world.admin.block_storage.put(
            f'/os-quota-sets/{project}',
            json={'quota_set': {'volumes': 2 * self.count + 10}}))
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            for job in [pool.submit(self.stage.cast.make_one, str(number),
                                    boot=True)
                        for number in range(self.count)]:
                job.result()

    def _servers(self) -> dict[str, tuple[str, str]]:
        """The root and the data volume of each server, by id."""
        found = {}
        for key, server in self.stage.cast.servers.items():
            root, data = self.stage.cast.of(key)
            found[server] = (root.volume, data.volume)
        return found

    def _try(self, method: methods.Method) -> Outcome:
        """Fail over, and recover by a method."""
        LOG.info('%s', method.name)
        servers = self._servers()
        self._service(method.plugin)
        method.prepare(servers)
        self.world.sites.switch('primary', 'lost')
        waiting.wait_for('the guests to notice', lambda: all(
            self._noticed(server) for server in servers), 60)
        self.world.failover('secondary')
        self._wait_rows(servers)
        self._began, self._epoch = time.monotonic(), time.time()
        method.recover()
        outcome = self._outcome(method, servers)
        LOG.info('%s: %d of %d after %.1f s', method.name, outcome.healed,
                 len(servers), outcome.seconds)
        return outcome

    def _noticed(self, server: str) -> bool:
        """Whether all disks of a guest fail."""
        report = self.world.console(server)
        return report is not None and not any(
            disk.healthy for disk in report.disks.values())

    def _wait_rows(self, servers: dict[str, tuple[str, str]]) -> None:
        """Wait until Cinder has written each volume's row, too."""
        storage = self.world.admin.block_storage
        waiting.wait_for('the rows to be written', lambda: all(
            storage.get_volume(volume).replication_status == 'failed-over'
            for both in servers.values() for volume in both), 60, 0.1)

    def _outcome(self, method: methods.Method,
                 servers: dict[str, tuple[str, str]]) -> Outcome:
        """Wait until all servers are healed, or it makes no sense."""
        asked = time.monotonic() - self._began
        seen: dict[str, Healed] = dict.fromkeys(servers, Healed())

        def look() -> bool:
            for server, both in servers.items():
                seen[server] = self._look(server, both, seen[server])
            return all(each.seconds is not None for each in seen.values())

        hopeless = isinstance(method, methods.Api)
        try:
            waiting.wait_for('all servers to be healed', look,
                             HOPELESS if hopeless else PATIENCE, 0.25)
        except waiting.WaitTimeout as error:
            LOG.warning('%s', error)
        return Outcome(method.name, 0.0 if method.plugin else asked,
                       tuple(seen.values()), method.spent())

    def _look(self, server: str, both: tuple[str, str],
              before: Healed) -> Healed:
        """What a guest does now, unless it is known to be healed."""
        if before.seconds is not None:
            return before
        report = self.world.console(server)
        started = self._started(server)
        root, data = (self._wrote(report, volume) for volume in both)
        return Healed(before.root or root, before.data or data, started)

    def _wrote(self, report: console.Report | None,
               volume: str) -> float | None:
        """Since when a guest writes a volume at the new site, if it does."""
        disk = report.serial(volume) if report else None
        if (not report or not disk or not report.fresh(disk)
                or not disk.healthy or disk.site != 'secondary'):
            return None
        # Not when it was found, but when it was written.
        said = report.age + report.up - disk.up
        return time.time() - said - self._epoch

    def _started(self, server: str) -> float | None:
        """When a server's QEMU was started, if it was since."""
        for process in self.world.hypervisor.guests():
            if server in process.info['cmdline']:
                seconds = process.create_time() - self._epoch
                return seconds if seconds > 0 else None
        return None

    def _home(self) -> None:
        """Bring the servers back to the primary, with the engine."""
        self.world.sites.switch('primary', 'up')
        self._service(plugin=True)
        self.world.failover('default')
        self.stage.wait_healthy('primary')

    def _service(self, plugin: bool) -> None:
        """Run the services of this project, or those of stock Nova."""
        conf, stack = self.world.conf, self.stage.stack
        running = registry.ENGINE.daemon(conf).process() is not None
        if running == plugin:
            return
        kind = (registry.NOVA_COMPUTE_FAILOVER if plugin
                else registry.NOVA_COMPUTE)
        stack.stop_one(kind.name)
        if not plugin:
            stack.stop_one(registry.ENGINE.name)
        kind.configure(conf, failover=plugin)
        kind.start(conf)
        if plugin:
            stack.start_one(registry.ENGINE.name)
        self._wait_compute()

    def _wait_compute(self) -> None:
        """Wait until nova-compute has started and serves."""
        daemon = registry.NOVA_COMPUTE.daemon(self.world.conf)
        process = daemon.process()
        began = process.create_time() if process else 0.0

        def look() -> bool:
            service, = self.world.admin.compute.services(
                binary='nova-compute')
            return _epoch(service.updated_at) > began + 1

        waiting.wait_for('nova-compute to serve', look, 180, 0.5)


def _epoch(text: str) -> float:
    """The time that Nova's API names, which is in UTC."""
    return calendar.timegm(time.strptime(text[:19], '%Y-%m-%dT%H:%M:%S'))
