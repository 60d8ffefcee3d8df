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

"""A volume driver without storage, whose failover does as a test says."""

import threading
from typing import Any

from cinder.tests import fake_driver
import fixtures

#: What the driver may be told to raise or return.
PRIMARY = 'default'


class Script:
    """What the next failovers do; one for the process.

    The driver is made by the volume service from its path, so that a test
    has no other way to reach it.
    """

    def __init__(self) -> None:
        self.error: Exception | None = None
        #: volume id to the model updates that the driver returns for it
        self.updates: dict[str, dict[str, Any]] = {}
        #: the driver waits for it
        self.gate = threading.Event()
        self.gate.set()
        #: calls: the name of the method and the target
        self.calls: list[tuple[str, str | None]] = []


SCRIPT = Script()


class ScriptFixture(fixtures.Fixture):
    """Gives a test a script of its own."""

    def _setUp(self) -> None:
        SCRIPT.__init__()
        self.addCleanup(SCRIPT.gate.set)


class ScriptedDriver(fake_driver.FakeLoggingVolumeDriver):
    """Replicates volumes whose type says so, and fails over by script."""

    SUPPORTS_ACTIVE_ACTIVE = True

    def create_volume(self, volume: Any) -> dict[str, Any]:
        """Say whether the volume is replicated."""
        super().create_volume(volume)
        specs = volume.volume_type.extra_specs if volume.volume_type else {}
        replicated = specs.get('replication_enabled') == '<is> True'
        return {'replication_status':
                'enabled' if replicated else 'disabled'}

    def initialize_connection(self, volume: Any,
                              connector: Any) -> dict[str, Any]:
        """Return a connection with a secret in it."""
        return {'driver_volume_type': 'iscsi',
                'data': {'auth_password': 'canary', 'access_mode': 'rw'}}

    def _update_volume_stats(self) -> None:
        super()._update_volume_stats()
        self._stats['replication_enabled'] = True

    def failover_host(self, context: Any, volumes: Any,
                      secondary_id: str | None = None,
                      groups: Any = None) -> tuple[Any, Any, Any]:
        """Fail over as the script says."""
        SCRIPT.calls.append(('failover_host', secondary_id))
        SCRIPT.gate.wait()
        if SCRIPT.error:
            raise SCRIPT.error
        target = '' if secondary_id == PRIMARY else secondary_id or 'site-b'
        return target, [
            {'volume_id': volume.id,
             'updates': SCRIPT.updates.get(volume.id, {})}
            for volume in volumes], []

    def failover(self, *args: Any, **kwargs: Any) -> tuple[Any, Any, Any]:
        """Fail over as the script says, in a cluster."""
        return self.failover_host(*args, **kwargs)

    def failover_completed(self, context: Any,
                           active_backend_id: str | None = None) -> None:
        """Follow the leader of the cluster."""
        SCRIPT.calls.append(('failover_completed', active_backend_id))
