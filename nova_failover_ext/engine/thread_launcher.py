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

"""Runs the engine in a process of its own, where Nova runs on native threads.

The launcher of oslo.service (read in 4.8) has no place for what is to be done
at SIGHUP there, and lets Cotyledon end the process and start another one. The
engine would forget what it has in flight.
"""

from typing import Any

import cotyledon
from oslo_config import cfg
from oslo_service import opts

from nova_failover_ext.engine import service


class Worker(cotyledon.Service):
    """The process that Cotyledon starts, and starts again if it dies."""

    name = 'nova-failover-engine'

    def __init__(self, worker_id: Any,
                 engine: service.EngineService) -> None:
        """Remember the engine; nothing is started."""
        super().__init__(worker_id)
        self._engine = engine

    def run(self) -> None:
        """Start the engine, and wait for its end."""
        # What was forked has the options of the program's start.
        self._engine.reload()
        self._engine.start()
        self._engine.wait()

    def terminate(self) -> None:
        """Stop the engine."""
        self._engine.stop()

    def reload(self) -> None:
        """Let the engine read its options again."""
        self._engine.reload()


def run(conf: cfg.ConfigOpts, engine: service.EngineService) -> int:
    """Run the engine until the program is told to stop.

    :returns: the exit code
    """
    opts.register_service_opts(conf)
    manager = cotyledon.ServiceManager(
        graceful_shutdown_timeout=conf.graceful_shutdown_timeout)
    manager.add(Worker, args=(engine,))
    try:
        manager.run()
    except SystemExit as exc:
        return int(exc.code or 0)
    return 0
