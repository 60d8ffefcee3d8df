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

"""Tells in the log what each failover means, and how far it is.

A line for the beginning, one now and then while servers are recovered, and
one for the end; what became of each server is logged by the dispatcher.
"""

import collections
from collections.abc import Callable, Iterable
import dataclasses
import threading
import time

from cinder_failover_hooks import statuses
from oslo_log import log as logging

from nova_failover_ext.api import load as loads
from nova_failover_ext.api import wording
from nova_failover_ext.engine.notifier import observers
from nova_failover_ext.engine import work_items
from nova_failover_ext.recovery import results

LOG = logging.getLogger(__name__)

#: Seconds between two lines about the progress of a failover.
INTERVAL = 30.0


@dataclasses.dataclass
class _Round:
    """One backend's recovery.

    :ivar servers: how many were to be recovered when it began, or when all
        was read
    :ivar began: when that was, in seconds of the clock
    :ivar told: when a line was logged last
    :ivar outcomes: how the latest try of each server ended
    """

    servers: int
    began: float
    told: float
    outcomes: dict[str, results.Outcome] = dataclasses.field(
        default_factory=dict)


class LogObserver(observers.Observer):
    """Logs events of failovers at INFO."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Know of no failover.

        :param clock: tells seconds
        """
        self._clock = clock
        self._lock = threading.Lock()
        self._rounds: dict[str, _Round] = {}

    def began(self, backend: str, failover_id: str, target: str,
              servers: int) -> None:
        """Log how many servers are to be recovered."""
        now = self._clock()
        with self._lock:
            self._rounds[backend] = _Round(servers, now, now)
        LOG.info('Failover %(id)s: %(backend)s is on %(target)s, recovering '
                 '%(servers)s',
                 {'id': failover_id, 'backend': backend,
                  'target': statuses.called(target),
                  'servers': wording.count(servers, 'server')})

    def all_found(self, backend: str, failover_id: str, servers: int) -> None:
        """Log how many servers are to be recovered, if that is news."""
        with self._lock:
            known = self._rounds.get(backend)
            if known is None or known.servers == servers:
                return
            known.servers = servers
        LOG.info('Failover %(id)s: all of %(backend)s is read, recovering '
                 '%(servers)s in all',
                 {'id': failover_id, 'backend': backend,
                  'servers': wording.count(servers, 'server')})

    def ended(self, work: work_items.Work, result: results.ServerResult,
              load: loads.Load) -> None:
        """Log how far it is, if that was not logged lately."""
        for part in work.parts:
            with self._lock:
                line = self._progress(part.backend, result)
            if line:
                LOG.info('Failover %(id)s of %(backend)s: %(progress)s',
                         {'id': part.failover_id, 'backend': part.backend,
                          'progress': line})

    def _progress(self, backend: str, result: results.ServerResult) -> str:
        known, now = self._rounds.get(backend), self._clock()
        if known is None:
            return ''
        known.outcomes[result.server_id] = result.outcome
        if now - known.told < INTERVAL:
            return ''
        known.told = now
        return 'tried %d of %s after %d s: %s' % (
            len(known.outcomes),
            # A later scan may have found more than there were at first.
            wording.count(max(known.servers, len(known.outcomes)), 'server'),
            now - known.began, _counted(known.outcomes.values()))

    def retries_exhausted(self, backend: str, failover_id: str, server_id: str,
                          reason: str) -> None:
        """Log which server is left to the operator, and why."""
        LOG.warning('Failover %(id)s of %(backend)s: retries of server '
                    '%(server)s are exhausted: %(reason)s',
                    {'id': failover_id, 'backend': backend,
                     'server': server_id, 'reason': reason})

    def converged(self, backend: str, failover_id: str,
                  seconds: float, excluded: int = 0) -> None:
        """Log how it ended, and how long it took."""
        with self._lock:
            known = self._rounds.pop(backend, None)
        counts = _counted(known.outcomes.values()) if known else ''
        LOG.info('Failover %(id)s: every server of %(backend)s%(but)s has '
                 'converged after %(seconds).1f s%(counts)s',
                 {'id': failover_id, 'backend': backend, 'seconds': seconds,
                  'but': excluded and ' but %d excluded' % excluded or '',
                  'counts': counts and ': ' + counts})

    def superseded(self, backend: str, failover_id: str,
                   servers: int) -> None:
        """Log that it was left for a newer one."""
        with self._lock:
            self._rounds.pop(backend, None)
        LOG.info('Failover %(id)s of %(backend)s is superseded; not recovered '
                 'for it: %(servers)s',
                 {'id': failover_id, 'backend': backend,
                  'servers': wording.count(servers, 'server')})


def _counted(outcomes: Iterable[results.Outcome]) -> str:
    counts = collections.Counter(outcomes)
    return ', '.join('%d %s' % (counts[one], one.value)
                     for one in results.Outcome if counts[one])
