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

"""cinder-api's application behind a server of the standard library.

``cinder.service.WSGIService``, which Cinder's harness uses, needs eventlet
and refuses to work with native threads; this one works with both.
"""

import socketserver
import threading
from typing import Any
from wsgiref import simple_server

from paste import deploy


class _Server(socketserver.ThreadingMixIn, simple_server.WSGIServer):
    daemon_threads = True


class _Handler(simple_server.WSGIRequestHandler):
    def log_message(self, *args: Any) -> None:
        """Say nothing: the application logs each request."""


class ApiServer:
    """A running cinder-api.

    :param paste_file: path of api-paste.ini
    """

    def __init__(self, paste_file: str) -> None:
        self._server = simple_server.make_server(
            '127.0.0.1', 0,
            deploy.loadapp('config:%s' % paste_file, name='osapi_volume'),
            server_class=_Server, handler_class=_Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={'poll_interval': 0.05},
            daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return 'http://127.0.0.1:%d/v3' % self._server.server_port

    def stop(self) -> None:
        """Stop it, and wait until it has stopped."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
