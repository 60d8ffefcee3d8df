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
import re
import socket
import threading
import time
from typing import Any

from oslo_log import log as logging

from nova_failover_ext.recovery.host_devices import root_commands

LOG = logging.getLogger(__name__)

_TABLE = pathlib.Path('/proc/self/mounts')
_TYPES = ('nfs', 'nfs4')
_PROTOCOLS = ('tcp', 'tcp6')
_ESCAPED = re.compile(r'\\([0-7]{3})')
# Seconds for one command, and between two looks.
_COMMAND_TIMEOUT = 10
_INTERVAL = 1.0
# Seconds for a server to accept a connection.
_ANSWER_TIMEOUT = 2.0
#: Seconds in which the server has not answered once before requests are ended:
#: those of another server of the host, on the same mount, end as well.
PATIENCE = 5.0


@dataclasses.dataclass(frozen=True)
class NfsMount:
    """A mount, as the kernel has it.

    :ivar export: such as ``10.0.0.1:/volumes``
    :ivar point: the folder that it is mounted on
    :ivar address: of the server, as the client uses it
    :ivar port: of the server, likewise
    """

    export: str
    point: str
    address: str
    port: int = 2049

    def answers(self, timeout: float = _ANSWER_TIMEOUT) -> bool:
        """Return whether the server accepts a connection.

        :param timeout: seconds
        """
        try:
            socket.create_connection((self.address, self.port),
                                     timeout).close()
        except OSError:
            return False
        return True


def find(connection_info: Mapping[str, Any],
         table: pathlib.Path = _TABLE) -> NfsMount | None:
    """Look for the mount that a connection uses on this host.

    :param connection_info: as it was connected
    :param table: the kernel's table of mounts
    :returns: None if it uses no NFS, is not mounted, or is mounted in a way
        in which the server cannot be tried, such as RDMA
    """
    data = connection_info.get('data') or {}
    point = str(pathlib.Path(str(data.get('device_path') or '')).parent)
    export = str(data.get('export')).rstrip('/')
    lines = table.read_text(errors='surrogateescape').split('\n')
    for line in filter(None, lines):
        source, where, kind, options = map(_unescaped, line.split(' ')[:4])
        if kind in _TYPES and where == point and (
                source.rstrip('/') == export):
            return _mount(source, where, options)
    return None


def _unescaped(word: str) -> str:
    # A space is written as \040, as fstab(5) has it.
    return _ESCAPED.sub(lambda match: chr(int(match[1], 8)), word)


def _mount(source: str, point: str, options: str) -> NfsMount | None:
    known = dict(option.partition('=')[::2] for option in options.split(','))
    if not known.get('addr') or known.get('proto') not in _PROTOCOLS:
        return None
    return NfsMount(source, point, known['addr'],
                    int(known.get('port') or NfsMount.port))


@contextlib.contextmanager
def fencing(mounts: Iterable[NfsMount], patience: float = PATIENCE,
            interval: float = _INTERVAL,
            answers: Callable[[NfsMount], bool] = NfsMount.answers
            ) -> Iterator[None]:
    """Have requests to lost servers fail for as long as this lasts.

    :param mounts: the mounts; nothing happens to one whose server answers
    :param patience: seconds in which a server must not have answered before
    :param interval: seconds between two looks
    :param answers: whether the server of a mount can be reached; it takes
        a few seconds at most
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
        # Without the helper, which asks the server's mountd for NFS 3.
        root_commands.run('umount', '-i', '-f', mount.point,
                          timeout=_COMMAND_TIMEOUT)
    except root_commands.CommandFailed as error:
        # It is busy as long as a process has files of it open.
        LOG.debug('%s', error)
