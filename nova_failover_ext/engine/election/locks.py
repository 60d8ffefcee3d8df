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

"""Which lock the engines of a cloud share, and who keeps it."""

import hashlib

from oslo_config import cfg
from oslo_log import log as logging
import sqlalchemy as sa
from sqlalchemy import exc as sa_exc
import tooz
from tooz import coordination
from tooz import locking

LOG = logging.getLogger(__name__)

#: What :func:`driver_name` returns for an engine without a lock.
ALONE = 'none'
#: Answers that may fail within leader_timeout before another may lead.
_ANSWERS = 4
#: How many times leader_timeout an idle session may be.
_IDLE = 3
_OURS = ('mysql', 'mariadb')


class CoordinatedLock(locking.Lock):
    """A lock of any driver of tooz, with what keeps it alive."""

    def __init__(self, reconciler: coordination.CoordinationDriver,
                 name: bytes) -> None:
        """Connect, and begin with the heartbeats.

        :param reconciler: of this lock alone; not started
        :param name: of the lock
        :raises tooz.ToozError: whoever keeps the lock cannot be reached
        """
        super().__init__(name)
        reconciler.start(start_heart=True)
        self._reconciler = reconciler
        self._lock = reconciler.get_lock(name)

    def acquire(self, blocking: bool = True, shared: bool = False,
                timeout: int | None = None) -> bool:
        """Take the lock; see :meth:`tooz.locking.Lock.acquire`."""
        return self._lock.acquire(blocking=blocking, shared=shared,
                                  timeout=timeout)

    def is_still_owner(self) -> bool:
        """Whether it is ours.

        :returns: what the driver says; of one that cannot say it, whether
            it could be prolonged (etcd), or was acquired (PostgreSQL)
        """
        try:
            return self._lock.is_still_owner()
        except tooz.NotImplemented:
            prolong = getattr(self._lock, 'heartbeat', None)
            return bool(prolong() if prolong else self._lock.acquired)

    def release(self) -> bool:
        """Give the lock back, and disconnect in any case."""
        try:
            return self._lock.release()
        finally:
            self._reconciler.stop()


def url_of(conf: cfg.ConfigOpts) -> str:
    """Return where the lock is kept; it may hold a password.

    :param conf: with the options of Nova and of this package
    """
    return (conf.failover_engine.coordination_url
            or conf.api_database.connection or '')


def driver_name(conf: cfg.ConfigOpts) -> str:
    """Return who keeps the lock, such as ``mysql``, or :data:`ALONE`.

    :param conf: with the options of Nova and of this package
    """
    if conf.failover_engine.coordination_url:
        return conf.failover_engine.coordination_url.partition(':')[0]
    url = _database(conf)
    if url is None or url.get_backend_name() not in _OURS:
        return ALONE
    return 'mysql'


def lock_name(conf: cfg.ConfigOpts) -> bytes:
    """Return the name of the lock, which only this cloud's engines share.

    A server of databases may serve several clouds, and so may an etcd.

    :param conf: with the options of Nova and of this package
    :returns: less than 64 characters
    """
    url = _database(conf)
    what = str(url.database) if url is not None else ''
    if url is not None and conf.failover_engine.coordination_url:
        what = f'{url.host}:{url.port}/{what}'
    digest = hashlib.sha256(what.encode()).hexdigest()
    return f'nova-failover-engine-{digest[:24]}'.encode()


def make_lock(conf: cfg.ConfigOpts, member: str) -> locking.Lock | None:
    """Make the lock whose holder is the acting engine; it is not acquired.

    :param conf: with the options of Nova and of this package
    :param member: what tells this engine from the others
    :returns: None where there is nobody to keep it, which is logged
    :raises tooz.ToozError: whoever keeps it cannot be reached
    """
    url = conf.failover_engine.coordination_url
    if url:
        return CoordinatedLock(
            coordination.get_coordinator(url, member.encode()),
            lock_name(conf))
    database = _database(conf)
    if database is None or driver_name(conf) == ALONE:
        _warn('[api_database] connection is neither MySQL nor MariaDB')
        return None
    try:
        from nova_failover_ext.engine.election import session_lock
    except ImportError:
        _warn('PyMySQL is not installed')
        return None
    timeout = conf.failover_engine.leader_timeout
    return session_lock.SessionLock(
        lock_name(conf), database, timeout // _ANSWERS, _IDLE * timeout)


def _warn(reason: str) -> None:
    LOG.warning('%s, and [failover_engine] coordination_url is not set: this '
                'engine acts as if there were no other', reason)


def _database(conf: cfg.ConfigOpts) -> sa.URL | None:
    options = conf.api_database
    try:
        url = sa.make_url(options.connection) if options.connection else None
    except sa_exc.ArgumentError:
        # Nova's services would not start with it, and its text has the
        # password in it.
        return None
    if url is not None and options.connection_parameters:
        url = url.update_query_string(options.connection_parameters,
                                      append=True)
    return url
