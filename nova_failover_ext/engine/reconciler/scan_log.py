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

"""What a full scan has found, for the log; pure functions."""

import collections

from cinder_failover_hooks import statuses

from nova_failover_ext.api import wording
from nova_failover_ext.engine.inventory import snapshot
from nova_failover_ext.engine.planner import server_plans

#: So many reasons are named, those of the most servers first.
REASONS = 3


def describe(found: snapshot.BackendPlan) -> str:
    """Return one line: where a backend is, what is decided, and why."""
    parts = []
    for verdict in server_plans.Verdict:
        servers = found.servers_to(verdict)
        if servers:
            parts.append('%s %d%s' % (
                verdict.value, len(servers),
                ' (nothing to do)' if verdict is server_plans.Verdict.SKIP
                else _reasons([server.reason for server in servers])))
    return '%s is on %s, %s%s' % (
        found.backend.name, statuses.called(found.backend.active_backend_id),
        wording.count(len(found.servers), 'server'),
        ': ' + ', '.join(parts) if parts else '')


def _reasons(reasons: list[str]) -> str:
    counts = collections.Counter(filter(None, reasons))
    named = counts.most_common(REASONS)
    texts = ['%d: %s' % (number, reason) for reason, number in named]
    if len(counts) > len(named):
        texts.append('and others')
    return ' (%s)' % '; '.join(texts) if texts else ''
