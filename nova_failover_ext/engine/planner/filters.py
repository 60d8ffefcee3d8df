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

"""Which servers an operator's request is about."""

from nova_failover_ext.api import requests
from nova_failover_ext.engine import model


def admits(request: requests.Request, server: model.Server,
           priority: int) -> bool:
    """Return whether a request is about a server; ``limit`` is not regarded.

    :param priority: of the server, see :class:`.server_plans.ServerPlan`
    """
    return ((not request.projects or server.project_id in request.projects)
            and (not request.servers or server.id in request.servers)
            and priority <= request.priority_at_most)
