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

"""A snapshot of a backend: all records read, the gate and plan computed."""

import dataclasses
import functools
import typing

from nova_failover_ext.api import cell_problem
from nova_failover_ext.api import exclusions
from nova_failover_ext.engine import model
from nova_failover_ext.engine.planner import driver_rules
from nova_failover_ext.engine.planner import exclusion_rules
from nova_failover_ext.engine.planner import gate
from nova_failover_ext.engine.planner import server_plans
from nova_failover_ext.recovery import staleness


class Cinder(typing.Protocol):
    """What a snapshot asks of Cinder; see :mod:`.cinder_reader`."""

    def backends(self) -> list[model.Backend]:
        """Return every backend."""
        ...

    def backend(self, name: str) -> model.Backend:
        """Return one backend by name."""
        ...

    def volumes(self, backend: model.Backend, on_page: typing.Callable[
            [dict[str, model.Volume]], None] = ...
            ) -> dict[str, model.Volume]:
        """Return a backend's volumes by id."""
        ...

    def expectation(self, backend: model.Backend) -> driver_rules.Expectation:
        """Tell what to expect of a backend's driver."""
        ...


class Nova(typing.Protocol):
    """What a snapshot asks of Nova's databases; see :mod:`.nova_reader`."""

    def attachments(self, volume_ids: typing.Iterable[str]) -> tuple[
            list[model.Attachment], list[cell_problem.CellProblem]]:
        """Return the mappings that name the volumes."""
        ...

    def attachments_of(self, servers: typing.Iterable[tuple[str, str]],
                       volume_ids: typing.Iterable[str]) -> tuple[
            list[model.Attachment], list[cell_problem.CellProblem]]:
        """Return the mappings of some servers that name the volumes."""
        ...


@dataclasses.dataclass(frozen=True, slots=True)
class BackendPlan:
    """What is true of one backend now.

    :ivar backend: Cinder's record of its services
    :ivar gate: whether recovery may act
    :ivar servers: a verdict for every server with a volume there
    :ivar problems: cells whose servers are missing in ``servers``
    :ivar expected: what to expect of its driver
    """

    backend: model.Backend
    gate: gate.Decision
    servers: tuple[server_plans.ServerPlan, ...] = ()
    problems: tuple[cell_problem.CellProblem, ...] = ()
    expected: driver_rules.Expectation = driver_rules.UNKNOWN

    def servers_to(self, verdict: server_plans.Verdict
                   ) -> tuple[server_plans.ServerPlan, ...]:
        """Return the servers with that verdict."""
        return tuple(s for s in self.servers if s.verdict is verdict)

    def excluding(self, current: exclusions.Exclusions) -> 'BackendPlan':
        """Return the plan without what operators have excluded.

        :param current: the exclusions in effect
        """
        return dataclasses.replace(self, servers=exclusion_rules.apply(
            self.servers, current))

    @property
    def converged(self) -> bool:
        """Whether every server is known to be in sync with Cinder."""
        return self.finished and not self.servers_to(
            server_plans.Verdict.EXCLUDE)

    @property
    def finished(self) -> bool:
        """Whether every server is in sync with Cinder, or excluded."""
        settled = all(s.verdict in (server_plans.Verdict.SKIP,
                                    server_plans.Verdict.EXCLUDE)
                      for s in self.servers)
        return self.gate.open and settled and not self.problems


@dataclasses.dataclass(frozen=True, slots=True)
class Records:
    """What a scan has read, before any verdict on servers.

    :ivar backend: Cinder's record of its services
    :ivar gate: whether recovery may act
    :ivar volumes: the backend's volumes by id
    :ivar attachments: the mappings that name them
    :ivar problems: cells whose mappings are missing
    :ivar expected: what to expect of its driver
    """

    backend: model.Backend
    gate: gate.Decision
    volumes: dict[str, model.Volume]
    attachments: tuple[model.Attachment, ...]
    problems: tuple[cell_problem.CellProblem, ...]
    expected: driver_rules.Expectation = driver_rules.UNKNOWN

    def servers_with(self, volume_ids: typing.Collection[str]
                     ) -> frozenset[str]:
        """Return the ids of the servers with any of these volumes."""
        return frozenset(attachment.server.id
                         for attachment in self.attachments
                         if attachment.volume_id in volume_ids)

    def servers_of(self, group_id: str) -> frozenset[str]:
        """Return the ids of the servers with volumes of a group."""
        return self.servers_with({volume.id for volume in self.volumes.values()
                                  if volume.group_id == group_id})

    def judge(self, ask: server_plans.PlanOptions) -> BackendPlan:
        """Give every server its verdict.

        :param ask: what to ask about in spite of the records
        """
        # While nothing may act, the gate does not look at volumes.
        late = (self.gate.late if self.gate.open else
                gate.unwritten(self.backend, self.volumes.values()))
        return self._backend_plan(server_plans.build(
            self.backend, self.volumes, self.attachments, ask,
            self.expected, late))

    def rehearse(self) -> BackendPlan:
        """Tell what would be done if all replicated volumes moved now."""
        return self._backend_plan(server_plans.rehearse(
            self.backend, self.volumes, self.attachments, self.expected))

    def _backend_plan(self,
                      servers: list[server_plans.ServerPlan]) -> BackendPlan:
        return BackendPlan(self.backend, self.gate, tuple(servers),
                           self.problems,
                           self.expected)


#: Called with the backend and those of its volumes that are read.
OnPage = typing.Callable[[model.Backend, dict[str, model.Volume]], None]


def _ignore(_backend: model.Backend,
            _volumes: dict[str, model.Volume]) -> None:
    pass


def take(cinder: Cinder, nova: Nova, name: str) -> BackendPlan:
    """Read everything about one backend and decide.

    Parameters and exceptions are those of :func:`read`.
    """
    return read(cinder, nova, name).judge(server_plans.PlanOptions())


def read(cinder: Cinder, nova: Nova, name: str,
         on_page: OnPage = _ignore) -> Records:
    """Read everything about one backend.

    :param name: what an operator or a notification calls it
    :param on_page: called after each page of volumes with the backend and all
        that was read so far; what it raises ends the reading
    :raises BackendNotFound: if Cinder has none of that name
    :raises CinderUnavailable: if Cinder cannot be asked
    :raises DatabaseUnavailable: if Nova's API database cannot be read
    """
    backend = cinder.backend(name)
    volumes = cinder.volumes(backend, functools.partial(on_page, backend))
    decision = gate.decide(backend, volumes.values())
    attachments, problems = nova.attachments(volumes)
    # A service that is at it may not answer.
    expected = (cinder.expectation(backend)
                if decision.open else driver_rules.UNKNOWN)
    return Records(backend, decision, volumes, tuple(attachments),
                   tuple(problems), expected)


def reread(records: Records, nova: Nova,
           servers: typing.Iterable[tuple[str, str]]) -> Records:
    """Read again what Nova knows of some servers, and nothing else.

    :param records: of the last full scan; its volumes are taken as they are
    :param servers: uuid of the cell and id of each
    :returns: records in which there are no other servers
    :raises DatabaseUnavailable: if Nova's API database cannot be read
    """
    attachments, problems = nova.attachments_of(servers, records.volumes)
    return dataclasses.replace(records, attachments=tuple(attachments),
                               problems=tuple(problems))


def known_failover(records: Records,
                   recoveries: typing.Mapping[str, model.Recovery]
                   ) -> str | None:
    """Find the id under which somebody else has begun to recover.

    The newest recovery of all counts, if one that was recovered under its id
    has reached the present target or is still at it. An older id may be that
    of an earlier failover to the same target.

    :param recoveries: the latest of each server, by its id
    :returns: the request id, None if nobody is known to have begun
    """
    begun = [r for r in recoveries.values() if r.failover_id and r.started_at]
    if not begun:
        return None
    newest = max(begun, key=lambda r: (r.started_at, r.failover_id))
    under = {r.server_id for r in begun
             if r.failover_id == newest.failover_id}
    came_through = any(_at_present(records, attachment)
                       for attachment in records.attachments
                       if attachment.server.id in under)
    return newest.failover_id if came_through else None


def _at_present(records: Records, attachment: model.Attachment) -> bool:
    if attachment.server.task_state == staleness.TASK_STATE:
        return True
    volume = records.volumes.get(attachment.volume_id)
    return volume is not None and attachment.stamp == server_plans.stamp_for(
        records.backend, volume)
