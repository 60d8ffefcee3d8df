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
"""A site of Ceph: a cluster of one monitor, one manager and one OSD."""

import collections.abc
import json
import logging
import pathlib
import typing
import uuid

import psutil

from cloud import processes
from cloud import render
from cloud import settings
from cloud import waiting

LOG = logging.getLogger(__name__)

#: Each site has an address of the loopback's own, so the ports are the same.
ADDRESSES = {'primary': '127.0.0.11', 'secondary': '127.0.0.12'}
POOL = 'volumes'
#: Whom Cinder, and with it QEMU, logs in as.
USER = 'cinder'
#: Who there is, and what each may do.
USERS: dict[str, dict[str, str]] = {
    'mon.': {'mon': 'allow *'},
    'client.admin': {'mon': 'allow *', 'osd': 'allow *', 'mds': 'allow *',
                     'mgr': 'allow *'},
    'osd.0': {'mon': 'allow profile osd', 'mgr': 'allow profile osd',
              'osd': 'allow *'},
    'mgr.x': {'mon': 'allow profile mgr', 'osd': 'allow *', 'mds': 'allow *'},
    f'client.{USER}': {'mon': 'profile rbd',
                       'osd': f'profile rbd pool={POOL}',
                       'mgr': f'profile rbd pool={POOL}'},
    'client.rbd-mirror': {'mon': 'profile rbd-mirror', 'osd': 'profile rbd',
                          'mgr': 'profile rbd'},
}
#: The daemons in the order of their start, each with its program and its id.
DAEMONS = {'mon': ('ceph-mon', 'a'), 'mgr': ('ceph-mgr', 'x'),
           'osd': ('ceph-osd', '0'), 'mirror': ('rbd-mirror', 'rbd-mirror')}
#: Of these the cluster consists; rbd-mirror is a client of both clusters.
CLUSTER = ('mon', 'mgr', 'osd')


class Site:
    """One of the two clusters.

    :ivar name: name of the site, and of the cluster
    :ivar address: where its daemons listen
    :ivar fsid: the cluster's id
    :ivar secret: UUID of the libvirt secret with the key of Cinder's user
    """

    def __init__(self, conf: settings.Settings, name: str) -> None:
        """Only names it.

        :param conf: the settings
        :param name: ``primary`` or ``secondary``
        """
        self.conf = conf
        self.name = name
        self.address = ADDRESSES[name]
        self.folder = conf.root / 'ceph' / name
        self.fsid = self._identity('cluster')
        self.secret = self._identity('secret')

    def _identity(self, what: str) -> str:
        """A UUID that is the same at each start of this cloud."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL,
                              f'{self.conf.root}/{self.name}/{what}'))

    @property
    def file(self) -> pathlib.Path:
        """The configuration file, for daemons and clients."""
        return self.folder.parent / f'{self.name}.conf'

    @property
    def keyring(self) -> pathlib.Path:
        """The keys of all users."""
        return self.folder / 'keyring'

    @property
    def monitors(self) -> str:
        """The monitor's addresses, as ``mon_host`` takes them."""
        return (f'[v2:{self.address}:{self.conf.port("ceph_mon")}/0,'
                f'v1:{self.address}:{self.conf.port("ceph_mon_v1")}/0]')

    # Daemons

    def daemon(self, kind: str) -> processes.Daemon:
        """One of its daemons.

        :param kind: a key of :data:`DAEMONS`
        :returns: the daemon, whether it runs or not
        """
        return processes.Daemon(f'ceph-{self.name}-{kind}', self.conf.run,
                                self.conf.log)

    def spawn(self, *kinds: str) -> None:
        """Start daemons, those that do not run.

        :param kinds: keys of :data:`DAEMONS`
        """
        for kind in kinds:
            program, identity = DAEMONS[kind]
            words = [program, *self._where(), '-f']
            if kind == 'mirror':
                # Its connections to the clusters read no file but one in
                # /etc/ceph. These go to its own cluster only.
                words += ['--id', identity, '--mon-host', self.monitors,
                          '--keyring', self.keyring]
            else:
                words += ['-i', identity]
            self.daemon(kind).start(words)

    def processes(self) -> list[psutil.Process]:
        """Those of its daemons that run or are frozen."""
        found = [self.daemon(kind).process() for kind in DAEMONS]
        return [process for process in found if process]

    def kill(self, *kinds: str) -> None:
        """End daemons at once, the frozen ones as well.

        :param kinds: keys of :data:`DAEMONS`
        """
        family = [process for kind in kinds
                  if (process := self.daemon(kind).process())]
        for process in family:
            process.kill()
        psutil.wait_procs(family, timeout=10)

    def stop(self) -> None:
        """End all daemons, in the order in which each has need of the next."""
        for process in self.processes():
            process.resume()
        for kind in reversed(DAEMONS):
            self.daemon(kind).stop(timeout=5)

    def state(self) -> str:
        """How the cluster is.

        :returns: ``up``, ``frozen`` or ``lost``
        """
        found = [self.daemon(kind).process() for kind in CLUSTER]
        if not all(found):
            return 'lost'
        stopped = any(process.status() == psutil.STATUS_STOPPED
                      for process in found if process)
        return 'frozen' if stopped else 'up'

    # Clients

    def _where(self) -> list[object]:
        """The options by which a program finds the cluster."""
        return ['--cluster', self.name, '-c', self.file]

    def ceph(self, *words: object, timeout: float = 60) -> str:
        """Run ``ceph`` as its administrator.

        :param words: the command
        :param timeout: seconds it may take
        :returns: its output
        :raises processes.CommandError: when it fails, or takes too long
        """
        return processes.run(['ceph', *self._where(), *words],
                             timeout=timeout)

    def rbd(self, *words: object, timeout: float = 60) -> str:
        """Run ``rbd`` as its administrator.

        :param words: the command
        :param timeout: seconds it may take
        :returns: its output
        :raises processes.CommandError: when it fails, or takes too long
        """
        return processes.run(['rbd', *self._where(), *words],
                             timeout=timeout)

    def ask(self, run: collections.abc.Callable[..., str],
            *words: object) -> typing.Any:
        """Run a command whose answer is JSON.

        :param run: :meth:`ceph` or :meth:`rbd`
        :param words: the command
        :returns: the answer
        :raises processes.CommandError: when it fails, or takes too long
        """
        return json.loads(run(*words, '--format', 'json', timeout=10))

    def key(self, user: str) -> str:
        """The key of a user.

        :param user: a key of :data:`USERS`
        :returns: the secret
        :raises processes.CommandError: when there is none
        """
        return processes.run(['ceph-authtool', '-p', '-n', user,
                              self.keyring]).strip()

    def healthy(self) -> bool:
        """Whether the OSD is up and can serve all of its data."""
        try:
            if self.ask(self.ceph, 'osd', 'stat')['num_up_osds'] < 1:
                return False
            answer = self.ask(self.ceph, 'pg', 'stat')
        except (processes.CommandError, ValueError):
            return False
        states = answer.get('pg_summary', answer).get('num_pg_by_state', [])
        return all(each['name'] == 'active+clean' for each in states)

    def wait_healthy(self, timeout: float = 180) -> None:
        """Wait until the cluster can be used.

        :param timeout: the bound in seconds
        :raises waiting.WaitTimeout: when it cannot
        """
        waiting.wait_for(f'the cluster {self.name}', self.healthy, timeout,
                         interval=0.5)

    # From nothing

    def start(self) -> None:
        """Start the cluster, and make it before if there is none."""
        made = self.folder / 'made'
        if not made.exists():
            self.write()
            self._make()
        self.spawn(*CLUSTER)
        self.wait_healthy()
        if not made.exists():
            self.ceph('osd', 'pool', 'create', POOL, 8, 8)
            self.rbd('pool', 'init', POOL)
            self.wait_healthy()
            made.touch()

    def write(self) -> None:
        """Write the configuration and the keys."""
        for kind in CLUSTER:
            (self.folder / kind).mkdir(parents=True, exist_ok=True)
        render.render('ceph.conf.j2', self.file, self.conf, site=self)
        self.keyring.unlink(missing_ok=True)
        for user, may in USERS.items():
            caps = [word for item in may.items()
                    for word in ('--cap', *item)]
            create = [] if self.keyring.exists() else ['-C']
            processes.run(['ceph-authtool', *create, self.keyring,
                           '--gen-key', '-n', user, *caps])
        # Not the monitor's: with anything in its folder its --mkfs succeeds,
        # and has done nothing.
        for kind, user in (('osd', 'osd.0'), ('mgr', 'mgr.x')):
            (self.folder / kind / 'keyring').write_text(
                f'[{user}]\n\tkey = {self.key(user)}\n')

    def _make(self) -> None:
        """Make the monitor's store, then the OSD's."""
        where = self.folder / 'monmap'
        processes.run(['monmaptool', '--create', '--clobber', '--fsid',
                       self.fsid, '--addv', 'a', self.monitors, where])
        processes.run(['ceph-mon', *self._where(), '--mkfs', '-i', 'a',
                       '--monmap', where, '--keyring', self.keyring])
        self.spawn('mon')
        identity = self._identity('osd')
        self.ceph('osd', 'new', identity, 0)
        processes.run(['ceph-osd', *self._where(), '-i', 0, '--mkfs',
                       '--osd-uuid', identity])
