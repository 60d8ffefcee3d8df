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


"""What a test may want of a driver, in files."""

import pathlib

import ddt
import fixtures

from cinder_failover_hooks.testing import replicated_backend
from cinder_failover_hooks.testing import script
from cinder_failover_hooks.tests.unit import base

CALL = script.Call('failover', 'ctl1@rbd', 'a-volume')


@ddt.ddt
class TestScript(base.TestCase):
    """Both ends of the folder."""

    def setUp(self) -> None:
        """Make a folder, and look at it as a driver and as a test does."""
        super().setUp()
        folder = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.test = script.Script(folder / 'control')
        self.test.make()
        self.driver = script.Script(folder / 'control')

    def _raises(self, call: script.Call = CALL) -> bool:
        try:
            self.driver.enter(call)
        except ZeroDivisionError:
            return True
        return False

    def _fault(self, **kwargs: object) -> script.Fault:
        return script.Fault('failover', 'builtins.ZeroDivisionError',
                            **kwargs)  # type: ignore[arg-type]

    def test_once(self) -> None:
        """The next call goes through."""
        self.test.fail(self._fault())
        self.assertEqual([True, False], [self._raises(), self._raises()])

    def test_twice(self) -> None:
        """Each fault is for one call."""
        self.test.fail(self._fault())
        self.test.fail(self._fault())
        self.assertEqual([True, True, False],
                         [self._raises() for _ in range(3)])

    def test_always_until_forgotten(self) -> None:
        """By the test."""
        self.test.fail(self._fault(once=False))
        self.assertEqual([True, True], [self._raises(), self._raises()])
        self.test.forget_faults()
        self.assertFalse(self._raises())

    @ddt.data(({'volume_id': 'a-volume'}, True),
              ({'volume_id': 'another'}, False),
              ({'host': 'ctl1@rbd'}, True), ({'host': 'ctl2@rbd'}, False),
              ({'after': True}, False))
    @ddt.unpack
    def test_only_some_calls(self, only: dict[str, object],
                             raises: bool) -> None:
        """Of a volume, of a host, or when they have done their work."""
        self.test.fail(self._fault(**only))
        self.assertEqual(raises, self._raises())

    def test_after(self) -> None:
        """The call has done its work."""
        self.test.fail(self._fault(after=True))
        self.assertFalse(self._raises())
        self.assertRaises(ZeroDivisionError, self.driver.leave, CALL)

    def test_calls(self) -> None:
        """Noted in order."""
        other = script.Call('failover_completed', 'ctl1@rbd', None, 'site-b')
        self.assertEqual([], self.test.calls())
        self.driver.enter(CALL)
        self.driver.enter(other)
        self.assertEqual([CALL, other], self.test.calls())
        self.assertEqual([other], self.test.calls('failover_completed'))

    def test_volumes(self) -> None:
        """What is said of one, or what is usual."""
        usual = {'replication_status': 'enabled'}
        self.assertEqual(usual, self.driver.updates('a', usual))
        self.test.set_updates('a', {'status': 'error'})
        self.test.set_updates('b', None)
        self.test.fail_volume('c')
        self.assertEqual({'status': 'error'}, self.driver.updates('a', usual))
        self.assertIsNone(self.driver.updates('b', usual))
        self.assertEqual(usual, self.driver.updates('c', usual))
        self.assertEqual([False, False, True],
                         [self.driver.fails(name) for name in 'abc'])

    def test_behaviour(self) -> None:
        """One of the drivers, otherwise nothing special."""
        self.assertEqual(script.ORDINARY, self.driver.behaviour())
        self.test.behave_as('xiv')
        self.assertEqual('xiv', self.driver.behaviour().name)
        self.assertRaises(KeyError, self.test.behave_as, 'unknown')

    def test_nobody_wants_anything(self) -> None:
        """In production there is no folder, and no file is read."""
        nobody = script.Script(None)
        nobody.enter(CALL)
        nobody.leave(CALL)
        self.assertEqual((script.ORDINARY, False, {}), (
            nobody.behaviour(), nobody.fails('a'), nobody.updates('a', {})))


class TestWaiting(base.TestCase):
    """Waiting for a condition."""

    def test_it_comes_true(self) -> None:
        """What it returned is returned."""
        answers = iter((None, '', 'found'))
        self.assertEqual('found', replicated_backend.wait_until(
            'it', lambda: next(answers)))

    def test_it_does_not(self) -> None:
        """The error says what has not."""
        error = self.assertRaises(TimeoutError, replicated_backend.wait_until,
                                  'the end', lambda: False, 0)
        self.assertEqual('the end did not come true', str(error))
