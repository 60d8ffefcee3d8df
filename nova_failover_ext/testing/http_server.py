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

"""The fake Cinder's REST API over HTTP, for clients in other processes.

A test in one process does not need it: ``client`` has a session that sends
nothing.
"""

from collections.abc import Iterator
import contextlib
import http.server
import json
import threading
from typing import Any

from nova_failover_ext.testing import rest

_PREFIX = '/v3'
_MICROVERSION = 'OpenStack-API-Version'


class Server(http.server.ThreadingHTTPServer):
    """A server on 127.0.0.1.

    :ivar api: what answers; it may be replaced while the server runs
    """

    daemon_threads = True
    #: As many may connect at the same time; socketserver's default is 5.
    request_queue_size = 128

    def __init__(self, api: rest.Api, port: int = 0) -> None:
        """Listen; requests are answered once :meth:`running` is entered.

        :param api: what answers
        :param port: where to listen; on any free port if it is 0
        """
        super().__init__(('127.0.0.1', port), _Handler)
        self.api = api

    @property
    def url(self) -> str:
        """The endpoint, as in ``[cinder] endpoint_template`` of nova.conf."""
        return f'http://127.0.0.1:{self.server_port}{_PREFIX}'

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Answer requests, in threads of its own."""
        thread = threading.Thread(target=self.serve_forever, args=(0.05,),
                                  daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.shutdown()
            thread.join()
            self.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    # Buffered, so that head and body of an answer leave together.
    wbufsize = -1
    server: Server

    def log_message(self, *_args: Any) -> None:
        """Write nothing to the terminal."""

    def do_GET(self) -> None:
        """Answer a GET."""
        self._respond()

    def do_POST(self) -> None:
        """Answer a POST."""
        self._respond()

    def do_PUT(self) -> None:
        """Answer a PUT."""
        self._respond()

    def do_DELETE(self) -> None:
        """Answer a DELETE."""
        self._respond()

    def _respond(self) -> None:
        text = self.rfile.read(int(self.headers.get('Content-Length', 0)))
        microversion = self.headers.get(_MICROVERSION, 'volume 3.0')
        try:
            status, body = self.server.api.request(
                self.command, self.path.removeprefix(_PREFIX) or '/',
                json.loads(text) if text else None,
                microversion.rpartition(' ')[2],
                'X-Service-Token' in self.headers)
        except NotImplementedError as exc:
            status, body = 404, {'itemNotFound': {
                'code': 404, 'message': str(exc)}}
        self._send(status, body, microversion)

    def _send(self, status: int, body: Any, microversion: str) -> None:
        text = b'' if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(text)))
        self.send_header(_MICROVERSION, microversion)
        self.end_headers()
        self.wfile.write(text)
