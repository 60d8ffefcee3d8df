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

"""What operators have done is remembered, whichever engine acts."""

import datetime
from unittest import mock

from nova_failover_ext.decisions import act_store
from nova_failover_ext import exception
from nova_failover_ext.tests.functional.engine import base
from nova_failover_ext.tests.functional.recovery import base as recovery_base
from nova_failover_ext.tests.unit.api import test_pauses

LONG_AGO = datetime.datetime(2000, 1, 1).isoformat()  # noqa: DTZ001


class ActsTest(base.EngineTestBase):
    """Over a database in a file."""

    def test_the_next_engine_remembers(self):
        server = self.boot_many(('compute1',))[0]
        engine = self.start_engine()
        self._pause_and_resume()
        engine.stop()
        engine.wait()
        self.start_engine()
        self.cinder.site = 'secondary'
        self.ask(who='jo@ctl1')
        self.wait_until_healed(server)
        self.assertEqual({'pause', 'resume', 'recover'}, self._done())

    def test_no_recovery_waits_for_the_database(self):
        server = self.boot_many(('compute1',))[0]
        down = mock.patch.object(
            act_store.ActStore, 'save', autospec=True,
            side_effect=exception.DecisionsUnavailable(reason='down'))
        down.start()
        stopped = []
        self.addCleanup(lambda: stopped or down.stop())
        self.start_engine()
        self._pause_and_resume()
        self.cinder.site = 'secondary'
        self.ask(who='jo@ctl1')
        self.wait_until_healed(server)
        stopped.append(down.stop())
        self.assertEqual({'pause', 'resume', 'recover'}, self._done())

    def _pause_and_resume(self):
        self.engine.pause(
            self.context, test_pauses.pause(base.BACKEND).to_primitive(),
            recovery_base.PATIENCE)
        self.engine.resume(self.context, base.BACKEND, 'jo@ctl1',
                           recovery_base.PATIENCE)

    def _done(self):
        found = self.engine.acts(self.context, LONG_AGO,
                                 recovery_base.PATIENCE)
        self.assertEqual(3, len(found))
        return {act['what'] for act in found}
