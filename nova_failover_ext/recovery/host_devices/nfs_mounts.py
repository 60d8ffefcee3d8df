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

"""NFS mounts whose server is lost: have what waits for it fail.

A mount is hard as a rule: the client repeats a request until the server
answers, and a process with such requests cannot even be killed before they
have ended (``exit_aio``). ``umount -f`` ends those that are under way, whether
or not the mount can be removed. New ones wait again, so it is repeated.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
import contextlib
import dataclasses
import pathlib
import threading
import time
from typing import Any

from oslo_log import log as logging

from nova_failover_ext.recovery.host_devices import root_commands

LOG = logging.getLogger(__name__)

_TABLE = pathlib.Path('/proc/self/mounts')
_TYPES = ('nfs', 'nfs4')
# Seconds for one command, and between two looks.
_COMMAND_TIMEOUT = 10
_INTERVAL = 1.0
#: Seconds in which the server has not answered once before requests are ended:
#: those of another server of the host, on the same mount, end as well.
PATIENCE = 5.0


@dataclasses.dataclass(frozen=True)
class NfsMount:
    """A mount, as the kernel has it.

    :ivar export: such as ``10.0.0.1:/volumes``
    :ivar point: the folder that it is mounted on
    """

    export: str
    point: str


def find(connection_info: Mapping[str, Any],
         table: pathlib.Path = _TABLE) -> NfsMount | None:
    """Look for the mount that a connection uses on this host.

    :param connection_info: as it was connected
    :param table: the kernel's table of mounts
    :returns: None if it uses no NFS, or is not mounted
    """
    data = connection_info.get('data') or {}
    point = str(pathlib.Path(str(data.get('device_path') or '')).parent)
    for line in table.read_text().splitlines():
        export, where, kind = line.split()[:3]
        if kind in _TYPES and where == point and export == data.get('export'):
            return NfsMount(export, point)
    return None


@contextlib.contextmanager
def fencing(mounts: Iterable[NfsMount], answers: Callable[[NfsMount], bool],
            patience: float = PATIENCE,
            interval: float = _INTERVAL) -> Iterator[None]:
    """Have requests to lost servers fail for as long as this lasts.

    :param mounts: the mounts; nothing happens to one whose server answers
    :param answers: whether the server of a mount can be reached; it takes
        a few seconds at most
    :param patience: seconds in which a server must not have answered before
    :param interval: seconds between two looks
    """
    ended = threading.Event()
    workers = [threading.Thread(
        target=_fence, args=(mount, answers, patience, interval, ended),
        name='failover-fencing', daemon=True) for mount in mounts]
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        ended.set()


def _fence(mount: NfsMount, answers: Callable[[NfsMount], bool],
           patience: float, interval: float, ended: threading.Event) -> None:
    silent_since = time.monotonic()
    told = False
    while not ended.wait(interval):
        if answers(mount):
            silent_since = time.monotonic()
        elif time.monotonic() - silent_since >= patience:
            if not told:
                LOG.info('The NFS server of %(export)s does not answer; '
                         'requests that wait for it are ended',
                         {'export': mount.export})
                told = True
            _end_requests(mount, ended)


def _end_requests(mount: NfsMount, ended: threading.Event) -> None:
    # The mount may be needed again by the time that the server was asked.
    if ended.is_set():
        return
    try:
        root_commands.run('umount', '-f', mount.point,
                          timeout=_COMMAND_TIMEOUT)
    except root_commands.CommandFailed as error:
        # It is busy as long as a process has files of it open.
        LOG.debug('%s', error)
