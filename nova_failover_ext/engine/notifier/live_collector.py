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

"""Gauges that are computed when Prometheus fetches them.

A gauge that is set by events stands still between them, just while a long
recovery runs.
"""

from collections.abc import Callable, Iterator, Mapping
import dataclasses

from prometheus_client import metrics_core
from prometheus_client import registry

from nova_failover_ext.api import server_state

Gauge = metrics_core.GaugeMetricFamily

_PREFIX = 'nova_failover_'
#: Name without prefix, and help, of gauges of backends. Each is an attribute
#: of :class:`BackendFigures`.
_OF_BACKENDS = (
    ('waiting', 'Servers that wait for their turn'),
    ('in_flight', 'Servers that are being recovered'),
    ('remaining', 'Servers that are neither in sync nor excluded'),
    ('oldest_waiting_seconds', 'How long the oldest in the queue has waited'),
    ('limit', 'Servers that may be recovered at the same time'),
    ('gate_open', 'Whether recovery may act, 1 or 0'),
    ('paused', 'Whether operators let nothing start, 1 or 0'),
    ('scan_errors', 'Scans in a row that could not read the records'),
    ('scans_without_cell', 'Full scans in a row that could not read a cell'),
)
#: The same of the whole, attributes of :class:`Figures`.
_OF_ALL = (
    ('silent_hosts', 'Compute hosts that do not respond'),
    ('down_hosts', 'Compute hosts that are down, as Nova says'),
    ('reconcile_errors', 'Times in a row that Cinder could not list services'),
)


@dataclasses.dataclass(frozen=True, slots=True)
class BackendFigures:
    """How the recovery of a backend is at this moment.

    :ivar servers: how many stand where, none left out
    :ivar oldest_waiting_seconds: 0 if nothing waits
    :ivar limit: how many may be in flight
    :ivar paused: whether nothing may start, because of operators or because
        the database of their decisions has not been read
    """

    backend: str
    servers: Mapping[server_state.ServerState, int]
    waiting: int
    in_flight: int
    remaining: int
    oldest_waiting_seconds: float
    limit: int
    gate_open: bool
    paused: bool
    scan_errors: int
    scans_without_cell: int


@dataclasses.dataclass(frozen=True, slots=True)
class Figures:
    """How the engine that acts is at this moment."""

    backends: tuple[BackendFigures, ...]
    silent_hosts: int
    down_hosts: int
    reconcile_errors: int


class LiveCollector(registry.Collector):
    """Makes gauges of what the engine says at that moment."""

    def __init__(self, figures: Callable[[], Figures | None]) -> None:
        """Remember whom to ask.

        :param figures: returns None while another engine acts; it is called
            in a thread of the HTTP server and must not wait for a scan
        """
        self._figures = figures

    def describe(self) -> Iterator[metrics_core.Metric]:
        """Yield the gauges without values, so that no name is used twice."""
        yield from _gauges(None)

    def collect(self) -> Iterator[metrics_core.Metric]:
        """Yield the gauges; while another engine acts, without values."""
        yield from _gauges(self._figures())


def _gauges(figures: Figures | None) -> Iterator[metrics_core.Metric]:
    backends = figures.backends if figures else ()
    servers = Gauge(_PREFIX + 'servers', 'Servers by where they stand',
                    labels=('backend', 'state'))
    for one in backends:
        for state, count in one.servers.items():
            servers.add_metric((one.backend, state.value), count)
    yield servers
    for name, text in _OF_BACKENDS:
        gauge = Gauge(_PREFIX + name, text, labels=('backend',))
        for one in backends:
            gauge.add_metric((one.backend,), float(getattr(one, name)))
        yield gauge
    for name, text in _OF_ALL:
        gauge = Gauge(_PREFIX + name, text, labels=())
        if figures:
            gauge.add_metric((), getattr(figures, name))
        yield gauge
