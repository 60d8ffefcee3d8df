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

"""Reads and writes what operators have excluded from recovery."""

import datetime
from typing import Any

from nova_failover_ext.api import exclusions
from nova_failover_ext.decisions import models
from nova_failover_ext.decisions import store


class ExclusionStore:
    """The exclusions in the database; nothing of it is kept in memory."""

    def __init__(self, database: store.Store) -> None:
        """Remember the database; nothing is connected to."""
        self._database = database

    def upgrade(self) -> None:
        """Bring the schema up to date, and create it at first.

        :raises DecisionsUnavailable: if the database cannot be used
        """
        self._database.upgrade()

    def read(self) -> list[exclusions.Exclusion]:
        """Return all exclusions, also those that have ended by themselves.

        A row that somebody has written by hand counts, whatever is in it:
        each is read by itself, so that one never hides the others.

        :raises DecisionsUnavailable: if they cannot be read
        """
        with self._database.reading() as session:
            keys = session.query(models.Exclusion.kind,
                                 models.Exclusion.target).all()
            return [one for kind, target in keys for one in _exclusions(
                session, exclusions.Kind(kind), target)]

    def save(self, exclusion: exclusions.Exclusion) -> None:
        """Write an exclusion, in place of an older one of the same.

        :raises DecisionsUnavailable: if it cannot be written
        """
        with self._database.writing() as session:
            session.merge(models.Exclusion(
                kind=exclusion.kind.value, target=exclusion.target,
                name=exclusion.name, reason=exclusion.reason,
                user=exclusion.user, host=exclusion.host,
                since=exclusion.since, until=exclusion.until))

    def delete(self, kind: exclusions.Kind, target: str) -> None:
        """Delete an exclusion, if there is one.

        :raises DecisionsUnavailable: if it cannot be deleted
        """
        with self._database.writing() as session:
            session.query(models.Exclusion).filter_by(
                kind=kind.value, target=target).delete()

    def purge(self, now: datetime.datetime) -> None:
        """Delete what has ended by itself.

        :param now: naive UTC
        :raises DecisionsUnavailable: if it cannot be deleted
        """
        with self._database.writing() as session:
            session.query(models.Exclusion).filter(
                models.Exclusion.until <= now).delete()


def _exclusions(session: Any, kind: exclusions.Kind,
                target: str) -> list[exclusions.Exclusion]:
    try:
        return [exclusions.Exclusion(
            kind, row.target, row.name, row.reason, row.user, row.host,
            row.since, row.until)
            for row in session.query(models.Exclusion).filter_by(
                kind=kind.value, target=target)]
    except ValueError as exc:
        # SQLite keeps any text as a time, and SQLAlchemy refuses to read it.
        return [exclusions.Exclusion(
            kind, target, target,
            'its row in the database cannot be read (%s)' % exc, 'unknown',
            'unknown', store.UNKNOWN_TIME)]
