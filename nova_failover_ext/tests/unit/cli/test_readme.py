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

"""What the README shows is what the commands print."""

import pathlib
import re
import tomllib

import testtools

from nova_failover_ext.cli import backend_status
from nova_failover_ext.cli import rows
from nova_failover_ext.engine.planner import server_plans
from nova_failover_ext.tests.unit.engine import fakes

TOP = pathlib.Path(__file__).resolve().parents[4]
README = (TOP / 'README.rst').read_text()
SKIP, DEFER = server_plans.Verdict.SKIP, server_plans.Verdict.DEFER


class ReadmeTest(testtools.TestCase):

    def test_sample_of_status(self):
        found = fakes.found(
            fakes.server_plan(
                server=fakes.server(id='1', name='db'), verdict=SKIP,
                reason='its connection is that of site-b'),
            fakes.server_plan(
                server=fakes.server(id='2', name='web', vm_state='paused'),
                verdict=DEFER, reason='the server is paused'),
            backend=fakes.backend(fakes.member(
                host='ctl1@rbd', active_backend_id='site-b')))
        shown_as = backend_status.of(found, {}, {})
        self.assertIn(f'   {backend_status.summary(shown_as)}\n',
                      README.replace('ctl1@rbd is',
                                     f'{found.backend.name} is'))
        header, *shown = [
            [cell.strip() for cell in line.strip(' |').split('|')]
            for line in re.findall(r'^   (\|.*\|)$', README, re.M)]
        self.assertEqual(
            [[dict(zip(rows.STATUS_COLUMNS, row, strict=True))[name]
              for name in header]
             for row in shown_as.rows()], shown)

    def test_commands(self):
        """Each command and program that it names is there."""
        project = tomllib.loads(
            (TOP / 'pyproject.toml').read_text())['project']
        commands = project['entry-points']['nova_failover.cli']
        named = set(re.findall(r'nova-failover ([a-z]+)', README))
        self.assertLessEqual({'check', 'plan', 'status'}, named)
        self.assertLessEqual(named, set(commands))
        programs = set(re.findall(r'``(nova-[a-z-]+)``', README))
        self.assertLessEqual(programs - {'nova-compute'},
                             set(project['scripts']))

    def test_length(self):
        """A newcomer reads it in two minutes."""
        self.assertLessEqual(len(README.split()), 500)
