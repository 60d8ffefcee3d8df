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
"""Run the tests: a line for each, and one at the end."""

import logging
import pathlib
import time
import unittest

from cloud import settings
from cloud.tests import base
from cloud.tests import proven
from cloud.tests import stage

LOG = logging.getLogger(__name__)


class Lines(unittest.TestResult):
    """Prints the name and the outcome of each test."""

    def __init__(self) -> None:
        """Nothing has run yet."""
        super().__init__()
        self.passed = 0
        self.outcomes: list[proven.Outcome] = []
        self._began = 0.0

    def startTest(self, test: unittest.TestCase) -> None:  # noqa: N802
        """Say what runs."""
        super().startTest(test)
        self._began = time.monotonic()
        LOG.info('test %s', test.id())

    def _line(self, test: unittest.TestCase, word: str,
              outcome: str) -> None:
        """Print a test's outcome, and keep it."""
        seconds = time.monotonic() - self._began
        print(f'{test.id()} ... {outcome} ({seconds:.1f} s)', flush=True)
        self.outcomes.append(proven.Outcome(test, word, seconds))

    def addSuccess(self, test, details=None) -> None:  # noqa: N802
        """A test passed."""
        self.passed += 1
        self._line(test, 'passed', 'ok')

    def addSkip(self, test, reason='', details=None) -> None:  # noqa: N802
        """A test was skipped."""
        self._line(test, 'skipped', f'skipped {reason}')

    def addFailure(self, test, err=None, details=None) -> None:  # noqa: N802
        """A test failed."""
        self.failures.append((test, self._reason(err, details)))
        self._line(test, 'failed', f'FAILED\n{self.failures[-1][1]}\n')

    def addError(self, test, err=None, details=None) -> None:  # noqa: N802
        """A test broke."""
        self.addFailure(test, err, details)

    def addExpectedFailure(self, test, err=None,  # noqa: N802
                           details=None) -> None:
        """A test failed for a defect that it names."""
        self.expectedFailures.append((test, self._reason(err, details)))
        self._line(test, 'failed as expected',
                   f'expected failure\n{self._reason(err, details)}\n')

    def addUnexpectedSuccess(self, test,  # noqa: N802
                             details=None) -> None:
        """A test passed whose defect is mended: it has to say so."""
        self.failures.append((test, 'passed, and was expected to fail'))
        self._line(test, 'failed', f'FAILED {self.failures[-1][1]}')

    @staticmethod
    def _reason(err, details) -> str:
        """Why a test failed, from whichever kind of report."""
        if details:
            return '\n'.join(f'{name}: {content.as_text()}'
                             for name, content in details.items())
        return str(err[1]) if err else 'no reason given'


def select(names: list[str], everything: bool, patched: bool = False,
           storage: str = 'files') -> list[unittest.TestCase]:
    """Choose the tests, and put them in order.

    :param names: parts of the names of wanted tests; none means all
    :param everything: not only the core
    :param patched: leave out those of the plugin's engine and commands
    :param storage: the kind of storage that is tried
    :returns: the tests
    """
    def flat(suite) -> list[unittest.TestCase]:
        if isinstance(suite, unittest.TestSuite):
            return [test for part in suite for test in flat(part)]
        return [suite]

    found = flat(unittest.TestLoader().discover(
        'cloud.tests', top_level_dir=str(settings.Settings().checkout)))
    wanted = [test for test in found
              if (everything or getattr(test, 'core', False))
              and storage in getattr(test, 'storage', ('files',))
              and not getattr(test, 'plugin' if patched else 'series', False)
              and (not names or any(name in test.id() for name in names))]
    # Where tests with servers of their own come first, those that share some
    # make them but once.
    return sorted(wanted, key=lambda test: (
        not getattr(test, 'own', False), not getattr(test, 'first', False),
        getattr(test, 'last', False)))


def run(conf: settings.Settings, names: list[str], everything: bool,
        table: pathlib.Path | None = None) -> bool:
    """Run tests on a cloud that is up.

    :param conf: the settings
    :param names: parts of the names of wanted tests; none means all
    :param everything: not only the core
    :param table: where to write the outcomes, see ``cloud.tests.proven``
    :returns: whether all passed
    """
    stage.use(conf)
    lines = Lines()
    for test in select(names, everything, conf.patched, conf.kinds[0]):
        test.run(lines)
        # A run that is cut off has shown something, too.
        if table and isinstance(test, base.CloudTestCase):
            proven.write(table, conf.kinds[0], lines.outcomes[-1:])
    if lines.expectedFailures:
        print(f'{len(lines.expectedFailures)} failed as expected')
    print(f'{lines.passed} passed, {len(lines.failures)} failed')
    return lines.passed > 0 and not lines.failures
