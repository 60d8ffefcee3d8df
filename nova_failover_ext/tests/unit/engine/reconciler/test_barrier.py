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


"""Who is behind a barrier, as operators and the configuration want it."""

from nova_failover_ext.api import requests
from nova_failover_ext.tests.unit.engine import fakes
from nova_failover_ext.tests.unit.engine.reconciler import base


class AskedTest(base.CoordinatorTestCase):
    """A request for it."""

    def _ask(self, **values):
        self.reconciler.recover(requests.Request(
            fakes.BACKEND, failover_id=base.OTHER_ID, **values))
        return [work.barrier for work in self.sent]

    def test_for_one_request(self):
        self.assertEqual([True], self._ask(barrier=True))
        self._later(400)
        self.reconciler.hint(fakes.BACKEND, base.model.Hint(None, None))
        self.assertEqual([True], [work.barrier for work in self.sent])
        self.assertEqual([False], self._ask())

    def test_only_for_the_servers_that_are_asked_for(self):
        self.attachments = [
            fakes.attachment(server=fakes.server(id=name))
            for name in ('server', 'web2')]
        self.assertEqual([True, False], self._ask(
            barrier=True, servers=('server',)))

    def test_not_for_another_failover(self):
        self.assertEqual([True], self._ask(barrier=True))
        self.member = fakes.member(active_backend_id='third')
        self._hint(target='third')
        self.assertEqual([False], [work.barrier for work in self.sent])

    def test_whoever_is_waited_for_is_told(self):
        self.dispatcher.awaited.return_value = {'b', 'a'}
        self.assertEqual(['a', 'b'], self._report()['awaited'])


class ConfiguredTest(base.CoordinatorTestCase):
    """The option."""

    SETTINGS = {'barrier': True}

    def _expected(self):
        return self.dispatcher.replace.call_args.args[2]

    def test_a_row_that_is_never_written(self):
        self.volumes['vol'] = fakes.volume(replication_status='failing-over')
        self._hint()
        self.assertEqual({'server': 3}, self._expected())
        for _ in range(4):
            self._later(60)
        self.assertEqual({}, self._expected())

    def test_all_servers(self):
        self._hint()
        self.assertEqual([True], [work.barrier for work in self.sent])

    def test_records_that_cinder_has_still_to_write(self):
        self.volumes['late'] = fakes.volume(
            id='late', replication_status='enabled')
        self.attachments.append(fakes.attachment(
            server=fakes.server(id='web2', metadata=(
                ('failover:priority', '1'),)), volume_id='late'))
        self._hint()
        self.assertEqual(['server'], [work.server_id for work in self.sent])
        self.assertEqual({'web2': 1}, self.expected)
        # It is waited for as long as for any record.
        self._later(65)
        self._later(65)
        self.assertEqual(['web2', 'server'],
                         [work.server_id for work in self.sent])
        self.assertEqual({}, self.expected)
