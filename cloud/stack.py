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
"""The whole cloud: up, status, restart of a service, and down."""

import collections.abc
import concurrent.futures
import contextlib
import logging
import shutil
import time

from openstack import connection
from openstack import exceptions
import psutil

from cloud import accounts
from cloud import broker
from cloud import database
from cloud.guest import build
from cloud.hosts import fleet
from cloud.hosts import host_plan
from cloud import hypervisor
from cloud import processes
from cloud.services import base
from cloud.services import identity
from cloud.services import migrations
from cloud.services import registry
from cloud import settings
from cloud.storage.ceph import kind as ceph
from cloud.storage import sites
from cloud.storage import storage_kinds
from cloud import strays
from cloud import venvs
from cloud import waiting

LOG = logging.getLogger(__name__)
Step = collections.abc.Callable[[], object]


def together(*steps: Step) -> None:
    """Run steps at the same time, and wait for all of them.

    :param steps: callables without arguments
    :raises Exception: the first of theirs
    """
    with concurrent.futures.ThreadPoolExecutor(len(steps)) as pool:
        for job in [pool.submit(step) for step in steps]:
            job.result()


class Stack:
    """One cloud with everything in it."""

    def __init__(self, conf: settings.Settings) -> None:
        """Only names it.

        :param conf: the settings
        """
        self.conf = conf
        self.database = database.Database(conf)
        self.broker = broker.Broker(conf)
        self.hypervisor = hypervisor.Hypervisor(conf)
        self.sites = sites.Sites(conf)
        self.kinds = storage_kinds.chosen(conf)
        self.guest = build.Guest(conf)

    # Up

    def up(self) -> None:
        """Bring the cloud up, from whatever state it is in."""
        self.conf.save()
        strays.stop(self.conf)
        LOG.info('virtual environments, guest, database, broker, storage')
        together(lambda: venvs.build(self.conf), self.guest.build,
                 self.database.start, self.broker.start, self._machine)
        for kind in self._ceph():
            kind.link()
        self._configure()
        self._migrate()
        LOG.info('services')
        for service in registry.FIRST:
            service.start(self.conf)
        identity.bootstrap(self.conf)
        registry.KEYSTONE.ready(self.conf)
        LOG.info('accounts')
        accounts.write_credentials(self.conf)
        accounts.seed_identity(self.conf)
        for service in registry.late(self.conf):
            service.start(self.conf)
        if self.conf.hosted:
            fleet.Fleet(self.conf).start_nova()
        together(*(lambda each=each: each.ready(self.conf)
                   for each in registry.FIRST))
        LOG.info('volume types, flavour, images')
        accounts.seed_rest(self.conf)
        self._discover()
        self.wait_ready()
        LOG.info('up: source %s/openrc-admin', self.conf.root)

    def _ceph(self) -> list[ceph.Ceph]:
        """Ceph, if the cloud has it."""
        return [kind for kind in self.kinds if isinstance(kind, ceph.Ceph)]

    def _machine(self) -> None:
        """The storage, and after it libvirtd, which has to see it."""
        # Ceph comes last: it gives its keys to libvirtd, which has to see
        # the mounts of all others.
        for kind in sorted(self.kinds, key=lambda kind:
                           settings.KINDS.index(kind.name)):
            kind.install()
            kind.start()
        if self.conf.local:
            self.hypervisor.start()

    def _configure(self) -> None:
        """Write the configuration of all services, make their folders.

        A service that runs with another one is stopped, to be started again.
        """
        for service in registry.all_of(self.conf):
            file = service.file(self.conf)
            before = file.read_text() if file.exists() else ''
            self._configure_one(service)
            daemon = service.daemon(self.conf)
            if daemon.process() and file.read_text() != before:
                LOG.info('%s has a new configuration', service.name)
                daemon.stop()
        for folder in ('nova/instances', 'cinder/conversion', 'glance/images',
                       'glance/staging', 'glance/tasks', 'neutron'):
            (self.conf.root / folder).mkdir(parents=True, exist_ok=True)
        identity.make_keys(self.conf)

    def _configure_one(self, service: base.Service) -> None:
        """Write the configuration of one service; each ignores some."""
        service.configure(self.conf, failover=self.conf.failover,
                          volume_type=self.kinds[0].volume_type,
                          backends=self._backends())

    def _backends(self) -> list[dict]:
        """The backends of all kinds of storage."""
        return [backend for kind in self.kinds for backend in kind.backends()]

    def _migrate(self) -> None:
        """Make the tables, unless they came from the cache."""
        if not self.database.migrated.exists():
            LOG.info('database migrations')
            migrations.run(self.conf)
            self.database.keep()

    def _discover(self) -> None:
        """Wait for the compute hosts, and put them into their cell."""
        LOG.info('waiting for nova-compute')
        hosts = set()
        if self.conf.local:
            hosts.add(self.conf.host)
        if self.conf.hosted:
            hosts |= {host.name for host in host_plan.COMPUTES}

        def known(table: str, schema: str, where: str = '') -> set[str]:
            rows = self.database.execute(
                f'SELECT host FROM {table} {where}', schema)  # noqa: S608
            return {row['host'] for row in rows}

        waiting.wait_for(
            'the records of the compute hosts', lambda: hosts <= known(
                'compute_nodes', 'nova', 'WHERE deleted = 0'), timeout=300)
        if not hosts <= known('host_mappings', 'nova_api'):
            registry.NOVA_API.manage(self.conf, 'nova-manage', 'cell_v2',
                                     'discover_hosts')

    def wait_ready(self, timeout: float = 300) -> None:
        """Wait until every service reports itself.

        :param timeout: the bound in seconds
        """
        for service in registry.all_of(self.conf):
            service.ready(self.conf)
        admin = accounts.connect(self.conf, 'admin')
        waiting.wait_for(
            'services of Nova', lambda: {
                'nova-conductor', 'nova-scheduler', 'nova-compute'} <= {
                each.binary for each in admin.compute.services()
                if each.state == 'up'}, timeout, interval=0.5)
        own = [backend for backend in self._backends()
               if backend['name'] != self.conf.cluster]
        waiting.wait_for(
            'services of Cinder', lambda: len([
                each for each in admin.block_storage.services()
                if each.state == 'up']) > len(own), timeout, interval=0.5)
        # Until then Cinder's scheduler refuses to make volumes.
        waiting.wait_for(
            'backends of Cinder', lambda: _enabled(admin) <= {
                pool.name.partition('#')[0]
                for pool in admin.block_storage.backend_pools()}, timeout,
            interval=0.5)

    # Status

    def parts(self) -> list[tuple[str, processes.Daemon]]:
        """Everything that should run.

        :returns: pairs of name and daemon
        """
        daemons = [self.database.daemon, self.broker.mapper,
                   self.broker.daemon]
        if self.conf.local:
            daemons.append(self.hypervisor.daemon)
        if 'files' in self.conf.kinds or self.conf.hosted:
            daemons += [self.sites.daemon(name)
                        for name in (*settings.SITES, 'plain')]
        daemons += [daemon for kind in self._ceph()
                    for daemon in kind.daemons()]
        if self.conf.hosted:
            daemons += [each.daemon for each
                        in fleet.Fleet(self.conf).machines()]
        daemons += [service.daemon(self.conf)
                    for service in registry.all_of(self.conf)]
        return [(daemon.name, daemon) for daemon in daemons]

    @property
    def _own(self) -> dict[str, broker.Broker | database.Database]:
        """What is no service of OpenStack, by its name."""
        return {'rabbitmq': self.broker, 'mariadb': self.database}

    def daemon(self, name: str) -> processes.Daemon:
        """The process of a service.

        :param name: for example ``nova-compute``, ``rabbitmq``
        :returns: its daemon, whether it runs or not
        :raises KeyError: when there is no such service
        """
        if name in self._own:
            return self._own[name].daemon
        return registry.find(name, self.conf).daemon(self.conf)

    def restart(self, name: str) -> None:
        """Stop a service and start it with fresh configuration.

        :param name: for example ``nova-compute``, ``rabbitmq``
        :raises KeyError: when there is no such service
        """
        self.stop_one(name)
        self.start_one(name)

    def stop_one(self, name: str) -> None:
        """Stop one service.

        :param name: its name
        :raises KeyError: when there is no such service
        """
        if name in self._own:
            self._own[name].stop()
        else:
            self.daemon(name).stop()

    def kill_one(self, name: str) -> None:
        """Kill a service with its workers at once, as a crash does.

        What the database has committed is there after its next start, and
        the broker's port mapper lives on.

        :param name: its name
        :raises KeyError: when there is no such service
        """
        # The parent comes first, which else would start workers anew.
        family = self.daemon(name).family()
        for process in family:
            LOG.info('killing %s (pid %d)', name, process.pid)
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(family, timeout=10)

    def start_one(self, name: str) -> None:
        """Start one service.

        :param name: its name
        :raises KeyError: when there is no such service
        """
        if name in self._own:
            self._own[name].start()
            return
        service: base.Service = registry.find(name, self.conf)
        self._configure_one(service)
        service.start(self.conf)
        service.ready(self.conf)

    # Down

    def down(self, purge: bool = False) -> None:
        """Stop everything and remove the state root.

        :param purge: remove the cache too
        """
        if self.conf.file.exists() or self.conf.run.exists():
            LOG.info('stopping the services')
            together(self._stop_services, self.hypervisor.stop)
            # What they hold is removed anyway.
            together(lambda: self.broker.stop(0.5),
                     lambda: self.database.stop(0.5))
            for kind in self.kinds:
                kind.stop()
            strays.stop_all(self.conf)
            shutil.rmtree(self.conf.root)
        if purge:
            shutil.rmtree(self.conf.cache, ignore_errors=True)
        LOG.info('down')

    def _stop_services(self) -> None:
        """Stop all services at the same time."""
        together(*(lambda each=each: each.daemon(self.conf).stop(1)
                   for each in (*registry.all_of(self.conf),
                                registry.ENGINE_TWO)))


def _enabled(admin: connection.Connection) -> set[str]:
    """The backends that Cinder may use: not one that has failed over.

    The cluster that some tests make is theirs to wait for.
    """
    answer = admin.block_storage.get('/os-services?binary=cinder-volume',
                                     microversion='3.7')
    exceptions.raise_from_response(answer)
    return {each['host'] for each in answer.json()['services']
            if each['status'] == 'enabled' and each['state'] == 'up'
            and not each['cluster']}


def timed(what: str, step: Step) -> None:
    """Run a step and log how long it took.

    :param what: name of the step
    :param step: the step
    """
    began = time.monotonic()
    step()
    LOG.info('%s took %.1f s', what, time.monotonic() - began)
