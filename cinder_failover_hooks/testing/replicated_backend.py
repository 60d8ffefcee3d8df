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

"""A replicated backend for tests on Cinder's functional test base.

The fixture creates the folders of the sites and configures the test driver. A
test controls the driver through the fixture::

    backend = self.useFixture(replicated_backend.ReplicatedBackend(CONF))
    self.volume = self.start_service('volume')
    ...
    backend.fail('failover_host', 'cinder.exception.UnableToFailOver')
    with backend.held('failover'):
        ...

The module imports neither Cinder nor Nova. A test has to import Cinder's
volume manager before it uses the fixture, because the manager registers the
options that the fixture sets.
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

from cinder_failover_hooks import statuses
from cinder_failover_hooks.testing import options
from cinder_failover_hooks.testing import pool
from cinder_failover_hooks.testing import script

DRIVER = 'cinder_failover_hooks.testing.driver.ReplicatedFileDriver'
#: Seconds after which a test stops waiting and fails.
TIMEOUT = 30


def wait_until(what: str, condition: Callable[[], Any],
               timeout: float = TIMEOUT) -> Any:
    """Wait until a condition holds.

    :param what: description of the condition for the error
    :param condition: function that is called until its result is true
    :param timeout: seconds
    :returns: the result of the function
    :raises TimeoutError: the condition did not hold in this time
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
    """The test driver with a folder for each site.

    :param conf: configuration of the volume service
    :param group: group with the options of the backend
    :param targets: backend ids of the replication devices
    :param mode: ``sync`` or ``async``; see :meth:`write`
    """

    def __init__(self, conf: cfg.ConfigOpts, group: str = 'backend_defaults',
                 targets: tuple[str, ...] = ('site-b',),
                 mode: str = 'async') -> None:
        super().__init__()
        self._conf = conf
        self._group = group
        self._mode = mode
        self._targets = targets
        #: the sites by backend id, ``default`` for the primary
        self.sites: dict[str, pool.Pool] = {}
        #: the instructions to the driver; see ``testing.script``
        self.script = script.Script(None)
        #: writes that are not replicated yet: volume, offset, data
        self.lag: list[tuple[str, int, bytes]] = []

    def _setUp(self) -> None:
        self._folder = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path)
        for name in (statuses.PRIMARY, *self._targets):
            folder = self._folder / 'sites' / name
            folder.mkdir(parents=True)
            self.sites[name] = pool.Pool(
                'primary' if name == statuses.PRIMARY else name, str(folder))
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
                'file_pool_path': str(self.sites[statuses.PRIMARY].folder),
                'file_replication_path': str(self._active),
                'file_replication_mode': self._mode,
                'file_control_path': str(self._folder / 'control'),
                'replication_device': [
                    {'backend_id': name, 'path': str(self.sites[name].folder)}
                    for name in self._targets]}.items():
            self._conf.set_override(name, value, group=self._group)
            self.addCleanup(self._conf.clear_override, name, self._group)

    # Instructions to the driver

    def fail(self, call: str, error: str = '', **kwargs: Any) -> None:
        """Make a call of the driver fail, by default once.

        :param call: name of the method
        :param error: class of the error with its module
        :param kwargs: other fields of ``script.Fault``
        """
        if error:
            kwargs['error'] = error
        self.script.fail(script.Fault(call, **kwargs))

    @contextlib.contextmanager
    def held(self, call: str) -> Iterator[None]:
        """Hold the calls of a method during a ``with`` block.

        :param call: name of the method; :meth:`wait_for_call` waits until a
            call is held
        """
        self.script.hold(call)
        try:
            yield
        finally:
            self.script.release(call)

    def wait_for_call(self, call: str) -> None:
        """Wait until a call is held.

        :param call: name of the method
        :raises TimeoutError: there was no such call
        """
        wait_until('a call of %s' % call,
                   lambda: self.script.is_waiting(call))

    # The sites

    def lose(self, site: str) -> None:
        """Make a site unavailable.

        :param site: its backend id
        """
        os.rename(self.sites[site].folder, self._lost(site))

    def restore(self, site: str) -> None:
        """Make a site available again.

        :param site: its backend id
        """
        os.rename(self._lost(site), self.sites[site].folder)

    def _lost(self, site: str) -> pathlib.Path:
        return self._folder / ('lost-%s' % site)

    # The input and output of a server

    def site_of(self, volume_id: str) -> str:
        """Return the name of the active site of a volume.

        :param volume_id: id of a replicated volume
        """
        return (self._active / ('volume-%s' % volume_id)).read_text()

    def write(self, volume_id: str, data: bytes, offset: int = 0) -> None:
        """Write to a replicated volume at its active site.

        In the mode ``sync`` the other sites receive the data immediately, in
        the mode ``async`` when :meth:`replicate` is called.

        :param volume_id: id of the volume
        :param data: the data
        :param offset: offset in bytes
        """
        name = 'volume-%s' % volume_id
        self._write(self._site(self.site_of(volume_id)), name, data, offset)
        self.lag.append((volume_id, offset, data))
        if self._mode == 'sync':
            self.replicate()

    def replicate(self) -> None:
        """Replicate all writes to the other sites."""
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
        :param size: number of bytes
        :param offset: offset in bytes
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
