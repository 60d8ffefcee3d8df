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

"""A lock of MySQL or MariaDB that knows whether it is still held.

tooz's own goes on believing that it is held when its connection is lost,
waits without end for a server that does not answer, and takes a password
with percent signs as it stands in the URL. Read in tooz 9.1.0.

Imported only where it is used: PyMySQL need not be there otherwise.
"""

from typing import Any

import pymysql
import sqlalchemy as sa
import tooz
from tooz.drivers import mysql
from tooz import locking


class SessionLock(mysql.MySQLLock):
    """Held by a session of its own, and gone with that session."""

    def __init__(self, name: bytes, url: sa.URL, timeout: int,
                 idle: int) -> None:
        """Remember where the server is; nothing connects yet.

        :param name: of the lock, at most 64 characters; a server has one
            space of names for all its databases
        :param url: as ``[api_database] connection`` has it
        :param timeout: seconds that the server may take for an answer
        :param idle: seconds without a question after which the server ends
            the session, as that of a host which has lost its power
        """
        # Not MySQLLock's: the connection that it makes has no time-outs.
        locking.Lock.__init__(self, name)
        self.acquired = False
        self._conn = pymysql.Connect(
            **_arguments(url), connect_timeout=timeout, read_timeout=timeout,
            write_timeout=timeout, autocommit=True, defer_connect=True,
            init_command=f'SET SESSION wait_timeout = {idle}')

    def is_still_owner(self) -> bool:
        """Ask the server whether this session holds the lock.

        :returns: False where it does not say so, whatever the reason
        """
        if not self.acquired:
            return False
        try:
            with self._conn.cursor() as cursor:
                cursor.execute('SELECT IS_USED_LOCK(%s) = CONNECTION_ID()',
                               (self.name,))
                row = cursor.fetchone()
        except pymysql.MySQLError:
            self._let_go()
            return False
        return bool(row and row[0])

    def release(self) -> bool:
        """Give the lock back, and end the session in any case.

        :returns: whether the server has confirmed it
        """
        try:
            return super().release()
        except tooz.ToozError:
            return False
        finally:
            self._let_go()

    def _let_go(self) -> None:
        # A session ends with its connection, and the lock with the session.
        self.acquired = False
        if self._conn.open:
            self._conn.close()


def _arguments(url: sa.URL) -> dict[str, Any]:
    """What PyMySQL needs for a URL of SQLAlchemy, whatever its driver.

    SQLAlchemy decodes the password, and knows the options of TLS.
    """
    url = url.set(drivername='mysql+pymysql').difference_update_query(
        ['connect_timeout', 'read_timeout', 'write_timeout', 'init_command',
         'autocommit'])
    _nothing, arguments = url.get_dialect()().create_connect_args(url)
    return dict(arguments)
