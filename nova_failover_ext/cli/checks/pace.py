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

"""Do the numbers of the configuration make sense together?"""

from oslo_config import cfg

from nova_failover_ext.api import wording
from nova_failover_ext.cli.checks import findings
from nova_failover_ext.conf import engine as engine_conf

PACE = 'configuration'


def inspect(conf: cfg.ConfigOpts) -> list[findings.Finding]:
    """Check the options that pace the engine.

    :param conf: of this host; compute hosts have their own, which is taken
        to be the same
    """
    engine = conf.failover_engine
    slots = conf.failover_compute.max_concurrent_recoveries
    found = []
    if engine.max_in_flight_per_host >= slots:
        found.append(findings.warning(
            PACE, 'max_in_flight_per_host',
            '%d is not below [failover_compute] max_concurrent_recoveries '
            '(%d as far as is known here): servers wait at the host, and '
            'look like a host that is not responding'
            % (engine.max_in_flight_per_host, slots)))
    if engine.heartbeat_timeout >= engine.recovery_timeout:
        found.append(findings.warning(
            PACE, 'heartbeat_timeout', '%d is not below recovery_timeout '
            '(%d)' % (engine.heartbeat_timeout, engine.recovery_timeout)))
    if engine.retry_interval_min > engine.retry_interval_max:
        found.append(findings.warning(
            PACE, 'retry_interval_min', '%g is above retry_interval_max (%g)'
            % (engine.retry_interval_min, engine.retry_interval_max)))
    automatic = engine.automatic.lower()
    if automatic == engine_conf.ON_REQUEST:
        found.append(findings.warning(
            PACE, 'automatic', 'servers are recovered only if '
            '"nova-failover recover" asks for it'))
    if automatic == engine_conf.CANARY:
        found.append(findings.warning(
            PACE, 'automatic', 'after the first %s of a failover, '
            'the others wait for "nova-failover resume"'
            % wording.count(engine.canary_servers, 'server')))
    return found or [findings.good(PACE, 'nova.conf')]
