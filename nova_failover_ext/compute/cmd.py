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

"""``nova-compute-failover``, a drop-in for ``nova-compute``.

Nova 34 has no plugin point for the compute manager, but it looks the class up
by name in ``nova.service.SERVICE_MANAGERS`` (Nova 31 to 34), so that an entry
there is all it takes. Nova's own main does the rest, once our options are
known to be right: it would meet them only after nova-conductor has answered.
"""

import sys

# First, because importing it patches the process as nova-compute wants it.
from nova.cmd import compute  # noqa: I100

from nova import service

from nova_failover_ext.conf import compute as compute_conf
from nova_failover_ext.conf import policies as policy_conf
from nova_failover_ext import exception
from nova_failover_ext import startup

MANAGER = 'nova_failover_ext.compute.manager.FailoverComputeManager'


def main() -> int:
    """Run nova-compute with the failover manager.

    :returns: the exit code, 0 after a signal to stop, 3 if it cannot start
    """
    try:
        conf = startup.read(sys.argv, policy_conf, compute_conf)
    except exception.FailoverException as exc:
        print('nova-compute-failover: %s' % exc, file=sys.stderr)
        return startup.INVALID_CONFIGURATION
    # Nova registers options of the command line before it reads it again.
    conf.clear()
    service.SERVICE_MANAGERS['nova-compute'] = MANAGER
    compute.main()
    return 0
