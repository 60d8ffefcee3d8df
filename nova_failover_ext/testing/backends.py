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

"""Cinder's volume services and the sites that they use."""

from collections.abc import Iterable
import dataclasses
from typing import Any

#: The host part of all backends.
HOST = 'cinder'
#: What an operator fails back to.
FAILBACK = 'default'


@dataclasses.dataclass
class Service:
    """A cinder-volume service, as GET /os-services shows it to an admin.

    A test may change any of it, or add members to a cluster.

    :ivar host: ``host@backend``
    :ivar cluster: name of its cluster, if it is in one
    :ivar state: up or down
    :ivar status: enabled or disabled
    :ivar active_backend_id: the replication target; None or empty for the
        primary
    """

    host: str
    cluster: str | None = None
    state: str = 'up'
    status: str = 'enabled'
    disabled_reason: str | None = None
    replication_status: str = 'enabled'
    active_backend_id: str | None = None
    frozen: bool = False
    binary: str = 'cinder-volume'
    zone: str = 'nova'

    def show(self, with_cluster: bool) -> dict[str, Any]:
        """Return the API's view.

        :param with_cluster: as from microversion 3.7 on
        """
        shown = dataclasses.asdict(self)
        if not with_cluster:
            shown.pop('cluster')
        return shown


class Backends:
    """The backends ``cinder@repl``, which fails over, and ``cinder@plain``.

    :ivar services: their services
    :ivar primary: name of the site that ``cinder@repl`` uses at first
    """

    def __init__(self, primary: str = 'primary') -> None:
        """Make one service for each backend.

        :param primary: name of the site where replicated volumes are at home
        """
        self.primary = primary
        self.services = [
            Service(f'{HOST}@repl'),
            Service(f'{HOST}@plain', replication_status='disabled')]

    def of(self, backend: str) -> list[Service]:
        """Return the services of a backend and of its cluster.

        :param backend: such as repl, or ``host@backend`` of a member
        """
        host = backend if '@' in backend else f'{HOST}@{backend}'
        mine = [each for each in self.services if each.host == host]
        clusters = {each.cluster for each in mine} - {None}
        return [each for each in self.services
                if each in mine or each.cluster in clusters]

    def site(self, backend: str = 'repl') -> str:
        """Return the site that a backend uses.

        :param backend: such as repl
        """
        members = self.of(backend)
        up = next((each for each in members if each.state == 'up'), None)
        active = (up or members[0]).active_backend_id if members else None
        if active:
            return active
        return self.primary if backend == 'repl' else backend

    def failed_over(self, services: Iterable[Service],
                    backend_id: str) -> None:
        """Write down that services have failed over, or failed back.

        :param services: all members of one backend
        :param backend_id: the target, or :data:`FAILBACK`
        """
        home = backend_id == FAILBACK
        for each in services:
            each.active_backend_id = '' if home else backend_id
            each.replication_status = 'enabled' if home else 'failed-over'
            each.status = 'enabled' if home else 'disabled'
            each.disabled_reason = '' if home else 'failed-over'
