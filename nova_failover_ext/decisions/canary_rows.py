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

"""Canary servers as rows of the database."""

from oslo_log import log as logging
from oslo_serialization import jsonutils

from nova_failover_ext.api import canaries as records
from nova_failover_ext.decisions import models
from nova_failover_ext.recovery import results

LOG = logging.getLogger(__name__)


def make_row(canaries: records.Canaries) -> models.Canaries:
    """Return them as a row."""
    return models.Canaries(
        backend=canaries.backend, target=canaries.target,
        results=jsonutils.dumps({
            server_id: [result.outcome and result.outcome.value,
                        result.reason]
            for server_id, result in canaries.results.items()}),
        paused=canaries.paused)


def read_row(row: models.Canaries) -> records.Canaries | None:
    """Return what a row says, None if that makes no sense."""
    try:
        found = {server_id: records.Result(
                     outcome and results.Outcome(outcome), str(reason))
                 for server_id, (outcome, reason)
                 in jsonutils.loads(row.results).items()}
    except (ValueError, TypeError, AttributeError):
        LOG.warning('The canary servers of %s in the database make no sense; '
                    'others are tried', row.backend)
        return None
    return records.Canaries(row.backend, row.target, found, row.paused)
