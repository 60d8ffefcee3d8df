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

"""Cinder's REST API, as far as Nova and a recovery use it.

Requests come from an administrator, as Nova's do.
"""

from collections.abc import Callable
import copy
import dataclasses
import re
from typing import Any
import urllib.parse

from nova_failover_ext.testing import cinder_records
from nova_failover_ext.testing import fake_cinder as cinder_module
from nova_failover_ext.testing import faults

#: A status and a body.
Answer = tuple[int, Any]

_FAULTS = {400: 'badRequest', 404: 'itemNotFound', 409: 'conflictingRequest',
           500: 'computeFault'}


@dataclasses.dataclass
class Request:
    """A request, taken apart.

    :ivar cinder: who is asked
    :ivar volume_id: in the path, or in the body
    :ivar attachment_id: in the path
    :ivar host: in the path, as ``host@backend``
    :ivar query: the parameters behind the question mark
    :ivar body: what was sent
    :ivar version: the microversion
    :ivar service: whether a service token came with it
    """

    cinder: cinder_module.Cinder
    query: dict[str, str]
    body: dict[str, Any]
    version: tuple[int, ...]
    service: bool
    volume_id: str = ''
    attachment_id: str = ''
    host: str = ''


@dataclasses.dataclass(frozen=True)
class Route:
    """Who answers which requests.

    :ivar method: the HTTP method
    :ivar path: with names of a :class:`Request`'s fields in braces
    :ivar call: what is asked, for the log and for faults
    :ivar handler: answers
    :ivar action: only requests whose body has this key
    :ivar since: the first microversion
    """

    method: str
    path: str
    call: faults.Call
    handler: Callable[[Request], Answer]
    action: str = ''
    since: tuple[int, int] = (3, 0)

    def match(self, method: str, path: str, body: Any) -> re.Match[str] | None:
        """Return what is in the path if this route is the right one."""
        if method != self.method or (
                self.action and self.action not in (body or {})):
            return None
        pattern = re.sub(r'{(\w+)}', r'(?P<\1>[^/]+)', self.path)
        return re.fullmatch(pattern, path)


class Api:
    """Answers requests."""

    def __init__(self, cinder: cinder_module.Cinder,
                 routes: tuple[Route, ...]) -> None:
        """Remember who answers.

        :param cinder: the Cinder behind it
        :param routes: what it can be asked
        """
        self._cinder = cinder
        self._routes = routes

    def request(self, method: str, url: str, body: Any = None,
                microversion: str = '3.0', service: bool = True) -> Answer:
        """Answer a request.

        :param method: the HTTP method
        :param url: path and query, as behind the project's id
        :param body: what is sent
        :param microversion: such as 3.44
        :param service: whether a service token comes with it
        :returns: a status and a body
        :raises NotImplementedError: if nothing is known of such requests
        """
        parts = urllib.parse.urlsplit(url)
        for route in self._routes:
            found = route.match(method, parts.path, body)
            if found:
                break
        else:
            raise NotImplementedError(f'{method} {parts.path} {body}')
        request = Request(
            self._cinder, dict(urllib.parse.parse_qsl(parts.query)),
            copy.deepcopy(body) or {}, _version(microversion), service,
            **{key: urllib.parse.unquote(value) for key, value in
               found.groupdict().items()})
        self._identify(request)
        try:
            return self._answer(route, request)
        except cinder_records.Refused as error:
            return error.status, {_FAULTS[error.status]: {
                'code': error.status, 'message': str(error)}}

    def _identify(self, request: Request) -> None:
        """Find out which volume a request is about."""
        attachment = request.body.get('attachment') or {}
        request.volume_id = (
            request.volume_id or attachment.get('volume_uuid', ''))
        if request.attachment_id:
            request.volume_id = self._cinder.records.volume_of(
                request.attachment_id)

    def _answer(self, route: Route, request: Request) -> Answer:
        with self._cinder.faults.around(
                route.call, request.volume_id, request.attachment_id):
            if request.version < route.since:
                raise cinder_records.Refused(
                    404, 'The resource could not be found.')
            return route.handler(request)


def _version(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split('.')))
