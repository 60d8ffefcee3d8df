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


"""A made-up failover of many servers, for tests and to be looked at.

::

    python -m nova_failover_ext.tests.unit.report.sample 500 > report.html
"""

import datetime
import random
import sys
import uuid

from nova_failover_ext.engine import model
from nova_failover_ext.engine.planner import gate
from nova_failover_ext.engine.planner import server_plans
from nova_failover_ext.history import outcomes
from nova_failover_ext import report
from nova_failover_ext.tests.unit.engine import fakes

BEGIN = datetime.datetime(2026, 11, 23, 4, 31, 12, tzinfo=datetime.UTC)
LOST = BEGIN - datetime.timedelta(seconds=74)
FAILOVER_ID = 'req-0f1cd2a4-6a3d-4f3a-9a0e-4a6a3c9f1b11'
BACKEND = 'controller1@rbd-primary'

_NAMES = ('web', 'db', 'api', 'cache', 'queue', 'mail', 'build', 'search')
_FAILURES = (
    'Recovery failed in step power_on: no network interface came up in 300 s.',
    'Volume %s: the storage it moved to cannot be reached from this host: '
    '10.20.0.11:6789: timed out.' % '3f0c5a3c-3b52-4e0e-8b43-5b2e1f0f7a01',
    'Recovery failed in step release: Device vdb is still held by the guest.',
)
_DEFERRALS = (
    ('the server is paused', 'it is unpaused'),
    ('nova-compute on compute-07 is down', 'the service is up again'),
    ('the task migrating is in progress', 'the task migrating is over'),
    ('the server is in rescue mode', 'it is unrescued'),
)


class _Sample:
    def __init__(self, count, seed=7):
        self.count = count
        self.dice = random.Random(seed)
        self.histories = []
        self.plans = []
        self.projects = ['%032x' % self.dice.getrandbits(128)
                         for _ in range(8)]

    def at(self, seconds):
        return BEGIN + datetime.timedelta(seconds=seconds)

    def server(self, number):
        """Return the parts of a server that do not depend on its fate."""
        return {'name': '%s-%03d' % (self.dice.choice(_NAMES), number),
                'project_id': self.projects[min(
                    7, int(self.dice.expovariate(.5)))],
                'host': 'compute-%02d' % self.dice.randrange(1, 25)}

    def id(self):
        return str(uuid.UUID(int=self.dice.getrandbits(128), version=4))

    def tries(self, start, host, *ends):
        """Return tries one after the other, each with its result."""
        found = []
        for result, details in ends:
            took = self.dice.gammavariate(3, 4) + 2
            found.append(outcomes.Try(self.at(start), self.at(start + took),
                                      host,
                                      result, details))
            start += took + 5 * 2 ** len(found)
        return tuple(found)

    def recovered(self, number):
        """Add a server that is recovered, some at the second try."""
        values = self.server(number)
        start = number * 130 / self.count + self.dice.random() * 4
        ends = [('Success', '')]
        if self.dice.random() < .06:
            ends = [('Error', self.dice.choice(_FAILURES)), *ends]
        if number % 97 == 5:
            start += 600 + self.dice.random() * 900
        self.add(values, start, ends)

    def add(self, values, start, ends, **more):
        server_id = self.id()
        tries = self.tries(start, values['host'], *ends)
        self.histories.append(outcomes.ServerHistory(
            server_id, began_at=self.at(start), tries=tries, **values,
            **more))
        return server_id

    def plan(self, server_id, values, reason,
             verdict=server_plans.Verdict.DEFER,
             **more):
        self.plans.append(fakes.server_plan(
            server=fakes.server(id=server_id, **values), reason=reason,
            verdict=verdict, **more))

    def failed(self, number):
        values = self.server(number)
        reason = _FAILURES[number % len(_FAILURES)]
        return self.add(values, 40.0, [('Error', reason)] * 6), reason

    def deferred(self, number):
        values = self.server(number)
        reason, until = _DEFERRALS[number % len(_DEFERRALS)]
        self.plan(self.id(), values, reason, until=until)


def data(count=500):
    """Return what a report of so many servers tells."""
    sample = _Sample(count)
    retries_exhausted = {}
    for number in range(count):
        place = number % 100
        if place == 41:
            server_id, reason = sample.failed(number // 100)
            if number < 300:
                retries_exhausted[server_id] = reason
        elif place in (17, 63):
            sample.deferred(number // 50)
        elif number == 250:
            sample.plan(sample.id(), sample.server(number),
                        'the driver does not tell of the other side',
                        blocked=True,
                        notes=('NetApp NFS: mounts stay on the old address',
                               ))
        else:
            sample.recovered(number)
    for number in range(12):
        sample.plan(sample.id(), sample.server(number),
                    'its connection is that of site-b',
                    server_plans.Verdict.SKIP)
    found = fakes.found(
        *sample.plans, gate=gate.Decision(open=True),
        backend=model.Backend(BACKEND, (fakes.member(
            host=BACKEND, active_backend_id='site-b'),)))
    return report.collect(FAILOVER_ID, sample.histories, found, (), LOST,
                          retries_exhausted)


def main():
    """Write the page."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    sys.stdout.write(report.render(data(count)))


if __name__ == '__main__':
    main()
