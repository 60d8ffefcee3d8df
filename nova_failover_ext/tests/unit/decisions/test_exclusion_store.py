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

"""Exclusions in the database of decisions, a file of SQLite."""

import ddt
import fixtures
from oslo_config import cfg
from oslotest import base
import sqlalchemy as sa

from nova_failover_ext.api import exclusions
from nova_failover_ext.conf import engine as engine_conf
from nova_failover_ext.decisions import exclusion_store
from nova_failover_ext.decisions import models
from nova_failover_ext.decisions import store
from nova_failover_ext import exception
from nova_failover_ext.tests.unit.api import test_exclusions

Kind = exclusions.Kind
exclusion = test_exclusions.exclusion
ROW = {'kind': 'host', 'target': 'h', 'name': 'h', 'reason': 'why',
       'user': 'me', 'host': 'here', 'since': test_exclusions.SINCE}


@ddt.ddt
class ExclusionStoreTest(base.BaseTestCase):
    """What is written is there for the next process."""

    def setUp(self):
        super().setUp()
        self.url = 'sqlite:///%s' % self.useFixture(
            fixtures.TempDir()).join('db.sqlite')
        self.conf = cfg.ConfigOpts()
        engine_conf.register_opts(self.conf)
        self.conf.register_opt(cfg.StrOpt('state_path'))
        self.conf([], default_config_files=[])
        self.conf.set_override('connection', self.url, 'failover_engine')
        # The group outlives this configuration.
        self.addCleanup(self.conf.clear_override, 'connection',
                        'failover_engine')

    def _store(self, upgrade=True):
        made = exclusion_store.ExclusionStore(store.Store(self.conf))
        if upgrade:
            made.upgrade()
        return made

    def _insert(self, **values):
        engine = sa.create_engine(self.url)
        with engine.begin() as connection:
            connection.execute(sa.insert(models.Exclusion).values(
                {**ROW, **values}))

    def _targets(self):
        return {one.target for one in self._store().read()}

    def test_what_is_written(self):
        written = [exclusion(), exclusion('server', Kind.HOST),
                   exclusion('7', Kind.AGGREGATE, name='racks',
                             until=test_exclusions.UNTIL)]
        for one in written:
            self._store().save(one)
        self.assertCountEqual(written, self._store().read())

    def test_a_newer_one_takes_the_place_of_the_older(self):
        made = self._store()
        made.save(exclusion())
        made.save(exclusion(reason='later'))
        self.assertEqual([exclusion(reason='later')], made.read())

    def test_delete(self):
        made = self._store()
        made.save(exclusion('a'))
        made.save(exclusion('a', Kind.HOST))
        made.delete(Kind.SERVER, 'a')
        made.delete(Kind.SERVER, 'b')
        self.assertEqual([exclusion('a', Kind.HOST)], made.read())

    def test_purge(self):
        made = self._store()
        made.save(exclusion('a', until=test_exclusions.UNTIL))
        made.save(exclusion('b'))
        made.purge(test_exclusions.SINCE)
        self.assertEqual({'a', 'b'}, self._targets())
        made.purge(test_exclusions.UNTIL)
        self.assertEqual({'b'}, self._targets())

    @ddt.data({'reason': ' '}, {'reason': 'x' * 1001}, {'user': 'x' * 256},
              {'name': 'x' * 256}, {'until': test_exclusions.SINCE},
              {'since': sa.text("'soon'")}, {'until': sa.text("'soon'")})
    def test_a_row_that_was_written_by_hand_counts(self, values):
        made = self._store()
        made.save(exclusion())
        self._insert(**values)
        self.assertEqual({(Kind.HOST, 'h'), exclusion().key},
                         {one.key for one in made.read()})

    @ddt.data({'kind': 'cell'}, {'target': ''})
    def test_a_row_that_nobody_could_match(self, values):
        self._store()
        self.assertRaises(sa.exc.IntegrityError, self._insert, **values)

    def test_without_a_table(self):
        made = self._store(upgrade=False)
        for call in (made.read, lambda: made.save(exclusion()),
                     lambda: made.delete(Kind.SERVER, 'a'),
                     lambda: made.purge(test_exclusions.UNTIL)):
            self.assertRaises(exception.DecisionsUnavailable, call)
