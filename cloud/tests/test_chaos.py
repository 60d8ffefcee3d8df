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

"""Any part dies at any moment of a failover; nobody gives a command."""

import os
import random

import testtools

from cloud.scenario import chaos
from cloud.tests import base
from cloud.tests import chaos_scene

#: Set them to see the same rounds again, or more of them.
SEED = 'FAILOVER_CLOUD_SEED'
ROUNDS = 'FAILOVER_CLOUD_ROUNDS'
#: What an undisturbed recovery takes here, for the short test.
SPAN = 15


class DrawTest(testtools.TestCase):
    """What the rounds are made of."""

    core = True

    def test_same_again(self) -> None:
        """A seed gives the same rounds, another one others."""
        self.assertEqual(chaos.draw(5, 20), chaos.draw(5, 20))
        self.assertNotEqual(chaos.draw(5, 20), chaos.draw(6, 20))

    def test_everybody_dies(self) -> None:
        """Each victim has its turn; inside Cinder only what it needs."""
        rounds = chaos.draw(7, 20)
        self.assertEqual(set(chaos.VICTIMS), {
            blow.victim for each in rounds for blow in each.blows})
        within = [each for each in rounds if each.inside]
        self.assertEqual(5, len(within))
        self.assertLessEqual({blow.victim for each in within
                              for blow in each.blows}, set(chaos.CINDERS))
        # The data at the site that is left comes back from there.
        self.assertEqual([], [each for each in rounds if each.lose
                              and each.target == 'default'])

    def test_tally(self) -> None:
        """Each victim has a line, all together the last."""
        tally = chaos.Tally()
        tally.add(['rabbitmq', chaos.ALL], chaos.Outcome(10, cycles=2))
        tally.add(['mariadb', chaos.ALL], chaos.Outcome(30, retries=1))
        self.assertEqual(
            [['mariadb', '1', '30.0', '30.0', '1', '0', '0', '0'],
             ['rabbitmq', '1', '10.0', '10.0', '0', '2', '0', '0'],
             ['all', '2', '20.0', '30.0', '1', '2', '0', '0']],
            [line.split() for line in tally.lines()[1:]])


class ChaosTestCase(base.OwnServersTestCase):
    """Rounds that begin and end with everything in order."""

    plugin = True

    def setUp(self) -> None:
        """Make servers that are recovered in each way."""
        super().setUp()
        self.make(lambda: self.cast.make_one('hot'),
                  lambda: self.cast.make_one('boot', boot=True),
                  lambda: self.cast.make_one('mounted', mounted=True,
                                             policy='power-cycle'))
        self.before = self.snapshot()
        self.tally = chaos.Tally()
        # Nova deletes a server without its host if that seems to be down.
        self.addCleanup(self.stage.stack.wait_ready)

    def play(self, count: int, spans: dict[str, float]) -> None:
        """Play rounds, and print what came of them.

        :param count: how many
        :param spans: seconds of an undisturbed recovery, by target
        """
        seed = int(os.environ.get(SEED) or random.SystemRandom().getrandbits(
            32))
        print(f'{SEED}={seed} {ROUNDS}={count}', flush=True)
        try:
            for each in chaos.draw(seed, count):
                print(each, flush=True)
                outcome = chaos_scene.Scene(self, each).play(
                    spans[each.target])
                print(f'  {outcome}', flush=True)
                self.tally.add([*(blow.victim for blow in each.blows),
                                chaos.ALL], outcome)
        finally:
            print('\n'.join(self.tally.lines()), flush=True)

    def undisturbed(self, target: str) -> float:
        """Fail over without a victim.

        :param target: ``secondary`` or ``default``
        :returns: the seconds it took
        """
        number = int(target == 'default')
        outcome = chaos_scene.Scene(
            self, chaos.Round(number, False, False, ())).play(0)
        print(f'undisturbed to {target}: {outcome}', flush=True)
        self.tally.add(['nobody'], outcome)
        return outcome.seconds


class ChaosTest(ChaosTestCase):
    """Twenty rounds, or what the environment says."""

    def test_rounds(self) -> None:
        """The moments are spread over the time that recoveries take."""
        spans = {target: self.undisturbed(target)
                 for target in ('secondary', 'default')}
        self.play(int(os.environ.get(ROUNDS) or 20), spans)


class ShortChaosTest(ChaosTestCase):
    """There and back."""

    core = True

    def test_there_and_back(self) -> None:
        """One or two die in each."""
        self.play(2, {'secondary': SPAN, 'default': SPAN})
