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

"""Options of how fast the engine works, in the group ``[failover_engine]``."""

from oslo_config import cfg

PACE_OPTS = [
    cfg.IntOpt(
        'reconcile_interval',
        mutable=True,
        default=10,
        min=5,
        max=86400,
        help="""
Seconds between two requests for the list of Cinder's services. It shows a
failover whose notification is lost.

Possible values:

* An integer of 5 or more

Related options:

* ``full_scan_interval``
"""),
    cfg.IntOpt(
        'full_scan_interval',
        default=3600,
        min=5,
        max=86400,
        help="""
Seconds between two full scans of a replicated backend with nothing left to
do, each of which lists all its volumes. A failover, a request of an operator
and the end of a round of recoveries have it scanned at once. A backend with
something left to do, or with volumes in groups, is scanned every minute. After
a scan that took long, five times as long has to pass.

Possible values:

* An integer of 5 or more

Related options:

* ``reconcile_interval``
"""),
    cfg.IntOpt(
        'max_in_flight',
        default=32,
        min=1,
        max=1024,
        help="""
Number of servers that this engine recovers at the same time.

Related options:

* ``max_in_flight_per_backend``
* ``max_in_flight_per_host``
"""),
    cfg.IntOpt(
        'max_in_flight_per_backend',
        mutable=True,
        default=16,
        min=1,
        max=1024,
        help="""
Number of servers of one Cinder backend that are recovered at the same time.
It limits what a just promoted array is asked to export at once.

Related options:

* ``max_in_flight``
"""),
    cfg.IntOpt(
        'max_in_flight_per_host',
        mutable=True,
        default=4,
        min=1,
        max=256,
        help="""
Number of servers of one compute host that are recovered at the same time.

Related options:

* ``max_in_flight``
"""),
    cfg.FloatOpt(
        'retry_interval_min',
        default=5.0,
        min=0.1,
        max=3600.0,
        help="""
Seconds to wait before a deferred or failed recovery is tried again for the
first time. Each further wait is longer, with some randomness.

Related options:

* ``retry_interval_max``
* ``retry_attempts``
"""),
    cfg.FloatOpt(
        'retry_interval_max',
        default=60.0,
        min=0.1,
        max=86400.0,
        help="""
The longest wait in seconds between two tries of one server.

Related options:

* ``retry_interval_min``
"""),
    cfg.IntOpt(
        'retry_attempts',
        default=20,
        min=1,
        max=10000,
        help="""
Number of tries after which a server is out of retries: from then on it is
tried only now and then, or when an operator asks.

Related options:

* ``exhausted_retry_interval``
"""),
    cfg.IntOpt(
        'gate_timeout',
        mutable=True,
        default=300,
        min=0,
        max=86400,
        help="""
Seconds that the engine waits, scanning often, for Cinder to settle a failover
of a backend. Afterwards only the periodic reconcile scans it again.

Related options:

* ``reconcile_interval``
"""),
]

LOAD_OPTS = [
    cfg.FloatOpt(
        'slow_factor',
        default=3.0,
        min=1.0,
        max=100.0,
        help="""
How many times slower than before in the same failover Cinder has to answer
before fewer servers of its backend are recovered at the same time.

Related options:

* ``slow_seconds``
* ``max_in_flight_per_backend``
"""),
    cfg.FloatOpt(
        'slow_seconds',
        default=2.0,
        min=0.0,
        max=600.0,
        help="""
Seconds that a request to Cinder may always take: one that is faster never
counts as slow, whatever ``slow_factor`` says.

Related options:

* ``slow_factor``
"""),
    cfg.FloatOpt(
        'host_probe_interval',
        default=10.0,
        min=1.0,
        max=3600.0,
        help="""
Seconds between two questions whether compute hosts that are down or silent
are back. No server is sent to them before.
"""),
    cfg.IntOpt(
        'exhausted_retry_interval',
        default=900,
        min=5,
        max=86400,
        help="""
Seconds between two tries of a server that has used up ``retry_attempts``.

Related options:

* ``retry_attempts``
"""),
]
