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


"""Simulated compute hosts on a real bus, in one process.

Each host has an RPC server of its own. As a real one, it recovers a server
under the server's lock, reads the records only then, and touches nothing if
they are right. What is simulated is the array, and the virtual machine.

It answers each line of its standard input with a line of JSON: what has
happened since the last one.
"""

import collections
import contextlib
import dataclasses
import json
import queue
import resource
import sys
import threading
import time
from typing import Any

from nova import rpc
import oslo_messaging as messaging
import pymysql

from bench.engine import array
from bench.engine import conf as bench_conf
from bench import filler
from nova_failover_ext.api import rpcapi
from nova_failover_ext.recovery import results
from nova_failover_ext.recovery import staleness
from nova_failover_ext import startup

_EVENT = ('INSERT INTO instance_actions_events (event, action_id, start_time,'
          ' finish_time, result, host, deleted, created_at) VALUES '
          "('failover', %s, now(), now(), 'Success', %s, 0, now())")
_ACTION = ('INSERT INTO instance_actions (action, instance_uuid, request_id, '
           'start_time, deleted, created_at) VALUES '
           "('failover_recover', %s, %s, now(), 0, now())")


class Records:
    """A cell's database, with as many connections as are used at a time."""

    def __init__(self, port: int, password: str, cell: str) -> None:
        """Connect to nothing yet."""
        self._options: dict[str, Any] = {
            'host': '127.0.0.1', 'port': port, 'password': password,
            'user': bench_conf.HOSTS_USER, 'database': cell}
        self._idle: queue.LifoQueue[Any] = queue.LifoQueue()

    @contextlib.contextmanager
    def transaction(self) -> Any:
        """Return a cursor; what it has done is committed at the end."""
        try:
            connection = self._idle.get_nowait()
        except queue.Empty:
            connection = pymysql.connect(**self._options)
        with connection.cursor() as cursor:
            yield cursor
        connection.commit()
        self._idle.put(connection)

    def stamps(self, server_id: str) -> dict[str, str]:
        """Return a server's stamps by volume id."""
        with self.transaction() as cursor:
            cursor.execute(
                'SELECT volume_id, connection_info FROM block_device_mapping '
                'WHERE instance_uuid = %s AND deleted = 0', (server_id,))
            return {volume: json.loads(info)[staleness.STAMP]
                    for volume, info in cursor.fetchall()}

    def begin(self, server_id: str) -> None:
        """Keep everybody else away from a server."""
        with self.transaction() as cursor:
            cursor.execute('UPDATE instances SET task_state = %s WHERE '
                           'uuid = %s', (staleness.TASK_STATE, server_id))

    def end(self, host: str, server_id: str, failover_id: str,
            volumes: dict[str, str]) -> None:
        """Write down that a server is recovered."""
        with self.transaction() as cursor:
            for volume, stamp in volumes.items():
                cursor.execute(
                    'UPDATE block_device_mapping SET connection_info = %s '
                    'WHERE instance_uuid = %s AND volume_id = %s',
                    (filler.connection_info(volume, stamp), server_id, volume))
            cursor.execute('UPDATE instances SET task_state = NULL WHERE '
                           'uuid = %s', (server_id,))
            cursor.execute(_ACTION, (server_id, failover_id))
            cursor.execute(_EVENT, (cursor.lastrowid, host))
            cursor.execute('INSERT INTO bench.power_cycles (server_id, '
                           'failover_id) VALUES (%s, %s)',
                           (server_id, failover_id))


@dataclasses.dataclass
class Counts:
    """What the hosts have done.

    :ivar calls: of the engine
    :ivar recovered: servers, each as often as it was
    :ivar unchanged: calls that found all to be right
    :ivar twice: calls that found another one at work on the server
    :ivar last: when the latest recovery ended, seconds of time.time()
    """

    calls: int = 0
    recovered: int = 0
    unchanged: int = 0
    twice: int = 0
    last: float = 0.0


class Shared:
    """What all hosts of the process have together."""

    def __init__(self, storage: array.Array) -> None:
        """Nothing has happened."""
        self.array = storage
        self._counts = Counts()
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = collections.defaultdict(
            threading.Lock)

    def count(self, **more: float) -> None:
        """Add to the counts; ``last`` is set."""
        with self._lock:
            for name, number in more.items():
                before = getattr(self._counts, name)
                setattr(self._counts, name,
                        number if name == 'last' else before + number)

    def lock_of(self, server_id: str) -> threading.Lock:
        """Return the lock of a server."""
        with self._lock:
            return self._locks[server_id]

    def take(self) -> dict[str, Any]:
        """Return everything since the last time, and begin anew."""
        with self._lock:
            counts, self._counts = self._counts, Counts()
        used = resource.getrusage(resource.RUSAGE_SELF)
        return {**dataclasses.asdict(counts),
                **{'array_' + key: value for key, value in
                   dataclasses.asdict(self.array.take()).items()},
                'cpu': used.ru_utime + used.ru_stime}


class Endpoint:
    """The endpoint inside a simulated nova-compute."""

    target = messaging.Target(namespace=rpcapi.COMPUTE_NAMESPACE,
                              version=rpcapi.ComputeFailoverAPI.VERSION)

    def __init__(self, host: str, records: Records, shared: Shared) -> None:
        """Remember who this is."""
        self._host = host
        self._records = records
        self._shared = shared

    def ping(self, _context: Any) -> dict[str, str]:
        """Tell that this host is extended."""
        return {'host': self._host,
                'version': rpcapi.ComputeFailoverAPI.VERSION}

    def recover_server(self, _context: Any, server_id: str, failover_id: str,
                       volumes: dict[str, str],
                       policy: str | None = None) -> dict[str, Any]:
        """Bring a server's records to the stamps that are wanted."""
        self._shared.count(calls=1)
        lock = self._shared.lock_of(server_id)
        if not lock.acquire(blocking=False):
            self._shared.count(twice=1)
            lock.acquire()
        try:
            outcome = self._recover(server_id, failover_id, volumes)
        finally:
            lock.release()
        return results.ServerResult(
            server_id, outcome,
            power_cycled=outcome is results.Outcome.RECOVERED).to_primitive()

    def _recover(self, server_id: str, failover_id: str,
                 volumes: dict[str, str]) -> results.Outcome:
        present = self._records.stamps(server_id)
        stale = {volume: stamp for volume, stamp in volumes.items()
                 if present[volume] != stamp}
        if not stale:
            self._shared.array.initialize_connection()
            self._shared.count(unchanged=1)
            return results.Outcome.UNCHANGED
        self._records.begin(server_id)
        # As a real one: the update of its attachment is the question.
        for _volume in stale:
            self._shared.array.initialize_connection()
        self._records.end(self._host, server_id, failover_id, stale)
        self._shared.count(recovered=1, last=time.time())
        return results.Outcome.RECOVERED


def serve(words: list[str]) -> None:
    """Serve until the standard input ends.

    :param words: nova.conf, port and password of the database, number of
        hosts, and latency
    """
    file, port, password, count, latency = words
    startup.configure(['bench', '--config-file', file], {})
    shared = Shared(array.Array(float(latency)))
    cells = [Records(int(port), password, name) for name in bench_conf.CELLS]
    for number, host in enumerate(bench_conf.names(int(count))):
        messaging.get_rpc_server(
            rpc.TRANSPORT, messaging.Target(topic=rpcapi.COMPUTE_TOPIC,
                                            server=host),
            [Endpoint(host, cells[number % len(cells)], shared)],
            executor='threading',
            serializer=rpc.RequestContextSerializer(None)).start()
    print(json.dumps('ready'), flush=True)
    for _line in sys.stdin:
        print(json.dumps(shared.take()), flush=True)
