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

"""The first servers of a failover, which are recovered before the others."""

from collections.abc import Mapping
import dataclasses

from nova_failover_ext.api import wording
from nova_failover_ext.recovery import results

#: The longest reason that is kept of a result, in characters.
MOST_REASON = 200
#: So many canaries that were not recovered are named.
NAMED = 3

_GOOD = frozenset((results.Outcome.RECOVERED, results.Outcome.DETACHED))


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """What became of one canary.

    :ivar outcome: of its first recovery, None while that is not known
    :ivar reason: one sentence, '' for none
    """

    outcome: results.Outcome | None = None
    reason: str = ''

    def __str__(self) -> str:
        """Return it in words."""
        if self.outcome is None:
            return 'unknown, because the engine that sent it has ended'
        return self.outcome.value + (self.reason and ': ' + self.reason)


@dataclasses.dataclass(frozen=True)
class Canaries:
    """The canaries of a backend, in its latest failover.

    :ivar backend: name of the backend
    :ivar target: its active_backend_id, '' for the primary
    :ivar results: by the id of the server, in the order of their start
    :ivar paused: whether the engine has paused the backend because of them
    """

    backend: str
    target: str
    results: Mapping[str, Result] = dataclasses.field(default_factory=dict)
    paused: bool = False

    def with_result(self, server_id: str, result: Result) -> 'Canaries':
        """Return them with what became of one."""
        return dataclasses.replace(
            self, results={**self.results, server_id: result})

    def without(self, server_id: str) -> 'Canaries':
        """Return them without one, to which nothing was to be done."""
        return dataclasses.replace(self, results={
            one: result for one, result in self.results.items()
            if one != server_id})

    def joined(self, newer: 'Canaries') -> 'Canaries':
        """Return newer ones, with what these know of the same failover."""
        if self.target != newer.target:
            return newer
        return dataclasses.replace(
            self, results={**self.results, **newer.results},
            paused=self.paused or newer.paused)

    def describe(self, waiting: int) -> str:
        """Return why the engine waits, fit for the reason of a pause.

        :param waiting: how many servers wait
        """
        bad = [(one, result) for one, result in self.results.items()
               if result.outcome not in _GOOD]
        total, good = len(self.results), len(self.results) - len(bad)
        told = ['%d of %s recovered' % (
            good, wording.count(total, 'canary server'))]
        told += ['%s is %s' % pair for pair in bad[:NAMED]]
        if len(bad) > NAMED:
            told.append('%d more are not recovered' % (len(bad) - NAMED))
        return '%s; %s for "nova-failover resume %s"' % (
            '; '.join(told), '1 server waits' if waiting == 1
            else '%d servers wait' % waiting, self.backend)
