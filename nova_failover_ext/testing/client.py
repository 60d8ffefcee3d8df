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

"""A real cinderclient that talks to a Cinder without processes."""

import http.client
import io
from typing import Any

from cinderclient import client as cinder_client
from keystoneauth1 import session as ks_session
from oslo_serialization import jsonutils
import requests

from nova_failover_ext.testing import rest


class Session(ks_session.Session):
    """A keystoneauth session that sends nothing.

    :ivar service: whether requests come with a service token, as those of
        Nova do where its ``[service_user]`` is set up
    """

    def __init__(self, api: rest.Api) -> None:
        """Remember who answers.

        :param api: the API
        """
        super().__init__()
        self._api = api
        self.service = True

    def request(self, url: str, method: str, json: object | None = None,
                *_args: Any, **kwargs: Any) -> requests.Response:
        """Answer a request.

        It answers once: what fails here has failed after all retries of
        keystoneauth's.

        :param url: path and query
        :param method: the HTTP method
        :param json: the body
        :param kwargs: of which only the microversion counts
        """
        status, body = self._api.request(
            method, url, json, kwargs.get('microversion') or '3.0',
            self.service)
        response = requests.Response()
        response.status_code = status
        response.encoding = 'utf-8'
        response.reason = http.client.responses[status]
        response.raw = io.BytesIO(
            b'' if body is None else jsonutils.dump_as_bytes(body))
        return response


def make(session: Session, microversion: str | None = None) -> Any:
    """Make a client.

    :param session: who answers
    :param microversion: such as 3.44, None for the lowest
    :returns: a cinderclient of version 3
    """
    return cinder_client.Client(microversion or '3.0', session=session)
