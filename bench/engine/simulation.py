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


"""All of a bench: databases, bus, Cinder, hosts, and who asks the engines."""

from collections.abc import Iterator
import contextlib
import dataclasses
import json
import pathlib
import time
from typing import Any

from bench.engine import cells
from bench.engine import conf as bench_conf
from bench.engine import engines
from bench import simulated_cinder
from cloud import bootstrap
from cloud import broker
from cloud import database
from cloud import settings
from cloud import waiting
from nova_failover_ext.testing import http_server

_BACKEND = simulated_cinder.BACKEND
_SAMPLE = 'doc/notification_samples/backend-failover-end.json'


@dataclasses.dataclass(frozen=True)
class Size:
    """What a bench is like.

    :ivar hosts: simulated compute hosts, in two cells
    :ivar latency: seconds that the array takes for a connection
    :ivar concurrency: servers that may be recovered at the same time
    """

    hosts: int = 50
    latency: float = 0.1
    concurrency: int = 16


class Simulation:
    """What stays the same from one run to the next."""

    def __init__(self, conf: settings.Settings, size: Size,
                 simulated: engines.Hosts, own: cells.Databases,
                 answers: simulated_cinder.SimulatedCinder) -> None:
        """Put it together; see :func:`running`."""
        self.conf = conf
        self.size = size
        self.data = own
        self.cinder = answers
        self.total = engines.Total(simulated)
        self._client = _Client(conf)

    def options(self) -> dict[str, object]:
        """Return the options of the engines that differ."""
        return {'max_in_flight': 2 * self.size.concurrency,
                'max_in_flight_per_backend': self.size.concurrency,
                'reconcile_interval': 600}

    def fill(self, servers: int) -> None:
        """Have that many servers, with two volumes each."""
        self.cinder.fill(self.data.fill(
            servers, bench_conf.names(self.size.hosts)))

    def fail_over(self, target: str) -> float:
        """Fail the backend over, and tell the engines.

        :returns: when, in seconds of time.time()
        """
        self.cinder.fail_over(target)
        began = time.time()
        self._client.notify(target)
        return began

    def leader(self, timeout: float = 300) -> str:
        """Return the name of the acting engine, once there is one."""
        return waiting.wait_for('an acting engine', self._client.leader,
                                timeout)

    def wait_until_done(self, timeout: float) -> dict[str, Any]:
        """Wait until the engine says that nothing is left to do."""
        return waiting.wait_for('the end of the recovery',
                                self._client.done, timeout, 0.5)

    def wait_for_first_scan(self) -> None:
        """Wait until the engine has finished its first scan."""
        waiting.wait_for('a first scan', self._client.progress, 300, 0.5)


class _Client:
    """Speaks to the engines as Cinder and the command line do."""

    def __init__(self, conf: settings.Settings) -> None:
        from nova_failover_ext.api import rpcapi
        from nova_failover_ext import startup
        file = bench_conf.write(conf, 'client')
        self._conf = startup.configure(
            ['bench', '--config-file', str(file)], {})
        from nova import context
        from nova import rpc
        import oslo_messaging as messaging
        self._messaging = messaging
        self._context = context.get_admin_context()
        self._engine = rpcapi.EngineAPI(rpc.get_client(
            rpcapi.EngineAPI.target()))
        self._sample = json.loads(
            (bootstrap.CHECKOUT / _SAMPLE).read_text())
        # Cinder's exchange is another one than Nova's.
        transport = messaging.get_notification_transport(self._conf)
        transport._driver._default_exchange = 'openstack'
        self._notifier = messaging.Notifier(
            transport, f'volume.{_BACKEND}', driver='messagingv2',
            topics=['failover_notifications'])

    def notify(self, target: str) -> None:
        """Send what Cinder's side sends at the end of a failover."""
        from oslo_context import context
        payload = json.loads(json.dumps(self._sample['payload']))
        payload['failover_object.data'].update(
            backend=_BACKEND, new_active_backend_id=target or None,
            failover_id=context.generate_request_id(), volumes=[])
        self._notifier.info({}, self._sample['event_type'], payload)

    def leader(self) -> str:
        """Return the name of the acting engine, '' if none answers."""
        try:
            return str(self._engine.ping(self._context, 5)['host'])
        except self._messaging.MessagingTimeout:
            return ''

    def progress(self) -> dict[str, Any]:
        """Return how far it is, nothing if it does not know the backend."""
        try:
            found = self._engine.progress(self._context, [_BACKEND], 5)
        except self._messaging.MessagingTimeout:
            return {}
        own = found.get(_BACKEND) or {}
        return own if own.get('last_checked') else {}

    def done(self) -> dict[str, Any]:
        """Return how far it is once nothing is left, nothing before."""
        found = self.progress()
        return found if found.get('done') else {}


@contextlib.contextmanager
def running(root: pathlib.Path, port_base: int,
            size: Size) -> Iterator[Simulation]:
    """Start all but the engines, and stop it at the end."""
    conf = bench_conf.load(root, port_base)
    with contextlib.ExitStack() as stack:
        server = database.Database(conf)
        stack.callback(server.stop)
        server.start()
        bus = broker.Broker(conf)
        stack.callback(bus.stop)
        bus.start()
        own = cells.Databases(conf, server)
        own.prepare()
        own.fill(0, bench_conf.names(size.hosts))
        answers = simulated_cinder.SimulatedCinder()
        stack.enter_context(http_server.Server(
            answers, conf.port('cinder')).running())
        simulated = engines.Hosts(conf, size.hosts, size.latency)
        stack.callback(simulated.stop)
        yield Simulation(conf, size, simulated, own, answers)
