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

"""The tutorial's commands are there, and in an order that makes sense."""

import pathlib
import re
import tomllib

from oslotest import base

from cloud.scenario import runbook

TOP = pathlib.Path(__file__).resolve().parents[2]
PAGE = TOP / 'doc/source/contributor/first-hour.rst'
#: What has to be typed after what came before.
ORDER = (
    'python3 -m cloud up', '. /var/tmp/failover-cloud/openrc-admin',
    'openstack server create', 'nova-failover plan',
    'python3 -m cloud site primary lose',
    'cinder failover-host little@repl --backend_id secondary',
    'nova-failover status little@repl --check', 'nova-failover history',
    'nova-failover report FAILOVER', 'python3 -m cloud site primary restore',
    'cinder failover-host little@repl --backend_id default',
    'nova-failover status little@repl --check', 'python3 -m cloud down')


class TestFirstHour(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.commands = runbook.commands(PAGE.read_text())
        self.lines = [command.text for command in self.commands]

    def test_order(self):
        lines = iter(self.lines)
        self.assertEqual([], [start for start in ORDER if not any(
            line.startswith(start) for line in lines)])

    def test_commands_of_the_cloud(self):
        """Its README has a paragraph for each."""
        known = (TOP / 'cloud/README.rst').read_text()
        for line in self.lines:
            if line.startswith('python3 -m cloud '):
                self.assertRegex(known, rf'(?m)^``{line.split()[3]}\b')

    def test_commands_of_nova_failover(self):
        """Each is an entry point, and its page has each of the options."""
        project = tomllib.loads((TOP / 'pyproject.toml').read_text())
        known = project['project']['entry-points']['nova_failover.cli']
        for line in self.lines:
            if line.startswith('nova-failover '):
                name = line.split()[1]
                self.assertIn(name, known)
                page = TOP / f'doc/source/cli/nova-failover-{name}.rst'
                for option in re.findall(r' (--[a-z-]+)', line):
                    self.assertIn(f'``{option}', page.read_text())

    def test_placeholders(self):
        """There is one, and the text says what to put in."""
        self.assertEqual({'FAILOVER'}, {
            name for command in self.commands
            for name in command.placeholders})

    def test_each_step_shows_something(self):
        """A newcomer has to see whether it went well."""
        sections = {command.section for command in self.commands}
        shown = {command.section for command in self.commands
                 if command.shown}
        self.assertEqual({'Where to go from here'}, sections - shown)


class TestShown(base.BaseTestCase):

    def missing(self, *lines):
        return runbook.Command('', 'look', lines).missing(
            '+----+\n| web |  req-1 |\nlast line\n')

    def test_there(self):
        self.assertEqual([], self.missing('| web | req-… |', 'last line'))

    def test_missing(self):
        self.assertEqual(['| web | req-2 |', 'line'], self.missing(
            '| web | req-2 |', 'line'))

    def test_output_of_a_block(self):
        text = ('Look::\n\n   $ look\n   +---+\n   | a |\n   +---+\n'
                '   $ go\n')
        self.assertEqual(
            [runbook.Command('', 'look', ('| a |',)),
             runbook.Command('', 'go')], runbook.commands(text))
