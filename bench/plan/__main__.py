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

"""Measure a plan for a cloud of thousands.

Servers with volumes are made in two cells, databases of SQLite with Nova's
own schema; a process of its own stands in for Cinder's API and answers in
pages, as long as Cinder's are. Then one process takes a survey of the backend
through the real readers, and another one runs ``nova-failover plan -f csv``.
For both it prints the seconds, the CPU time and the peak memory, for the
survey also the seconds in requests to Cinder, those requests and the
statements. The exit code is 1 if one takes more than 60 s or 1 GiB, or if
there is more than one statement for cells and, in each cell, one for services
and two for each batch of volumes.
"""

import argparse
from collections.abc import Iterator
import http.server
import itertools
import json
import os
import pathlib
import random
import resource
import subprocess
import sys
import tempfile
import time
from typing import Any
import urllib.parse
import uuid

BACKEND = 'bench@array'
CELLS = 2
HOSTS = 100
BATCH = 500
SECONDS = 60.0
MEBIBYTES = 1024.0
_MADE = '2026-01-01T00:00:00.000000'
_CONF = """
[DEFAULT]
transport_url = fake://
log_file = {folder}/log
service_down_time = 86400
[api_database]
connection = sqlite:///{folder}/api.sqlite
[database]
connection = sqlite:///{folder}/cell0.sqlite
[cinder]
auth_type = none
endpoint_template = http://127.0.0.1:{port}/v3
[failover_engine]
batch_size = {batch}
"""
_COMMAND = ('import sys; from nova_failover_ext.cli import main;'
            'sys.exit(main.main(sys.argv[1:]))')


def ids(seed: int) -> Iterator[str]:
    """Make uuids, the same ones for the same seed."""
    bits = random.Random(seed)  # noqa: S311
    while True:
        yield str(uuid.UUID(int=bits.getrandbits(128)))


def volume_ids(number: int) -> list[str]:
    """Return the ids of all volumes, sorted as Cinder lists them."""
    return sorted(itertools.islice(ids(1), number))


def make_databases(folder: pathlib.Path, volumes: int) -> None:
    """Make the API database and those of the cells.

    :param volumes: how many in all, two for each server
    """
    from nova.db.api import models as api_models
    from nova.db.main import models
    import sqlalchemy as sa
    wanted = volume_ids(volumes)
    random.Random(2).shuffle(wanted)  # noqa: S311
    api = sa.create_engine('sqlite:///%s/api.sqlite' % folder)
    api_models.BASE.metadata.create_all(api)
    for cell in range(CELLS):
        url = 'sqlite:///%s/cell%d.sqlite' % (folder, cell + 1)
        with api.begin() as connection:
            connection.execute(sa.insert(api_models.CellMapping), [{
                'uuid': str(uuid.UUID(int=cell + 1)), 'name': url[-12:-7],
                'transport_url': 'fake://', 'database_connection': url}])
        engine = sa.create_engine(url)
        models.BASE.metadata.create_all(engine)
        _fill(engine, models, cell, wanted[cell::CELLS])
        engine.dispose()
    api.dispose()


def _fill(engine: Any, models: Any, cell: int, wanted: list[str]) -> None:
    import sqlalchemy as sa
    now = sa.func.current_timestamp()
    servers = list(itertools.islice(ids(10 + cell), (len(wanted) + 1) // 2))
    attached = ids(20 + cell)
    rows: dict[Any, list[dict[str, Any]]] = {
        models.Service: [{
            'host': 'compute%d-%d' % (cell, n), 'binary': 'nova-compute',
            'topic': 'compute', 'report_count': 1, 'disabled': False,
            'version': 66, 'uuid': str(uuid.UUID(int=n + 1)),
        } for n in range(HOSTS)],
        models.Instance: [{
            'uuid': server, 'display_name': 'server-%d' % n, 'deleted': 0,
            'project_id': '%032x' % (n % 500), 'task_state': None,
            'host': 'compute%d-%d' % (cell, n % HOSTS), 'hostname': 'x',
            'vm_state': 'paused' if n % 50 == 0 else 'active',
            'user_data': 'x' * 500,
        } for n, server in enumerate(servers)],
        models.InstanceMetadata: [{
            'instance_uuid': server, 'key': 'failover:priority',
            'value': '1', 'deleted': 0} for server in servers[::10]],
        models.BlockDeviceMapping: [{
            'uuid': volume, 'volume_id': volume, 'deleted': 0,
            'instance_uuid': servers[n // 2],
            'attachment_id': next(attached), 'boot_index': n % 2 - 1 or None,
            'device_name': '/dev/vd%s' % 'ab'[n % 2],
            'source_type': 'volume', 'destination_type': 'volume',
            'connection_info': _connection_info(volume, n % 5 == 0),
        } for n, volume in enumerate(wanted)]}
    with engine.begin() as connection:
        for model, values in rows.items():
            connection.execute(sa.insert(model), values)
        connection.execute(sa.update(models.Service).values(
            last_seen_up=now, updated_at=now))


def _connection_info(volume: str, done: bool) -> str:
    info: dict[str, Any] = {
        'driver_volume_type': 'iscsi', 'serial': volume, 'status': 'attached',
        'attached_at': _MADE, 'detached_at': '', 'volume_id': volume,
        'data': {
            'target_discovered': True, 'discard': True, 'qos_specs': None,
            'target_portals': ['192.0.2.%d:3260' % n for n in range(8)],
            'target_iqns': ['iqn.2010-06.com.example:%d.%s' % (n, volume[:8])
                            for n in range(8)],
            'target_luns': [7] * 8, 'access_mode': 'rw', 'encrypted': False,
            'cacheable': False, 'device_path': '/dev/dm-7',
            'auth_method': 'CHAP', 'auth_username': 'u' * 16,
            'auth_password': 'x' * 32}}
    if done:
        info['failover_active_backend_id'] = 'second'
    return json.dumps(info)


class Cinder(http.server.BaseHTTPRequestHandler):
    """Answers as Cinder 29 answers an administrator."""

    protocol_version = 'HTTP/1.1'
    #: all volumes in the order of the list, and where each of them is
    wanted: list[str]
    places: dict[str, int]

    def do_GET(self) -> None:
        """Answer what the reader asks."""
        url = urllib.parse.urlsplit(self.path)
        status, body = 200, self._body(
            url.path, dict(urllib.parse.parse_qsl(url.query)))
        if body is None:
            status, body = 404, {'itemNotFound': {'code': 404}}
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args: Any) -> None:
        """Write nothing."""

    def _body(self, path: str, query: dict[str, str]) -> Any:
        if path.endswith('/os-services'):
            return {'services': [{
                'binary': 'cinder-volume', 'host': BACKEND, 'zone': 'nova',
                'status': 'disabled', 'state': 'up', 'updated_at': _MADE,
                'disabled_reason': 'failed-over', 'cluster': None,
                'replication_status': 'failed-over',
                'active_backend_id': 'second', 'frozen': False}]}
        if path.endswith('/volumes/detail'):
            begin = self.places[query['marker']] + 1 if (
                'marker' in query) else 0
            end = begin + int(query['limit'])
            return {'volumes': [_row(v) for v in self.wanted[begin:end]]}
        if '/capabilities/' in path:
            return {'vendor_name': 'Open Source', 'storage_protocol': 'ceph'}
        return {'versions': [{
            'id': 'v3.0', 'status': 'CURRENT', 'version': '3.71',
            'min_version': '3.0', 'links': [], 'media-types': []}]}


def _row(volume: str) -> dict[str, Any]:
    link = 'http://192.0.2.1/volume/v3/volumes/%s' % volume
    return {
        'id': volume, 'status': 'in-use', 'size': 20, 'name': 'a volume',
        'availability_zone': 'nova', 'description': None, 'metadata': {},
        'created_at': _MADE, 'updated_at': _MADE, 'snapshot_id': None,
        'source_volid': None, 'user_id': 'u' * 32, 'bootable': 'false',
        'encrypted': False, 'volume_type': 'replicated', 'group_id': None,
        'multiattach': False, 'replication_status': 'failed-over',
        'consistencygroup_id': None, 'migration_status': None,
        'attachments': [{
            'id': volume, 'attachment_id': volume, 'volume_id': volume,
            'server_id': volume, 'host_name': 'compute0-0',
            'device': '/dev/vdb', 'attached_at': _MADE}],
        'links': [{'rel': 'self', 'href': link},
                  {'rel': 'bookmark', 'href': link}],
        'volume_image_metadata': {
            'image_id': volume, 'image_name': 'an image', 'min_ram': '0',
            'checksum': 'c' * 32, 'disk_format': 'raw', 'min_disk': '0',
            'container_format': 'bare', 'size': '2361393152'},
        'os-vol-host-attr:host': BACKEND + '#pool',
        'os-vol-mig-status-attr:migstat': None,
        'os-vol-mig-status-attr:name_id': None,
        'os-vol-tenant-attr:tenant_id': 'p' * 32}


def serve(volumes: int) -> None:
    """Stand in for Cinder until killed; print the port."""
    Cinder.wanted = volume_ids(volumes)
    Cinder.places = {one: at for at, one in enumerate(Cinder.wanted)}
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Cinder)
    print(server.server_address[1], flush=True)
    server.serve_forever()


def survey(conf: str) -> dict[str, Any]:
    """Take a survey in this process.

    :returns: names of figures to values
    """
    from nova_failover_ext import startup
    startup.choose_threads()
    from nova_failover_ext.engine.inventory import cinder_reader
    from nova_failover_ext.engine.inventory import nova_reader
    from nova_failover_ext.engine.inventory import snapshot as surveys
    startup.configure(['bench', '--config-file', conf], {})
    statements = _counted()
    readers = cinder_reader.CinderReader(BATCH), nova_reader.NovaReader(BATCH)
    began, cpu = time.monotonic(), time.process_time()
    found = surveys.take(*readers, BACKEND)
    return {
        'seconds': time.monotonic() - began,
        'CPU seconds': time.process_time() - cpu,
        'peak MiB': _peak(resource.getrusage(resource.RUSAGE_SELF)),
        'seconds in requests to Cinder': readers[0].waited,
        'requests to Cinder': readers[0].spent['cinder'],
        'statements': len(statements), 'servers': len(found.servers),
        'volumes': sum(len(s.volumes) for s in found.servers)}


def _counted() -> list[None]:
    import sqlalchemy as sa
    seen: list[None] = []

    @sa.event.listens_for(sa.Engine, 'before_cursor_execute')
    def note(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        # SQLite is told to BEGIN by a statement of its own.
        if statement.startswith('SELECT'):
            seen.append(None)

    return seen


def _peak(used: resource.struct_rusage) -> float:
    return used.ru_maxrss / 1024


def command(conf: str, folder: pathlib.Path) -> dict[str, Any]:
    """Run ``nova-failover plan`` in a process of its own.

    :returns: names of figures to values
    """
    began = time.monotonic()
    with (folder / 'plan.csv').open('wb') as output:
        process = subprocess.Popen(
            [sys.executable, '-W', 'ignore', '-c', _COMMAND,
             '--config-file', conf, 'plan', BACKEND, '-f', 'csv'],
            stdout=output)
        _pid, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    lines = (folder / 'plan.csv').read_text().count('\n')
    return {'seconds': time.monotonic() - began,
            'CPU seconds': used.ru_utime + used.ru_stime,
            'peak MiB': _peak(used), 'servers': lines - 1,
            'exit code': process.returncode}


def missed(name: str, figures: dict[str, Any], volumes: int) -> list[str]:
    """Return what is above its limit, as sentences."""
    batches = -(-volumes // BATCH)
    limits = {'seconds': SECONDS, 'peak MiB': MEBIBYTES,
              'statements': 1 + CELLS * (1 + 2 * batches),
              'servers that are missing': 0, 'exit code': 0}
    figures = {'servers that are missing': volumes // 2 - figures['servers'],
               **figures}
    return ['%s: %s is %.1f, the limit is %.1f'
            % (name, figure, figures[figure], limit)
            for figure, limit in limits.items()
            if figures.get(figure, 0) > limit]


def run(volumes: int) -> int:
    """Make the cloud, measure, and print a table.

    :returns: the exit code
    """
    own = [sys.executable, '-W', 'ignore', '-m', 'bench.plan',
           '--volumes', str(volumes)]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        # A process begins with the peak memory of the one that starts it.
        subprocess.run([*own, '--make', name], check=True)
        with subprocess.Popen([*own, '--serve'], stdout=subprocess.PIPE,
                              text=True) as server:
            try:
                conf = folder / 'nova.conf'
                port = server.stdout.readline() if server.stdout else ''
                conf.write_text(_CONF.format(
                    folder=folder, batch=BATCH, port=port.strip()))
                done = subprocess.run([*own, '--survey', str(conf)],
                                      check=True, stdout=subprocess.PIPE)
                figures = {
                    'survey': json.loads(done.stdout.splitlines()[-1]),
                    'nova-failover plan': command(str(conf), folder)}
            finally:
                server.kill()
    for part, values in figures.items():
        print('%s of %d volumes:' % (part, volumes))
        for figure, value in values.items():
            print('  %-30s %10.1f' % (figure, value))
    failures = [text for part, values in figures.items()
                for text in missed(part, values, volumes)]
    print('\n'.join(failures))
    return int(bool(failures))


def main() -> int:
    """Read the command line, and do what it says.

    :returns: the exit code
    """
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--volumes', type=int, default=100000,
                        help='how many, two for each server (%(default)s)')
    parser.add_argument('--make', metavar='FOLDER', type=pathlib.Path,
                        help='make the databases in this process')
    parser.add_argument('--serve', action='store_true',
                        help='stand in for Cinder in this process')
    parser.add_argument('--survey', metavar='CONF',
                        help='take a survey in this process, and print JSON')
    args = parser.parse_args()
    if args.make:
        make_databases(args.make, args.volumes)
    elif args.serve:
        serve(args.volumes)
    elif args.survey:
        print(json.dumps(survey(args.survey)))
    else:
        return run(args.volumes)
    return 0


if __name__ == '__main__':
    sys.exit(main())
