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

"""What operators have done, in a file of SQLite."""

import datetime

import sqlalchemy as sa

from nova_failover_ext.api import acts
from nova_failover_ext.decisions import act_store
from nova_failover_ext import exception
from nova_failover_ext.tests.unit.api import test_acts
from nova_failover_ext.tests.unit.api import test_pauses
from nova_failover_ext.tests.unit.decisions import test_store

LONG_AGO = datetime.datetime(2000, 1, 1)  # noqa: DTZ001


def later(seconds):
    """Return a time after that of an act."""
    return test_acts.SINCE + datetime.timedelta(seconds=seconds)


class ActStoreTest(test_store.DatabaseTestCase):
    """What is written is there for the next process."""

    def _acts(self):
        return act_store.ActStore(self._store())

    def test_the_latest_first(self):
        newer = test_acts.act('newer', since=later(1))
        self._acts().save([test_acts.act(), newer], LONG_AGO)
        self.assertEqual([newer, test_acts.act()], self._acts().read(LONG_AGO))
        self.assertEqual([newer], self._acts().read(later(1)))

    def test_written_twice_it_stays_one(self):
        for _time in range(2):
            self._acts().save([test_acts.act()], LONG_AGO)
        self.assertEqual([test_acts.act()], self._acts().read(LONG_AGO))

    def test_what_is_too_old_goes(self):
        self._acts().save([test_acts.act()], LONG_AGO)
        newer = test_acts.act('newer', since=later(1))
        self._acts().save([newer], later(1))
        self.assertEqual([newer], self._acts().read(LONG_AGO))

    def test_no_more_than_an_answer_holds(self):
        self._acts().save([test_acts.act(str(number)) for number
                           in range(acts.MOST_ACTS + 1)], LONG_AGO)
        self.assertEqual(acts.MOST_ACTS, len(self._acts().read(LONG_AGO)))

    def test_a_time_that_was_written_by_hand(self):
        made = self._acts()
        made.save([test_acts.act()], LONG_AGO)
        with self.engine.begin() as connection:
            connection.execute(sa.text(
                "UPDATE nova_failover_acts SET since = 'yesterday'"))
        error = self.assertRaises(exception.DecisionsUnavailable,
                                  made.read, LONG_AGO)
        self.assertEqual(1, len(str(error).splitlines()))

    def test_from_the_schema_before(self):
        made = self._store()
        made.save(test_pauses.pause())
        with self.engine.begin() as connection:
            connection.execute(sa.text('DROP TABLE nova_failover_acts'))
            connection.execute(sa.text(
                "UPDATE nova_failover_alembic_version "
                "SET version_num = 'c7f20d4a81e6'"))
        self._acts().save([test_acts.act()], LONG_AGO)
        self.assertEqual([test_pauses.pause()], self._store().read())
        self.assertEqual([test_acts.act()], self._acts().read(LONG_AGO))
