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

"""Are the compute hosts with replicated volumes extended and there?"""

from collections.abc import Callable, Mapping
from typing import Any

import futurist
from nova import exception as nova_exception
from oslo_db import exception as db_exception
import oslo_messaging as messaging

from nova_failover_ext.cli.checks import findings

HOST = 'compute host'
#: Hosts that are asked at the same time.
WORKERS = 32

_UNEXTENDED = ('UnsupportedVersion', 'NoSuchMethod')

#: Asks a host: uuid of the cell, name of the host, seconds.
Ping = Callable[[str, str, float], Mapping[str, Any]]


def inspect(hosts: Mapping[tuple[str, str], bool], ping: Ping,
         timeout: float) -> list[findings.Finding]:
    """Ask hosts whether they can recover servers.

    :param hosts: whether the compute service is up, by cell and host
    :param ping: see ``engine.compute_client.ComputeClient.ping``
    :param timeout: seconds to wait for each
    """
    def asked(place: tuple[str, str]) -> findings.Finding:
        cell, host = place
        return (_asked(cell, host, ping, timeout) if hosts[place]
                else _down(host))

    executor = futurist.ThreadPoolExecutor(WORKERS)
    try:
        return list(executor.map(asked, sorted(
            hosts, key=lambda place: (place[1], place[0]))))
    finally:
        # Everything is answered; its threads would take a second to notice.
        executor.shutdown(wait=False)


def _down(host: str) -> findings.Finding:
    return findings.warning(HOST, host, 'nova-compute is down: its servers '
                            'are recovered once it is back')


def _asked(cell: str, host: str, ping: Ping,
           timeout: float) -> findings.Finding:
    try:
        said = ping(cell, host, timeout)
    except messaging.MessagingTimeout:
        return findings.failure(
            HOST, host, 'silent: no answer within %g seconds' % timeout)
    except (messaging.MessagingException, nova_exception.NovaException,
            db_exception.DBError) as exc:
        return findings.failure(HOST, host, _refused(exc))
    return findings.good(HOST, host, 'extended, RPC %s' % said['version'])


def _refused(error: Exception) -> str:
    kinds = {type(error).__name__, getattr(error, 'exc_type', '')}
    if kinds & set(_UNEXTENDED):
        return ('not extended: start nova-compute-failover there instead of '
                'nova-compute')
    return 'it cannot be asked (%s)' % type(error).__name__
