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

"""Reads and writes what is decided, by operators and the engine."""

from collections.abc import Iterator
import contextlib
import datetime
import threading
from typing import Any

from alembic import util as alembic_util
from oslo_config import cfg
from oslo_db import exception as db_exception
from oslo_db.sqlalchemy import enginefacade
import sqlalchemy as sa

from nova_failover_ext.api import canaries as records
from nova_failover_ext.api import pauses
from nova_failover_ext.decisions import canary_rows
from nova_failover_ext.decisions import models
from nova_failover_ext.decisions import schema
from nova_failover_ext import exception
from nova_failover_ext.recovery import masking

#: Seconds to wait for a server of the database, by the parameter of PyMySQL
#: and mysqlclient.
_MYSQL_PATIENCE = {'connect_timeout': 5, 'read_timeout': 10,
                   'write_timeout': 10}
#: Stands for a time that cannot be read.
UNKNOWN_TIME = datetime.datetime(1970, 1, 1)  # noqa: DTZ001
_ERRORS = (alembic_util.CommandError, db_exception.DBError,
           db_exception.CantStartEngineError, sa.exc.SQLAlchemyError,
           ImportError, OSError)


@enginefacade.transaction_context_provider
class _Context:
    """What enginefacade keeps a session in."""


class Store:
    """The database of decisions; nothing of it is kept in memory."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        """Remember where it is; nothing is connected to.

        :param conf: with the options of this package
        """
        self._conf = conf
        self._manager: Any = None
        # What alembic works with is global.
        self._upgrading = threading.Lock()

    def upgrade(self) -> None:
        """Bring the schema up to date, and create it at first.

        :raises DecisionsUnavailable: if the database cannot be used
        """
        with self._upgrading, _one_sentence():
            schema.upgrade(self._facade().writer.get_engine())

    @contextlib.contextmanager
    def reading(self) -> Iterator[Any]:
        """Provide a session that reads.

        :raises DecisionsUnavailable: if the database cannot be used
        """
        with (_one_sentence(),
              self._facade().reader.using(_Context()) as session):
            yield session

    @contextlib.contextmanager
    def writing(self) -> Iterator[Any]:
        """Provide a session that writes, all of it or nothing.

        :raises DecisionsUnavailable: if the database cannot be used
        """
        with (_one_sentence(),
              self._facade().writer.using(_Context()) as session):
            yield session

    def read(self) -> list[pauses.Pause]:
        """Return the pauses that are in effect.

        A row that somebody has written by hand counts, whatever is in it:
        each is read by itself, so that one never hides the others.

        :raises DecisionsUnavailable: if they cannot be read
        """
        with self.reading() as session:
            return [pause for (backend,)
                    in session.query(models.Pause.backend).all()
                    for pause in _pauses(session, backend)]

    def save(self, pause: pauses.Pause) -> None:
        """Write a pause, in place of an older one of the same backend.

        :raises DecisionsUnavailable: if it cannot be written
        """
        with self.writing() as session:
            session.merge(models.Pause(
                backend=pause.backend, reason=pause.reason, user=pause.user,
                host=pause.host, since=pause.since))

    def delete(self, backend: str) -> None:
        """Delete the pause of a backend, if there is one.

        :raises DecisionsUnavailable: if it cannot be deleted
        """
        with self.writing() as session:
            session.query(models.Pause).filter_by(backend=backend).delete()

    def read_canaries(self) -> list[records.Canaries]:
        """Return the canary servers of each backend.

        A row that makes no sense is left out.

        :raises DecisionsUnavailable: if they cannot be read
        """
        with self.reading() as session:
            found = [canary_rows.read_row(row)
                     for row in session.query(models.Canaries)]
        return [canaries for canaries in found if canaries]

    def save_canaries(self, canaries: records.Canaries) -> None:
        """Write those of a backend, in place of older ones.

        :raises DecisionsUnavailable: if they cannot be written
        """
        with self.writing() as session:
            session.merge(canary_rows.make_row(canaries))

    def _facade(self) -> Any:
        if self._manager is None:
            connection = self._conf.failover_engine.connection
            manager = enginefacade.transaction_context()
            # Who asks comes back soon, and may not be kept waiting; a trial
            # connection of oslo.db would log each failure once more.
            manager.configure(connection=_bounded(connection), max_retries=0)
            self._manager = manager
        return self._manager


def _pauses(session: Any, backend: str) -> list[pauses.Pause]:
    try:
        return [pauses.Pause(row.backend, row.reason, row.user, row.host,
                             row.since)
                for row in session.query(models.Pause).filter_by(
                    backend=backend)]
    except ValueError as exc:
        # SQLite keeps any text as a time, and SQLAlchemy refuses to read it.
        return [pauses.Pause(
            backend, 'its row in the database cannot be read (%s); to end it, '
            'run "nova-failover resume %s"' % (exc, backend),
            'unknown', 'unknown', UNKNOWN_TIME)]


def _bounded(connection: str) -> str:
    url = sa.engine.make_url(connection)
    if url.get_backend_name() != 'mysql':
        return connection
    return url.update_query_dict(
        {name: str(seconds) for name, seconds in _MYSQL_PATIENCE.items()
         if name not in url.query}).render_as_string(hide_password=False)


@contextlib.contextmanager
def _one_sentence() -> Iterator[None]:
    try:
        yield
    except _ERRORS as exc:
        raise exception.DecisionsUnavailable(reason=_reason(exc)) from exc


def _reason(error: Exception) -> str:
    if isinstance(error, sa.exc.ArgumentError):
        # Its text may hold the URL, and that the password.
        return ('[failover_engine] connection makes no sense (%s)'
                % type(error).__name__)
    return masking.first_line(error)
