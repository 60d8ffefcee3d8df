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

"""Reads backends and volumes from Cinder with nova.conf's credentials.

Upstream relied on, read in Nova 31 to 34: ``nova.volume.cinder.cinderclient``
with an admin context without a token uses the ``[cinder]`` credentials.
Read in Cinder 26 to 29: for an admin, ``host=`` in a volume list matches a
backend with all its pools (``cinder.db``: ``_filter_host``), and the list of
services shows replication to admins, the cluster from microversion 3.7 on;
a volume shows its group from 3.13 on; ``capabilities`` of a host are what
its driver said of itself when it started, asked by a call to cinder-volume,
whether the service is enabled or not.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
import datetime
import math
import sys
import threading
import time
from typing import Any

from cinderclient import exceptions as cinder_exception
from keystoneauth1 import exceptions as ks_exception
import nova.conf
import nova.context
from nova import exception as nova_exception
from nova.volume import cinder as nova_cinder
from oslo_log import log as logging
import tenacity

from nova_failover_ext.engine import model
from nova_failover_ext.engine.planner import driver_rules
from nova_failover_ext import exception
from nova_failover_ext.recovery import masking

#: The first microversion that lists attachments. From 3.7 on, clusters of
#: services are shown, from 3.13 on groups of volumes.
MICROVERSION = '3.27'

#: Seconds for which it is remembered what a driver says of itself, and that
#: it could not be asked.
EXPECTED_FOR = 3600.0
UNKNOWN_FOR = 300.0

#: Answers that another request may not get: too many requests, or an error of
#: Cinder or of what stands before it. A scan has hundreds of requests; one of
#: them must not be the end of it.
PASSING = (413, 429, 500, 502, 503, 504)
#: Seconds to wait at most before such a request is repeated. keystoneauth can
#: repeat, too, and obeys any Retry-After: a proxy that says an hour would keep
#: a failover from being seen for as long.
LONGEST_WAIT = 10.0

#: Where a volume is, ``host@backend#pool``, as it is shown to an admin.
_HOST = 'os-vol-host-attr:host'

LOG = logging.getLogger(__name__)

_ERRORS = (cinder_exception.ClientException, ks_exception.ClientException,
           nova_exception.CinderAPIVersionNotAvailable,
           nova_exception.UnsupportedCinderAPIVersion)
_ADVICE = (
    ((cinder_exception.Unauthorized, ks_exception.Unauthorized,
      ks_exception.AuthPluginException),
     'authentication failed, check the credentials in [cinder] of nova.conf'),
    ((cinder_exception.Forbidden, ks_exception.Forbidden),
     'the credentials in [cinder] of nova.conf need the admin role'),
)


def admin_client() -> Any:
    """Return a cinderclient with the ``[cinder]`` credentials.

    :raises CinderUnavailable: if Keystone or Cinder does not let us in
    """
    with _translated():
        return nova_cinder.cinderclient(
            nova.context.get_admin_context(), microversion=MICROVERSION)


def _ignore(_volumes: dict[str, model.Volume]) -> None:
    pass


class CinderReader:
    """What Cinder's records say of backends and volumes."""

    def __init__(self, page_size: int,
                 client: Callable[[], Any] = admin_client,
                 named: Mapping[str, str] | None = None,
                 clock: Callable[[], float] = time.monotonic) -> None:
        """Remember how to reach Cinder; nothing is asked yet.

        :param page_size: volumes per request
        :param client: makes the client for each read
        :param named: the driver of backends as an operator tells it, by name
            of the backend; what is not there is asked of Cinder
        :param clock: seconds, never going back
        """
        self._client = client
        self._page_size = page_size
        self._named = dict(named or {})
        self._clock = clock
        self._own = threading.local()
        #: expectation and when it is asked for again, by backend
        self._expected: dict[str, tuple[driver_rules.Expectation, float]] = {}

    @property
    def spent(self) -> dict[str, int]:
        """The requests that the calling thread has made to Cinder so far."""
        return {'cinder': getattr(self._own, 'requests', 0)}

    @property
    def waited(self) -> float:
        """Seconds that the calling thread has waited for Cinder so far."""
        return float(getattr(self._own, 'seconds', 0.0))

    def backends(self) -> list[model.Backend]:
        """Return every volume backend, one per cluster.

        :raises CinderUnavailable: if Cinder cannot be asked
        """
        groups: dict[str, list[model.Member]] = {}
        for member in self._members():
            key = member.cluster or member.host
            groups.setdefault(key, []).append(member)
        return [model.Backend(members[0].host, tuple(members))
                for members in groups.values()]

    def backend(self, name: str) -> model.Backend:
        """Return one backend.

        :param name: ``host@backend`` of any member, or the cluster's name
        :raises BackendNotFound: if Cinder has none of that name
        :raises CinderUnavailable: if Cinder cannot be asked
        """
        backends = self.backends()
        for backend in backends:
            names = {m.host for m in backend.members}
            if name in names or name == backend.members[0].cluster:
                return backend
        raise exception.BackendNotFound(
            backend=name,
            known=', '.join(sorted(b.name for b in backends)) or 'none')

    def volumes(self, backend: model.Backend,
                on_page: Callable[[dict[str, model.Volume]], None] = _ignore
                ) -> dict[str, model.Volume]:
        """Return the backend's volumes by id.

        :param on_page: called after each page with all that was read so far;
            what it raises ends the reading
        :raises CinderUnavailable: if Cinder cannot be asked
        """
        found: dict[str, model.Volume] = {}
        with _translated():
            client = self._client()
            for member in backend.members:
                for page in self._pages(client.volumes.list,
                                        host=member.host):
                    found.update((one.id, _volume(one)) for one in page)
                    on_page(found)
        return found

    def volumes_named(self, backend: model.Backend,
                      ids: Iterable[str]) -> dict[str, model.Volume]:
        """Return those of some volumes that are on a backend, by id.

        Each volume is a request, so these should be few.

        :raises CinderUnavailable: if Cinder cannot be asked
        """
        hosts = {member.host for member in backend.members}
        with _translated():
            client = self._client()
            shown = [self._show(client, one) for one in ids]
        return {one.id: _volume(one) for one in shown
                if one is not None and getattr(
                    one, _HOST, '').partition('#')[0] in hosts}

    def _show(self, client: Any, volume_id: str) -> Any:
        try:
            return self._timed(client.volumes.get, volume_id=volume_id)
        except cinder_exception.NotFound:
            return None

    def attachments(self) -> list[model.CinderAttachment]:
        """Return all attachments to servers, of all backends.

        :raises CinderUnavailable: if Cinder cannot be asked
        """
        with _translated():
            return [_attachment(found) for page in
                    self._pages(self._client().attachments.list)
                    for found in page if found.instance]

    def attachments_of(self, volume_ids: Iterable[str]
                       ) -> list[model.CinderAttachment]:
        """Return all attachments of some volumes to servers.

        It is a request for each volume.

        :raises CinderUnavailable: if Cinder cannot be asked
        """
        with _translated():
            client = self._client()
            return [_attachment(found) for volume_id in volume_ids
                    for found in self._timed(
                        client.attachments.list,
                        search_opts={'all_tenants': 1,
                                     'volume_id': volume_id})
                    if found.instance]

    def expectation(self, backend: model.Backend) -> driver_rules.Expectation:
        """Tell what to expect of a backend's driver.

        Cinder asks the backend's cinder-volume; nobody's recovery depends on
        the answer, so whatever goes wrong is the same as not to know.
        """
        named = self._named.get(backend.name)
        if named is not None:
            return driver_rules.recognise(None, None, named)
        known, until = self._expected.get(backend.name,
                                          (driver_rules.UNKNOWN, -math.inf))
        if self._clock() < until:
            return known
        live = next((m.host for m in backend.members if m.up), None)
        if live is None:
            return known
        found = self._ask_driver(live)
        self._expected[backend.name] = (found or known, self._clock() + (
            EXPECTED_FOR if found else UNKNOWN_FOR))
        return found or known

    def _ask_driver(self, host: str) -> driver_rules.Expectation | None:
        try:
            with _translated():
                found = self._timed_once(self._client().capabilities.get,
                                         host=host)
        except exception.CinderUnavailable as exc:
            LOG.debug('The driver of %s is not known: %s', host, exc)
            return None
        except Exception as exc:  # noqa: BLE001
            # No scan may fail for lack of what nobody waits for.
            LOG.debug('The driver of %s is not known: %s', host,
                      type(exc).__name__)
            return None
        return driver_rules.recognise(getattr(found, 'vendor_name', None),
                                      getattr(found, 'storage_protocol', None))

    def _members(self) -> list[model.Member]:
        with _translated():
            services = self._timed(
                self._client().services.list, binary='cinder-volume')
        if services and not hasattr(services[0], 'replication_status'):
            raise exception.CinderUnavailable(
                reason='it does not show replication to these credentials')
        return [_member(service) for service in services]

    def _pages(self, list_page: Callable[..., Any],
               **filters: str) -> Iterator[list[Any]]:
        marker = None
        while page := self._timed(
                list_page, search_opts={'all_tenants': 1, **filters},
                limit=self._page_size, marker=marker):
            yield page
            marker = page[-1].id

    def _timed(self, call: Callable[..., Any], **values: Any) -> Any:
        # Nova has its client repeat what found no connection, and no more.
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception(_passes), wait=_wait,
            stop=tenacity.stop_after_attempt(
                1 + nova.conf.CONF.cinder.http_retries),
            reraise=True)(self._timed_once, call, **values)

    def _timed_once(self, call: Callable[..., Any], **values: Any) -> Any:
        began = self._clock()
        try:
            return call(**values)
        finally:
            spent = self._own
            spent.requests = getattr(spent, 'requests', 0) + 1
            spent.seconds = (getattr(spent, 'seconds', 0.0)
                             + self._clock() - began)


def _passes(error: BaseException) -> bool:
    return (isinstance(error, cinder_exception.ClientException)
            and error.code in PASSING)


def _wait(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    # Cinder's client tells of Retry-After with 413 only.
    asked = getattr(error, 'retry_after', 0)
    backoff = 0.5 * 2 ** (state.attempt_number - 1)
    return float(min(LONGEST_WAIT, asked if asked > 0 else backoff))


class _translated:
    """Turn what the clients raise into one sentence without secrets."""

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, kind: type[BaseException] | None,
                 error: BaseException | None, _traceback: object) -> None:
        """Raise CinderUnavailable for what the clients raise."""
        if isinstance(error, _ERRORS):
            raise exception.CinderUnavailable(
                reason=_reason(error)) from error


def _reason(error: BaseException) -> str:
    for kinds, advice in _ADVICE:
        if isinstance(error, kinds):
            return advice
    # What follows in a connection error says the same again.
    return masking.first_line(error).partition(': HTTP')[0]


def _member(service: Any) -> model.Member:
    return model.Member(
        host=service.host,
        up=service.state == 'up',
        replication_status=service.replication_status,
        active_backend_id=service.active_backend_id or None,
        cluster=getattr(service, 'cluster', None))


def _volume(volume: Any) -> model.Volume:
    return model.Volume(
        id=volume.id, status=sys.intern(volume.status),
        replication_status=_shared(
            getattr(volume, 'replication_status', None)),
        created_at=_time(volume.created_at),
        updated_at=_time(getattr(volume, 'updated_at', None)),
        group_id=_shared(getattr(volume, 'group_id', None)))


def _attachment(found: Any) -> model.CinderAttachment:
    return model.CinderAttachment(found.id, found.volume_id, found.instance)


def _shared(text: str | None) -> str | None:
    # One copy of what thousands of records say alike.
    return sys.intern(text) if text else text


def _time(text: str | None) -> datetime.datetime | None:
    if not text:
        return None
    when = datetime.datetime.fromisoformat(text)
    return when if when.tzinfo else when.replace(tzinfo=datetime.UTC)
