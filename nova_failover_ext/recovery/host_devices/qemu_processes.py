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

"""QEMU processes: whether a guest has really let go.

libvirt calls a domain shut off also while its QEMU cannot be killed. Such a
process has its devices open, its image locks, and maybe writes that reach
the old storage once that is back. Only the kernel knows.

Everything here is read from ``/proc``, without root.
"""

from collections.abc import Iterable
import dataclasses
import pathlib
import threading

_PROC = pathlib.Path('/proc')
# Zombies and the dead have no open files any more.
_ENDED = frozenset('ZXx')


@dataclasses.dataclass(frozen=True)
class Process:
    """A process, told apart from a later one of the same number.

    :ivar pid: its number
    :ivar started: its start, in clock ticks since the host's
    """

    pid: int
    started: int


@dataclasses.dataclass(frozen=True)
class Stat:
    """What ``/proc/PID/stat`` says.

    :ivar state: one letter, D for one that cannot be interrupted
    :ivar started: in clock ticks since the host's start
    """

    state: str
    started: int


def parse_stat(text: str) -> Stat:
    """Read the text of a ``stat`` file, of a process or of a thread.

    :raises ValueError: if it is none
    """
    # The command's name stands in parentheses and may contain any sign.
    _, closed, rest = text.rpartition(')')
    words = rest.split()
    if not closed or len(words) < 20:
        raise ValueError('this is no stat file')
    return Stat(words[0], int(words[19]))


def is_guest(cmdline: bytes, server_id: str) -> bool:
    """Return whether a command line is that of a server's QEMU.

    :param cmdline: arguments, each ended by a NUL
    :param server_id: UUID, which libvirt passes with ``-uuid``
    """
    words = cmdline.split(b'\0')
    return any(option == b'-uuid' and value == server_id.encode()
               for option, value in zip(words, words[1:], strict=False))


def of_server(server_id: str,
              proc: pathlib.Path = _PROC) -> frozenset[Process]:
    """Return the QEMU processes of a server.

    A process that is being killed is found, too: its first thread has lost
    its command line with its memory, the threads that wait for their storage
    have not.

    :param server_id: UUID
    :param proc: where procfs is mounted
    """
    found = set()
    for process in proc.glob('[0-9]*'):
        try:
            if is_guest(_cmdline(process), server_id):
                stat = parse_stat((process / 'stat').read_text())
                found.add(Process(int(process.name), stat.started))
        except (OSError, ValueError):
            # It ended while it was looked at.
            continue
    return frozenset(found)


def state(process: Process, proc: pathlib.Path = _PROC) -> str:
    """Return how a process is still alive, if it is.

    The first thread of a killed process can be a zombie while others wait
    for their storage, so each thread counts.

    :param process: as it was found before
    :param proc: where procfs is mounted
    :returns: the letters of the states of its live threads, sorted; empty
        once it has ended
    """
    folder = proc / str(process.pid)
    try:
        stat = parse_stat((folder / 'stat').read_text())
        if stat.started != process.started:
            return ''
        threads = list((folder / 'task').iterdir())
    except (OSError, ValueError):
        return ''
    return ''.join(sorted({_thread(path) for path in threads} - _ENDED))


def alive(processes: Iterable[Process], proc: pathlib.Path = _PROC) -> str:
    """Say which processes are still alive, and how.

    :param processes: as they were found before
    :param proc: where procfs is mounted
    :returns: empty once all have ended
    """
    states = {process.pid: state(process, proc) for process in processes}
    return ', '.join(f'QEMU process {pid} in state {letters}'
                     for pid, letters in sorted(states.items()) if letters)


class Watched:
    """Remembers processes that have not ended yet.

    One that hangs while it is killed may lose its command line, and the
    server that it belonged to cannot be told any more.
    """

    def __init__(self, proc: pathlib.Path = _PROC) -> None:
        """Nothing has been seen yet.

        :param proc: where procfs is mounted
        """
        self._proc = proc
        self._seen: dict[str, frozenset[Process]] = {}
        self._lock = threading.Lock()

    def of_server(self, server_id: str) -> frozenset[Process]:
        """Return the QEMU processes of a server, also those seen before.

        :param server_id: UUID
        """
        # It may hang, and must not hold up the recovery of others.
        found = of_server(server_id, self._proc)
        with self._lock:
            self._seen = {each: left for each, seen in self._seen.items()
                          if (left := self._alive(seen))}
            found |= self._seen.get(server_id, frozenset())
            self._seen[server_id] = found
        return found

    def _alive(self, processes: frozenset[Process]) -> frozenset[Process]:
        return frozenset(process for process in processes
                         if state(process, self._proc))


def _cmdline(process: pathlib.Path) -> bytes:
    cmdline = (process / 'cmdline').read_bytes()
    if cmdline:
        return cmdline
    threads = (_read_if_there(path / 'cmdline')
               for path in (process / 'task').iterdir())
    return next(filter(None, threads), b'')


def _read_if_there(path: pathlib.Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b''


def _thread(path: pathlib.Path) -> str:
    try:
        return parse_stat((path / 'stat').read_text()).state
    except (OSError, ValueError):
        return 'X'
