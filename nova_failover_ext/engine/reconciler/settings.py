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


"""How the coordinator paces itself, in seconds and counts."""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """What :class:`.reconciler.Reconciler` takes from the configuration.

    :ivar attempts: tries of one server until it is out of retries
    :ivar exhausted_retry_interval: between two tries of a server that is given
        up
    :ivar gate_timeout: how long a closed gate is scanned often
    :ivar reconcile_interval: between two lists of the services of all backends
    :ivar full_scan_interval: between two full scans of a backend with nothing
        left to do
    :ivar probe_interval: between two questions after hosts that are down
    :ivar ping_timeout: how long a silent host may take to answer
    :ivar patience: how long a host that was cut off, and has the server's
        task state set, is waited for before it is asked again
    :ivar automatic: whether servers are recovered without being asked to
    :ivar barrier: whether less urgent servers wait for the end of the more
        urgent ones
    :ivar service_scan_interval: between two scans of the services of a backend
        that is being recovered
    """

    attempts: int = 20
    exhausted_retry_interval: float = 900.0
    gate_timeout: float = 300.0
    reconcile_interval: float = 10.0
    full_scan_interval: float = 3600.0
    probe_interval: float = 10.0
    ping_timeout: float = 10.0
    patience: float = 90.0
    automatic: bool = True
    barrier: bool = False
    service_scan_interval: float = 5.0
