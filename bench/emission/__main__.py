#!/usr/bin/env python3
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

"""Measure how a failover of many attached volumes is reported.

Rows of volumes with attachments, connection_info and metadata are made in a
database of SQLite. Then Cinder's volume manager, replaced by ours, fails over
on an in-memory message bus. For each number of volumes, in a process of its
own, it prints how long the last part took to be on the bus from when the
driver had returned, what of that was Cinder saving its rows one by one, and
what our code took of time, queries and memory, also for each volume. The exit
code is 1 if queries or memory for each volume grow with the volumes.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
from typing import Any
import uuid

HOST = 'bench@repl'
SIZES = (100, 1000, 10000)
#: The name of the thread in which notifications are sent begins with it.
OURS = 'failover-hooks'
KIBI = 1 << 10
#: What must not grow with the volumes.
BOUNDED = ('queries a volume', 'peak memory a volume, KiB')


class Bench:
    """One failover of a number of volumes.

    :param volumes: how many, each with one attachment
    """

    def __init__(self, volumes: int) -> None:
        self._volumes = volumes
        #: when the driver had returned
        self._returned = 0.0
        #: when each part was on the bus
        self._sent: list[float] = []
        self._largest = 0
        self._queries = 0
        #: set in the thread of the failover while it does work of ours
        self._ours = threading.local()

    def run(self) -> dict[str, Any]:
        """Measure.

        :returns: names of columns to values
        """
        from cinder import context

        engine = self._prepare()
        from oslo_config import cfg
        import sqlalchemy

        from cinder_failover_hooks.testing import replicated_backend

        with replicated_backend.ReplicatedBackend(cfg.CONF):
            made = self._manager()
            sqlalchemy.event.listen(engine, 'before_cursor_execute',
                                    self._count)
            made.failover(context.get_admin_context(), 'site-b')
            saved = time.monotonic()
            made._reporter.emitter.worker.wait()
            sqlalchemy.event.remove(engine, 'before_cursor_execute',
                                    self._count)
            return self._figures(saved, self._memory(made))

    def _figures(self, saved: float, memory: int) -> dict[str, Any]:
        emission = self._sent[-1] - saved
        return {
            'volumes': self._volumes,
            'parts': len(self._sent) - 1,
            'driver to last part, s': self._sent[-1] - self._returned,
            "of that Cinder's rows, s": saved - self._returned,
            'of that emission, s': emission,
            'emission a volume, ms': 1000 * emission / self._volumes,
            'queries': self._queries,
            'queries a volume': self._queries / self._volumes,
            'largest part, KiB': self._largest / KIBI,
            'peak memory, KiB': memory / KIBI,
            'peak memory a volume, KiB': memory / KIBI / self._volumes}

    def _prepare(self) -> Any:
        from cinder import objects
        objects.register_all()
        from cinder.db import api as db
        from cinder.db import migration
        from cinder import rpc
        from cinder.volume import manager  # noqa: F401 registers options
        from oslo_config import cfg
        from oslo_messaging import conffixture

        folder = self._folder = tempfile.TemporaryDirectory()
        cfg.CONF([], project='cinder', default_config_files=[])
        cfg.CONF.set_override(
            'connection', 'sqlite:///%s/cinder.db' % folder.name, 'database')
        conffixture.ConfFixture(cfg.CONF, transport_url='fake:/').setUp()
        cfg.CONF.set_override('state_path', folder.name)
        migration.db_sync()
        rpc.init(cfg.CONF)
        engine = db.get_engine()
        self._fill(engine)
        return engine

    def _fill(self, engine: Any) -> None:
        from cinder import context
        from cinder.db import api as db
        from cinder.db import models
        from cinder import objects

        admin = context.get_admin_context()
        objects.Service(
            admin, host=HOST, binary='cinder-volume', topic='cinder-volume',
            replication_status='failing-over').create()
        kind = db.volume_type_create(admin, {
            'name': 'replicated',
            'extra_specs': {'replication_enabled': '<is> True'}})['id']
        ids = [str(uuid.uuid4()) for _ in range(self._volumes)]
        rows = {
            models.Volume: [{
                'id': one, 'host': '%s#pool' % HOST, 'size': 1,
                'status': 'in-use', 'attach_status': 'attached',
                'replication_status': 'enabled', 'use_quota': True,
                'project_id': uuid.uuid4().hex, 'volume_type_id': kind,
                'deleted': False,
                'display_name': 'volume'} for one in ids],
            models.VolumeAttachment: [{
                'id': str(uuid.uuid4()), 'volume_id': one, 'deleted': False,
                'instance_uuid': str(uuid.uuid4()), 'attached_host': 'cmp1',
                'attach_status': 'attached', 'connector': json.dumps(
                    {'host': 'cmp1', 'initiator': 'i' * 400}),
                'connection_info': json.dumps({'data': 'x' * 1000})}
                for one in ids],
            models.VolumeMetadata: [{
                'volume_id': one, 'key': key, 'value': 'value',
                'deleted': False} for one in ids for key in ('a', 'b')],
        }
        with engine.begin() as connection:
            for model, values in rows.items():
                connection.execute(model.__table__.insert(), values)

    def _manager(self) -> Any:
        from cinder.volume import manager as stock  # noqa: F401

        from cinder_failover_hooks import manager

        made: Any = manager.FailoverVolumeManager(host=HOST)
        made.driver.do_setup(None)
        made.driver.set_initialized()
        inner, send = made.driver.failover_host, made._reporter.emitter._send
        backend = made._reporter._backend
        read_state = backend.read_state

        def failover_host(*args: Any, **kwargs: Any) -> Any:
            result = inner(*args, **kwargs)
            self._returned = time.monotonic()
            return result

        def send_timed(*args: Any) -> None:
            send(*args)
            self._largest = max(self._largest, len(json.dumps(args[-1])))
            self._sent.append(time.monotonic())

        def read_state_counted() -> Any:
            self._ours.reading = True
            try:
                return read_state()
            finally:
                self._ours.reading = False

        backend.read_state = read_state_counted
        made.driver.failover_host = failover_host
        made._reporter.emitter._send = send_timed
        return made

    def _count(self, *args: Any) -> None:
        if (threading.current_thread().name.startswith(OURS)
                or getattr(self._ours, 'reading', False)):
            self._queries += 1

    def _memory(self, made: Any) -> int:
        """Send the same once more, and see how much memory that needs.

        :param made: the manager
        :returns: bytes at the highest, above those before
        """
        from cinder_failover_hooks import notifications
        from cinder_failover_hooks import payloads
        from cinder_failover_hooks import state

        def drop(*args: Any) -> None:
            """Keep nothing: on a real bus a part is gone once it is sent."""

        emitter = made._reporter.emitter
        emitter._send = drop
        header = payloads.Header(
            event_type=notifications.END, cause='failover',
            failover_id='req-bench', backend=HOST, old=None,
            now=state.BackendState('site-b', 'failed-over'))
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        emitter.emit(header, True)
        emitter.worker.wait()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak - before


def measure(volumes: int) -> dict[str, Any]:
    """Measure in a process of its own.

    :param volumes: how many attached volumes
    :returns: names of figures to values
    """
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-m', 'bench.emission', '--json',
         str(volumes)], check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def grown(rows: list[dict[str, Any]]) -> list[str]:
    """Return the names of figures that must not grow, and do.

    :param rows: the figures, those of the fewest volumes first
    """
    return [name for name in BOUNDED
            if any(row[name] > rows[0][name] for row in rows)]


def table(rows: list[dict[str, Any]]) -> str:
    """Return the figures as text, a column for each number of volumes.

    :param rows: the figures
    """
    import tabulate
    lines = [[name, *(row[name] for row in rows)] for name in rows[0]]
    lines += [['%s, of the first' % name,
               *(row[name] / rows[0][name] for row in rows)]
              for name in BOUNDED]
    return tabulate.tabulate(lines, floatfmt='.3f')


def main() -> int:
    """Read the command line, measure, and print a table.

    :returns: the exit code
    """
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('volumes', nargs='*', type=int, default=SIZES,
                        help='numbers of attached volumes, by default %s'
                             % ', '.join(map(str, SIZES)))
    parser.add_argument('--json', action='store_true',
                        help='measure in this process, and print JSON')
    args = parser.parse_args()
    if args.json:
        for volumes in args.volumes:
            print(json.dumps(Bench(volumes).run()))
        return 0
    rows = [measure(volumes) for volumes in sorted(args.volumes)]
    print(table(rows))
    for name in grown(rows):
        print('This grows with the volumes: %s' % name)
    return int(bool(grown(rows)))


if __name__ == '__main__':
    sys.exit(main())
