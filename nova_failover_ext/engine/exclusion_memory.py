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

"""What operators have excluded, as the acting engine knows it at present.

The database is the memory of all engines. A copy is kept here, so that no scan
waits for a database.
"""

from collections.abc import Callable, Iterable
import dataclasses
import datetime
import threading
import time
from typing import Any, Protocol

from oslo_log import log as logging
from oslo_utils import timeutils

from nova_failover_ext.api import exclusions
from nova_failover_ext.engine import database_copy
from nova_failover_ext.engine import model
from nova_failover_ext.engine import work_items
from nova_failover_ext import exception

LOG = logging.getLogger(__name__)


class Store(Protocol):
    """See :class:`nova_failover_ext.decisions.exclusion_store`."""

    def upgrade(self) -> None:
        """Bring the schema up to date."""

    def read(self) -> list[exclusions.Exclusion]:
        """Return all exclusions."""

    def save(self, exclusion: exclusions.Exclusion) -> None:
        """Write an exclusion."""

    def delete(self, kind: exclusions.Kind, target: str) -> None:
        """Delete an exclusion."""

    def purge(self, now: datetime.datetime) -> None:
        """Delete what has ended by itself."""


class ExclusionMemory:
    """The exclusions in effect; each method may be called in any thread."""

    def __init__(self, store: Store,
                 host_groups: Callable[[], model.HostGroups],
                 clock: Callable[[], float] = time.monotonic,
                 now: Callable[[], datetime.datetime] = timeutils.utcnow
                 ) -> None:
        """Know of none.

        :param store: the database
        :param host_groups: reads which hosts aggregates and zones have
        :param clock: seconds, never going back
        :param now: naive UTC
        """
        self._store = store
        self._host_groups = host_groups
        self._copy = database_copy.DatabaseCopy(
            store.upgrade, self._synchronize, self._describe, clock)
        self._now = now
        #: never changed in place: it is read without a lock
        self._current = exclusions.Exclusions()
        self._reported = self._current
        self._lock = threading.Lock()

    @property
    def current(self) -> exclusions.Exclusions:
        """Those in effect."""
        return self._current

    def lead(self) -> None:
        """Begin to act: what was known may be outdated."""
        self._copy.lead()

    def unread(self) -> bool:
        """Return whether nothing may start before the databases are read."""
        return self._copy.unread()

    def covers(self, work: work_items.Work) -> bool:
        """Return whether a server is excluded; none is left half done."""
        return not work.begun and self._current.covering(
            work.server_id, work.project_id, work.host) is not None

    def exclude(self, exclusion: exclusions.Exclusion) -> dict[str, Any]:
        """Exclude servers.

        :returns: see :meth:`report`
        :raises AlreadyExcluded: if just that is excluded already
        :raises DecisionsUnavailable: if it cannot be saved
        :raises DatabaseUnavailable: if the hosts of an aggregate or zone
            cannot be read
        """
        with self._lock:
            self._copy.ensure_read()
            self._copy.refuse_unread()
            older = self._current.get(exclusion.key)
            if older:
                raise exception.AlreadyExcluded(exclusion=str(older))
            added = self._resolved([exclusion])
            self._store.save(exclusion)
            self._current = exclusions.Exclusions(
                [*self._current.all(), *added])
        LOG.info('%s', exclusion)
        return self.report()

    def include(self, kind: exclusions.Kind, text: str,
                who: str) -> dict[str, Any]:
        """End an exclusion.

        :param text: target or name of what is excluded
        :param who: ends it, as USER@HOST
        :returns: see :meth:`report`
        :raises NotExcluded: if just that is not excluded
        :raises DecisionsUnavailable: if that cannot be saved
        """
        with self._lock:
            self._copy.ensure_read()
            self._copy.refuse_unread()
            older = self._current.named(kind, text)
            if older is None:
                raise exception.NotExcluded(
                    subject='%s %s' % (kind.words, text), excluded=', '.join(
                        one.subject for one in self._current.all())
                    or 'nothing')
            self._store.delete(*older.key)
            self._current = exclusions.Exclusions(
                one for one in self._current.all() if one is not older)
        LOG.info('The exclusion of %s is ended by %s; it was excluded by %s '
                 'since %s: %s', older.subject, who, older.who, older.when,
                 older.reason)
        return self.report()

    def report(self) -> dict[str, Any]:
        """Return what is excluded as plain data for the bus.

        :returns: ``exclusions``, see
            :meth:`.api.exclusions.Exclusion.to_primitive`
        """
        return {'exclusions': [one.to_primitive()
                               for one in self._current.all()]}

    def refresh(self, leading: bool) -> bool:
        """Read the databases if that is due, and end what is over.

        :param leading: whether this engine acts; only then it writes
        :returns: whether something else is excluded than at the last call
        """
        with self._lock:
            self._end(leading)
            self._copy.refresh(leading)
            changed = self._reported != self._current
            self._reported = self._current
        return changed

    def _synchronize(self, leading: bool) -> None:
        now, found = self._now(), self._store.read()
        lasting = [one for one in found if not one.over(now)]
        self._current = exclusions.Exclusions(self._resolved(lasting))
        if leading and len(lasting) < len(found):
            self._store.purge(now)

    def _describe(self) -> str:
        return '; '.join(map(str, self._current.all())) or (
            'nothing is excluded')

    def _resolved(self, found: Iterable[exclusions.Exclusion]
                  ) -> list[exclusions.Exclusion]:
        found = list(found)
        if not any(one.kind in exclusions.HOST_GROUPS for one in found):
            return found
        groups = self._host_groups()
        return [dataclasses.replace(one, hosts=_hosts(one, groups))
                for one in found]

    def _end(self, leading: bool) -> None:
        now = self._now()
        over = [one for one in self._current.all() if one.over(now)]
        if not over:
            return
        self._current = exclusions.Exclusions(
            one for one in self._current.all() if one not in over)
        for one in over if leading else ():
            LOG.info('The exclusion of %s has ended at %s', one.subject,
                     one.end)


def _hosts(exclusion: exclusions.Exclusion,
           groups: model.HostGroups) -> frozenset[str]:
    if exclusion.kind is exclusions.Kind.ZONE:
        return groups.zones.get(exclusion.target, frozenset())
    if exclusion.kind is exclusions.Kind.AGGREGATE:
        known = groups.aggregate(exclusion.target)
        return known.hosts if known else frozenset()
    return frozenset()
