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

"""What is to be done to a server."""

import testtools

from nova_failover_ext.tests.unit.engine import fakes

OTHER = fakes.part(backend='other', failover_id='req-1',
                   volumes=(('vol2', ''),))


class WorkTest(testtools.TestCase):
    """One server for all its backends."""

    def test_of_all_parts(self):
        work = fakes.work(parts=(fakes.part(), OTHER))
        self.assertEqual({'vol': 'second', 'vol2': ''}, work.volumes)
        self.assertEqual({fakes.BACKEND, 'other'}, work.backends)
        self.assertEqual(OTHER, work.part('other'))
        self.assertIsNone(work.part('third'))

    def test_failover_id_whatever_the_order(self):
        parts = (fakes.part(), OTHER)
        self.assertEqual('req-1', fakes.work(parts=parts).failover_id)
        self.assertEqual('req-1', fakes.work(parts=parts[::-1]).failover_id)

    def test_without(self):
        work = fakes.work(parts=(fakes.part(), OTHER))
        self.assertEqual(fakes.work(), work.without('other'))
        self.assertIsNone(fakes.work().without(fakes.BACKEND))
        self.assertEqual(work, work.without('third'))

    def test_joined(self):
        older = fakes.work(parts=(fakes.part(target='old'), OTHER),
                           host='compute2', policy='detach')
        newer = fakes.work()
        self.assertEqual(newer, newer.joined(None))
        self.assertEqual(
            fakes.work(parts=(OTHER, fakes.part()), policy='detach'),
            newer.joined(older))

    def test_policy_of_the_same_backend_goes_with_its_work(self):
        older = fakes.work(policy='detach')
        self.assertIsNone(fakes.work().joined(older).policy)

    def test_covers(self):
        both = fakes.work(parts=(fakes.part(), OTHER))
        self.assertTrue(both.covers(fakes.work()))
        self.assertFalse(fakes.work().covers(both))
        self.assertFalse(both.covers(fakes.work(volumes=(('vol', ''),))))
