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


"""The processes of a bench: engines, and the simulated hosts."""

import dataclasses
import json
import signal
import subprocess
import sys
import threading
from typing import Any

import psutil

from bench.engine import conf as bench_conf
from cloud import processes
from cloud import settings
from cloud import waiting

_ENGINE = ('import sys; sys.argv[0] = "nova-failover-engine"; '
           'from nova_failover_ext.engine import cmd; sys.exit(cmd.main())')
_PROFILE = ('import sys; sys.argv[0] = "nova-failover-engine"; '
            'from bench.engine import profiling; sys.exit(profiling.main())')
_MEBI = 1 << 20


@dataclasses.dataclass(frozen=True)
class Used:
    """What a process has used so far.

    :ivar cpu: seconds
    :ivar peak: MiB of memory at the most, so far
    """

    cpu: float
    peak: float


class Engine:
    """A nova-failover-engine of its own configuration."""

    def __init__(self, conf: settings.Settings, name: str,
                 **options: object) -> None:
        """Write its configuration; it is not started.

        :param name: of its host
        :param options: of ``[failover_engine]``
        """
        self.name = name
        self._file = bench_conf.write(conf, name, options)
        self._log = conf.log / f'{name}.out'
        self._process: psutil.Process | None = None

    def start(self, profile: bool = False) -> None:
        """Start it; does not wait.

        :param profile: whether it writes down where its time goes
        """
        with self._log.open('ab') as output:
            started = subprocess.Popen(
                [sys.executable, '-W', 'ignore', '-c',
                 _PROFILE if profile else _ENGINE,
                 '--config-file', str(self._file)],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env=processes.environment(bench_conf.ENVIRONMENT))
        self._process = psutil.Process(started.pid)

    def used(self) -> Used:
        """Return what it has used, with its children."""
        cpu = peak = 0.0
        for one in self._family():
            times = one.cpu_times()
            cpu += times.user + times.system
            peak += _peak(one.pid)
        return Used(cpu, peak)

    def kill(self) -> None:
        """End it as a loss of power does."""
        family = self._family()
        for one in family:
            one.send_signal(signal.SIGKILL)
        psutil.wait_procs(family, timeout=10)
        self._process = None

    def stop(self) -> None:
        """End it in an orderly way."""
        if self._process:
            processes.stop_tree(self._process, 20)
            self._process = None

    def _family(self) -> list[psutil.Process]:
        if self._process is None:
            return []
        return [self._process, *self._process.children(recursive=True)]


class Hosts:
    """The process of the simulated compute hosts."""

    def __init__(self, conf: settings.Settings, count: int,
                 latency: float) -> None:
        """Start them, and wait until they listen.

        :param count: how many
        :param latency: of the array, in seconds
        """
        # Of 50 servers in one process; each keeps all that it has started.
        file = bench_conf.write(conf, 'hosts', threads=8)
        self._lock = threading.Lock()
        with (conf.log / 'hosts.out').open('ab') as output:
            self._process = subprocess.Popen(
                [sys.executable, '-W', 'ignore', '-m',
                 'bench.engine.host_process', str(file),
                 str(conf.port('mariadb')), conf.password, str(count),
                 str(latency)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=output,
                text=True, env=processes.environment(bench_conf.ENVIRONMENT))
        if self._answer() != 'ready':
            raise processes.DaemonError('the simulated hosts do not start')

    def take(self) -> dict[str, Any]:
        """Return what they have done since the last time."""
        with self._lock:
            assert self._process.stdin is not None
            self._process.stdin.write('\n')
            self._process.stdin.flush()
            found: dict[str, Any] = self._answer()
            return found

    def stop(self) -> None:
        """End them."""
        self._process.kill()
        self._process.wait()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise processes.DaemonError('the simulated hosts have ended')
        return json.loads(line)


class Total:
    """What the hosts have done since :meth:`begin`."""

    def __init__(self, hosts: Hosts) -> None:
        """Begin."""
        self._hosts = hosts
        self.begin()

    def begin(self) -> None:
        """Forget what was."""
        first = self._hosts.take()
        self._cpu = first['cpu']
        self.sums = dict.fromkeys(first, 0.0)

    def update(self) -> dict[str, float]:
        """Add what is new, and return the sums; maxima where these count."""
        for key, value in self._hosts.take().items():
            if key in ('last', 'array_most'):
                self.sums[key] = max(self.sums[key], value)
            elif key == 'cpu':
                self.sums[key] = value - self._cpu
            else:
                self.sums[key] += value
        return self.sums

    def wait_for(self, recovered: int, timeout: float) -> dict[str, float]:
        """Wait until that many servers are recovered."""
        waiting.wait_for(
            f'{recovered} servers to be recovered',
            lambda: self.update()['recovered'] >= recovered, timeout)
        return self.sums


def _peak(pid: int) -> float:
    with open(f'/proc/{pid}/status') as status:
        for line in status:
            if line.startswith('VmHWM'):
                return int(line.split()[1]) * 1024 / _MEBI
    return 0.0
