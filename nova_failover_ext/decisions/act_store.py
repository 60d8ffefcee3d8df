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

"""Reads and writes what operators have done."""

from collections.abc import Iterable
import datetime

from nova_failover_ext.api import acts
from nova_failover_ext.decisions import models
from nova_failover_ext.decisions import store
from nova_failover_ext import exception


class ActStore:
    """The acts in the database; nothing of it is kept in memory."""

    def __init__(self, database: store.Store) -> None:
        """Remember the database; nothing is connected to."""
        self._database = database

    def upgrade(self) -> None:
        """Bring the schema up to date, and create it at first.

        :raises DecisionsUnavailable: if the database cannot be used
        """
        self._database.upgrade()

    def save(self, found: Iterable[acts.Act],
             oldest: datetime.datetime) -> None:
        """Write acts, all or none; one that is there already stays one.

        :param oldest: what is older is deleted, naive UTC
        :raises DecisionsUnavailable: if they cannot be written
        """
        with self._database.writing() as session:
            for act in found:
                session.merge(models.Act(
                    key=act.key, since=act.since, what=act.what,
                    subject=act.subject, who=act.who, reason=act.reason))
            session.query(models.Act).filter(
                models.Act.since < oldest).delete()

    def read(self, since: datetime.datetime) -> list[acts.Act]:
        """Return the latest acts, the latest first.

        :param since: leave out what is older, naive UTC
        :returns: :data:`.acts.MOST_ACTS` of them at most
        :raises DecisionsUnavailable: if they cannot be read
        """
        try:
            with self._database.reading() as session:
                return [acts.Act(row.what, row.subject, row.who, row.reason,
                                 row.since, row.key)
                        for row in session.query(models.Act).filter(
                            models.Act.since >= since).order_by(
                                models.Act.since.desc(), models.Act.key
                        ).limit(acts.MOST_ACTS)]
        except ValueError as exc:
            # SQLite keeps any text as a time, and SQLAlchemy refuses to read
            # what somebody has written by hand.
            raise exception.DecisionsUnavailable(reason=str(exc)) from exc
