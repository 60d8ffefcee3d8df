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

"""Runs the engine in this process, where Nova runs on eventlet.

Upstream relied on, read in oslo.service 4.8: ``ServiceLauncher.restart`` is
called at SIGHUP.
"""

from oslo_config import cfg
from oslo_service import service as oslo_service

from nova_failover_ext.engine import service


class _Launcher(oslo_service.ServiceLauncher):

    def __init__(self, conf: cfg.ConfigOpts,
                 engine: service.EngineService) -> None:
        super().__init__(conf, restart_method='mutate')
        self._engine = engine

    def restart(self) -> None:
        # That of oslo.service ends the process if nova.conf is wrong.
        self._engine.reload()


def run(conf: cfg.ConfigOpts, engine: service.EngineService) -> int:
    """Run the engine until the program is told to stop.

    :returns: the exit code
    """
    launcher = _Launcher(conf, engine)
    launcher.launch_service(engine)
    return int(launcher.wait() or 0)
