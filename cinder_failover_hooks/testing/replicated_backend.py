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


"""A replicated backend for tests on Cinder's functional harness.

The fixture makes the folders of the sites, configures the driver, and lets a
test say what the driver does::

    backend = self.useFixture(fixture.ReplicatedBackend(CONF))
    self.volume = self.start_service('volume')
    ...
    backend.fail('failover_host', 'cinder.exception.UnableToFailOver')
    with backend.held('failover'):
        ...

It imports neither Cinder nor Nova, but Cinder's volume manager must have been
imported before it is used, for that registers the options it sets.
"""

from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import os
import pathlib
from typing import Any

import fixtures
from oslo_config import cfg
import tenacity

from cinder_failover_hooks.testing import options
from cinder_failover_hooks.testing import pool
from cinder_failover_hooks.testing import script

DRIVER = 'cinder_failover_hooks.testing.driver.ReplicatedFileDriver'
PRIMARY = 'default'
#: Seconds after which waiting fails a test.
TIMEOUT = 30


def wait_until(what: str, condition: Callable[[], Any],
               timeout: float = TIMEOUT) -> Any:
    """Wait until a condition holds.

    :param what: says in the error what did not come true
    :param condition: called until it returns something true
    :param timeout: seconds
    :returns: what it returned
    :raises TimeoutError: it did not come true
    """
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_result(lambda found: not found),
        stop=tenacity.stop_after_delay(timeout),
        wait=tenacity.wait_fixed(script.INTERVAL))
    try:
        return retrying(condition)
    except tenacity.RetryError as exc:
        raise TimeoutError('%s did not come true' % what) from exc


class ReplicatedBackend(fixtures.Fixture):
    """Sites in folders, and a driver over them that fails over.

    :param conf: configuration of the volume service
    :param group: its group with the options of the backend
    :param targets: backend ids of the replication devices
    :param mode: ``sync`` or ``async``; what :meth:`write` keeps to
    """

    def __init__(self, conf: cfg.ConfigOpts, group: str = 'backend_defaults',
                 targets: tuple[str, ...] = ('site-b',),
                 mode: str = 'async') -> None:
        super().__init__()
        self._conf = conf
        self._group = group
        self._mode = mode
        self._targets = targets
        #: the sites by their backend id, the primary is ``default``
        self.sites: dict[str, pool.Pool] = {}
        #: what the driver does; see ``testing.script``
        self.script = script.Script(None)
        #: writes that have not come to the other sites: volume, offset, data
        self.lag: list[tuple[str, int, bytes]] = []

    def _setUp(self) -> None:
        self._folder = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path)
        for name in (PRIMARY, *self._targets):
            folder = self._folder / 'sites' / name
            folder.mkdir(parents=True)
            self.sites[name] = pool.Pool(
                'primary' if name == PRIMARY else name, str(folder))
        self._active = self._folder / 'replication'
        self._active.mkdir()
        self.script = script.Script(self._folder / 'control')
        self.script.make()
        self.addCleanup(self.script.release_all)
        self._configure()

    def _configure(self) -> None:
        self._conf.register_opts(options.OPTS, group=self._group)
        for name, value in {
                'volume_driver': DRIVER,
                'file_pool_path': str(self.sites[PRIMARY].folder),
                'file_replication_path': str(self._active),
                'file_replication_mode': self._mode,
                'file_control_path': str(self._folder / 'control'),
                'replication_device': [
                    {'backend_id': name, 'path': str(self.sites[name].folder)}
                    for name in self._targets]}.items():
            self._conf.set_override(name, value, group=self._group)
            self.addCleanup(self._conf.clear_override, name, self._group)

    # What the driver does

    def fail(self, call: str, error: str = '', **kwargs: Any) -> None:
        """Let a call of the driver fail, once unless told otherwise.

        :param call: name of the method
        :param error: class of the error, with its module
        :param kwargs: more of ``script.Fault``
        """
        if error:
            kwargs['error'] = error
        self.script.fail(script.Fault(call, **kwargs))

    @contextlib.contextmanager
    def held(self, call: str) -> Iterator[None]:
        """Hold the next call of a method for the time of a ``with`` block.

        :param call: name of the method; :meth:`wait_for_call` tells when it
            has come
        """
        self.script.hold(call)
        try:
            yield
        finally:
            self.script.release(call)

    def wait_for_call(self, call: str) -> None:
        """Wait until a call that is held has come.

        :param call: name of the method
        :raises TimeoutError: it has not come
        """
        wait_until('a call of %s' % call,
                   lambda: self.script.is_waiting(call))

    # The sites

    def lose(self, site: str) -> None:
        """Let a site not answer any more.

        :param site: its backend id
        """
        os.rename(self.sites[site].folder, self._lost(site))

    def restore(self, site: str) -> None:
        """Let a site answer again.

        :param site: its backend id
        """
        os.rename(self._lost(site), self.sites[site].folder)

    def _lost(self, site: str) -> pathlib.Path:
        return self._folder / ('lost-%s' % site)

    # What a server does with a volume

    def site_of(self, volume_id: str) -> str:
        """Return from which site a volume is replicated, by its name.

        :param volume_id: id of a replicated volume
        """
        return (self._active / ('volume-%s' % volume_id)).read_text()

    def write(self, volume_id: str, data: bytes, offset: int = 0) -> None:
        """Write to a replicated volume, where it is active.

        The other sites have it at once, or when :meth:`replicate` is called.

        :param volume_id: id of the volume
        :param data: what to write
        :param offset: where
        """
        name = 'volume-%s' % volume_id
        self._write(self._site(self.site_of(volume_id)), name, data, offset)
        self.lag.append((volume_id, offset, data))
        if self._mode == 'sync':
            self.replicate()

    def replicate(self) -> None:
        """Let the other sites catch up."""
        while self.lag:
            volume_id, offset, data = self.lag.pop(0)
            for each in self.sites.values():
                if each.name != self.site_of(volume_id) and each.answers():
                    self._write(each, 'volume-%s' % volume_id, data, offset)

    def read(self, volume_id: str, site: str, size: int,
             offset: int = 0) -> bytes:
        """Read from a volume at a site.

        :param volume_id: id of the volume
        :param site: backend id of the site
        :param size: how much
        :param offset: where
        """
        path = self.sites[site].path('volume-%s' % volume_id)
        with open(path, 'rb') as file:
            file.seek(offset)
            return file.read(size)

    def _site(self, name: str) -> pool.Pool:
        return next(one for one in self.sites.values() if one.name == name)

    @staticmethod
    def _write(site: pool.Pool, name: str, data: bytes, offset: int) -> None:
        with open(site.path(name), 'r+b') as file:
            file.seek(offset)
            file.write(data)
