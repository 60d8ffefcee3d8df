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

"""Compares what became of tests before and after a series, and prints it."""

import collections
from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses
import re

import prettytable

from tools.patches import runner
from tools import run_tests

Outcomes = Mapping[str, runner.Outcome]

# What ddt appends to the name of a test.
_CASE = re.compile(r'_\d+(_\w*)?$')


def count(outcomes: Iterable[runner.Outcome]) -> run_tests.Count:
    """Count what became of tests."""
    counted = run_tests.Count()
    for outcome in outcomes:
        if outcome.passed:
            counted.passed += 1
        elif outcome.skipped:
            counted.skipped += 1
        else:
            counted.failed += 1
    return counted


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What a series does to the tests of a tree.

    :ivar before: what became of each on the release
    :ivar after: what became of each with the series
    :ivar rewritten: tests that the series gives other, maybe fewer, cases
    """

    before: Outcomes
    after: Outcomes
    rewritten: frozenset[str] = frozenset()

    @property
    def known(self) -> list[str]:
        """Tests that fail, and have failed without the series."""
        return sorted(_failing(self.after) - {*self.broken})

    @property
    def broken(self) -> list[str]:
        """Tests that fail, and passed without the series or are new."""
        # Nobody knows what fails among tests that cannot be loaded.
        excused = _failing(self.before) - {runner.LOADING}
        return sorted(_failing(self.after) - excused)

    @property
    def gone(self) -> list[str]:
        """Tests that passed without the series and are not run with it.

        ddt names a case by its number and data, so a case with other data has
        another name. It is not gone if its test passes as many cases as
        before, or is rewritten and passes one.
        """
        before, after = _cases(self.before), _cases(self.after)
        for test in self.rewritten & after.keys():
            before[test] = 1
        return sorted(
            test for test, outcome in self.before.items() if outcome.passed
            and (test not in self.after or self.after[test].skipped)
            and after[_test_of(test)] < before[_test_of(test)])

    def count(self) -> run_tests.Count:
        """Count the tests with the series; those known to fail are skipped."""
        skipped = [outcome for test, outcome in self.after.items()
                   if outcome.skipped and test not in self.gone]
        return run_tests.Count(
            count(self.after.values()).passed,
            len(self.broken) + len(self.gone),
            len(skipped) + len(self.known))


def table(comparison: Comparison, labels: Mapping[str, str]) -> str:
    """Return counts before and after side by side, by label.

    :param labels: what the tests below a name are about
    """
    made = prettytable.PrettyTable(['tests', 'before', 'after'], align='r')
    made.align['tests'] = 'l'
    sides = (comparison.before, comparison.after)
    before, after = (_grouped(side, labels) for side in sides)
    for label in dict.fromkeys([*labels.values(), *before, *after]):
        made.add_row([label, *(count(side.get(label, ()))
                               for side in (before, after))])
    made.add_row(['all', *(count(side.values()) for side in sides)])
    return made.get_string()


def _test_of(name: str) -> str:
    return _CASE.sub('', name)


def _cases(outcomes: Outcomes) -> collections.Counter[str]:
    return collections.Counter(_test_of(name) for name, outcome
                               in outcomes.items() if outcome.passed)


def _failing(outcomes: Outcomes) -> set[str]:
    return {test for test, outcome in outcomes.items()
            if not outcome.passed and not outcome.skipped}


def _grouped(outcomes: Outcomes, labels: Mapping[str, str]
             ) -> dict[str, list[runner.Outcome]]:
    grouped: dict[str, list[runner.Outcome]] = {}
    for test, outcome in outcomes.items():
        name = next((name for name in labels if test.startswith(f'{name}.')),
                    None)
        label = labels[name] if name else 'not to be loaded'
        grouped.setdefault(label, []).append(outcome)
    return grouped
