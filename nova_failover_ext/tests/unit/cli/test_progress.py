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

"""How progress is shown."""

import io

import testtools

from nova_failover_ext.cli import progress
from nova_failover_ext.engine import plan
from nova_failover_ext.tests.unit.engine import fakes


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self):
        return True


class ProgressTest(testtools.TestCase):
    """Lines and bars."""

    def setUp(self):
        super().setUp()
        self.start = fakes.found(fakes.server_plan())
        self.end = fakes.found(fakes.server_plan(verdict=plan.Verdict.SKIP))

    def _show(self, stream):
        with progress.Progress(stream) as display:
            for found in (self.start, self.start, self.end):
                display.show(found)
        return stream.getvalue()

    def test_lines_only_when_something_changed(self):
        self.assertEqual(
            '0 of 1 servers converged\n1 of 1 servers converged\n',
            self._show(io.StringIO()))

    def test_bar(self):
        self.assertIn('1/1', self._show(Terminal()))
