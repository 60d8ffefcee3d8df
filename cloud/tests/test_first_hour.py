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

"""The commands of the tutorial print what it shows, word by word."""

import re

from cloud.scenario import runbook
from cloud import settings
from cloud.tests import base
from cloud.tests import test_runbook
from cloud import waiting

#: What the tests have done before, and what ends them.
LEFT_OUT = re.compile(r'python3 -m cloud (up|down|restart)')


class FirstHourTest(test_runbook.ShellTestCase, base.OwnServersTestCase):
    """From the first server to the failback."""

    def setUp(self) -> None:
        """Stand in the checkout."""
        super().setUp()
        self.folder = self.conf.checkout
        self.printed = ''

    def test_word_by_word(self) -> None:
        """Each command, until it shows what the page shows."""
        page = self.folder / 'doc/source/contributor/first-hour.rst'
        for command in runbook.commands(page.read_text()):
            if not LEFT_OUT.match(command.text):
                self.follow(command)
        self.assertIn('try-first', (self.home / 'failover.html').read_text())

    def follow(self, command: runbook.Command) -> None:
        """Type a command; once, if it shows nothing.

        :param command: the command
        """
        line = self.here(command.filled({'FAILOVER': self.failover()}))
        if not command.shown:
            self.assert_types(line)
            return
        try:
            waiting.wait_for(f'the output of {line}', lambda: self.shows(
                command, line), test_runbook.PATIENCE, 2)
        except waiting.WaitTimeout as error:
            self.fail(f'{error}: {command.missing(self.printed)} is not in '
                      f'{self.printed}')

    def shows(self, command: runbook.Command, line: str) -> bool:
        """Type a command, and compare its output with the page.

        :param command: the command
        :param line: what is typed
        :returns: whether it succeeds and prints what the page shows
        """
        done = self.type(line)
        self.printed = done.stderr + done.stdout
        return done.returncode == 0 and not command.missing(self.printed)

    def here(self, line: str) -> str:
        """A command for this cloud, which may be in another folder.

        :param line: as the page has it
        :returns: what is typed
        """
        line = line.replace(str(settings.DEFAULT_ROOT), str(self.conf.root))
        if line.startswith('python3 -m cloud '):
            line += f' --root {self.conf.root}'
        return line

    def failover(self) -> str:
        """The id of the first failover of the server, if there was one."""
        server = self.world.admin.compute.find_server('try-first')
        made = server and self.world.recoveries('admin', server.id)
        return made[0].request_id if made else ''
