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

"""The console script ``nova-failover-engine``."""

import sys

from nova_failover_ext import exception
from nova_failover_ext import startup


def main() -> int:
    """Run the engine until it is told to stop.

    :returns: the exit code, 0 after a signal to stop, 3 if it cannot start
    """
    try:
        startup.choose_threads()
        conf = startup.configure(sys.argv, {})
    except exception.FailoverException as exc:
        print('nova-failover-engine: %s' % exc, file=sys.stderr)
        return startup.INVALID_CONFIGURATION
    # Only now, because where Nova runs on eventlet that must come first.
    from nova_failover_ext.engine import service
    from oslo_log import log as logging
    logging.setup(conf, 'nova')
    engine = service.EngineService(conf)
    if service.executor_name() == 'threading':
        from nova_failover_ext.engine import thread_launcher
        return thread_launcher.run(conf, engine)
    from nova_failover_ext.engine import green_launcher
    return green_launcher.run(conf, engine)
