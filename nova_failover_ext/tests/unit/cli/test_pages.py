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

"""Every command has a page, which tells of each option and exit code."""

import pathlib
from unittest import mock

import ddt
import testtools

from nova_failover_ext.cli import check
from nova_failover_ext.cli import exclude
from nova_failover_ext.cli import history
from nova_failover_ext.cli import main
from nova_failover_ext.cli import pause
from nova_failover_ext.cli import plan
from nova_failover_ext.cli import recover
from nova_failover_ext.cli import report
from nova_failover_ext.cli import status

TOP = pathlib.Path(__file__).resolve().parents[4]
PAGES = TOP / 'doc/source/cli'
#: Cliff's own, and what every command has.
COMMON = {'--help', '--format', '--column', '--quote', '--noindent',
          '--max-width', '--fit-width', '--print-empty', '--sort-column',
          '--sort-ascending', '--sort-descending'}


@ddt.ddt
class PagesTest(testtools.TestCase):
    """Held against what the commands take."""

    @ddt.data(check.Check, exclude.Exclude, exclude.Include,
              history.History, pause.Pause, pause.Resume,
              plan.Plan, recover.Recover, report.Report, status.Status)
    def test_page(self, kind):
        name = kind.__name__.lower()
        self.assertIn('%s = "%s:%s"\n' % (
            name, kind.__module__, kind.__name__),
            (TOP / 'pyproject.toml').read_text())
        page = (PAGES / ('nova-failover-%s.rst' % name)).read_text()
        app = mock.create_autospec(main.FailoverApp, instance=True)
        parser = kind(app, None).get_parser('nova-failover %s' % name)
        options = {option for action in parser._actions
                   for option in action.option_strings
                   if option.startswith('--')} - COMMON
        for option in options:
            # In the synopsis, and where it is explained.
            synopsis = page.replace(' -o FILE', ' [--output FILE]')
            self.assertRegex(synopsis, r'[\[( ]%s\b' % option)
            self.assertRegex(page, r'(?m)^(``-o FILE``, )?``%s\b' % option)
        for code in kind.exit_codes:
            self.assertIn('   * - %d\n' % code, page)
        overview = (PAGES / 'nova-failover.rst').read_text()
        self.assertIn(':doc:`nova-failover-%s`' % name, overview)
        for code in kind.exit_codes:
            self.assertIn('   * - %d\n' % code, overview)
