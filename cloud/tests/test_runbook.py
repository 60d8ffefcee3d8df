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

"""The commands of the runbook do what it says, word by word."""

import re
import subprocess
import time
import tomllib

import testtools

from cloud import bootstrap
from cloud import processes
from cloud.scenario import runbook
from cloud.services import registry
from cloud.tests import base
from cloud.tests import stage
from cloud import waiting

#: Seconds that a command may take; some of them wait for a recovery.
PATIENCE = 400
#: What a command may end with beside 0, as doc/source/cli says.
CODES = {'nova-failover check': {6}, 'nova-failover status': {5, 11, 12}}
#: The sections before which something happens to the primary.
LOST = 'The array is lost'
BACK = 'Going back'


TEXT = '''\
One
===

Say ``nova-failover plan
HOST@BACKEND``, and in a list:

#. First::

       cinder failover-host HOST@BACKEND

   The column ``Reason`` says more.

Two
===

.. code-block:: console

   $ openstack server show \\
         SERVER
   +--------+
   # nova-failover status

Then ``cinder list --all``, after ``nova-failover plan``.
'''


class CommandsTest(testtools.TestCase):
    """What of a text is a command."""

    core = True

    def test_found_in_order(self) -> None:
        """In sentences and in blocks, without prompts and output."""
        self.assertEqual(
            [('One', 'nova-failover plan HOST@BACKEND'),
             ('One', 'cinder failover-host HOST@BACKEND'),
             ('Two', 'openstack server show SERVER'),
             ('Two', 'nova-failover status'),
             ('Two', 'cinder list --all')],
            [(each.section, each.text) for each in runbook.commands(TEXT)])

    def test_placeholders(self) -> None:
        """Each is filled in; one that nobody knows is an error."""
        command = runbook.Command('', 'cinder failover-host HOST@BACKEND -o A')
        self.assertEqual('cinder failover-host a@b -o A', command.filled(
            {'HOST@BACKEND': 'a@b', 'HOST': 'a'}))
        self.assertRaises(KeyError, command.filled, {'HOST': 'a'})


class ShellTestCase(testtools.TestCase):
    """A shell as an operator has it.

    :ivar home: the home directory
    :ivar folder: the working directory
    """

    plugin = True

    def setUp(self) -> None:
        """Make a home directory."""
        super().setUp()
        self.conf = stage.get().conf
        self.home = self.folder = self.conf.root / 'home'
        (self.home / '.nova').mkdir(parents=True, exist_ok=True)
        file = self.home / '.nova' / 'nova.conf'
        file.unlink(missing_ok=True)
        # Where a controller has it in /etc/nova.
        file.symlink_to(registry.ENGINE.file(self.conf))

    def type(self, line: str) -> subprocess.CompletedProcess:
        """Type a line into a shell, with the administrator's credentials.

        :param line: the command
        :returns: the completed process
        """
        began = time.monotonic()
        openrc = self.conf.root / 'openrc-admin'
        done = subprocess.run(
            ['/bin/bash', '-c', f'. {openrc}\n{line}'], text=True,
            capture_output=True, timeout=PATIENCE, check=False,
            # For what asks whether one is sure.
            input='y\n', cwd=self.folder,
            env=processes.environment({
                'HOME': str(self.home),
                'XDG_CACHE_HOME': str(bootstrap.cache_folder().parent)}))
        seconds = time.monotonic() - began
        print(f'  {line}: {done.returncode} after {seconds:.1f} s',
              flush=True)
        return done

    def assert_types(self, line: str, *codes: int) -> str:
        """A command ends as it should, and without a traceback.

        :param line: the command
        :param codes: the exit codes that it may have
        :returns: what it printed
        """
        done = self.type(line)
        text = done.stdout + done.stderr
        self.assertIn(done.returncode, codes or (0,), f'{line}: {text}')
        self.assertNotIn('Traceback', text)
        self.assertNotIn(self.conf.canary, text)
        return done.stdout


class RunbookTest(ShellTestCase, base.OwnServersTestCase):
    """From the day before to the day after, with a report of it."""

    def setUp(self) -> None:
        """Make a server that boots from a volume, and another one."""
        super().setUp()
        self.make(lambda: self.cast.make_one('boot', boot=True),
                  lambda: self.cast.make_one('data'))
        self.before = self.snapshot()

    def test_word_by_word(self) -> None:
        """Each section at its time, around a failover and a failback."""
        file = self.conf.checkout / 'doc/source/admin/runbook.rst'
        section = ''
        for command in runbook.commands(file.read_text()):
            if command.section != section:
                section = command.section
                print(f'{section}:', flush=True)
                self.enter(section)
            self.follow(command)
        self.wait_all('primary')
        self.assert_report()

    def assert_report(self) -> None:
        """The page names each server and no secret."""
        text = (self.home / 'failover.html').read_text()
        for each in self.cast.servers.values():
            self.assertIn(each, text)
        for secret in (self.conf.canary, self.conf.password,
                       'connection_info', 'device_path'):
            self.assertNotIn(secret, text)

    def enter(self, section: str) -> None:
        """Let happen what a section is about.

        :param section: its title
        """
        if section == LOST:
            self.lose_primary()
        elif section == BACK:
            self.wait_all('secondary')
            self.world.sites.switch('primary', 'up')

    def follow(self, command: runbook.Command) -> None:
        """Type a command, and wait as the text says.

        :param command: the command
        """
        line = command.filled(self.values())
        if line.startswith('openstack server') and ' set --state' in line:
            # For a server that is stuck; here none is.
            self.wait_all(self.world.backend()['active_backend_id']
                          or 'primary')
        if ' --check' in line:
            waiting.wait_for('the check to succeed', lambda: self.type(
                line).returncode == 0, PATIENCE, 2)
            return
        also = {code for start, codes in CODES.items()
                if line.startswith(start) for code in codes}
        self.assert_types(line, 0, *also)
        if ' reboot ' in line:
            self.world.wait_settled(self.cast.servers['boot'])

    def values(self) -> dict[str, str]:
        """What to put in for the placeholders."""
        server = self.cast.servers['boot']
        made = self.world.recoveries('admin', server)
        failover = made[0].request_id if made else 'req-none'
        project = self.world.admin.compute.get_server(server).project_id
        return {'HOST@BACKEND': self.world.backend_host,
                'BACKEND': self.world.backend_host,
                'SERVER': server, 'REQUEST': failover, 'FAILOVER': failover,
                'PROJECT': project, 'HOST': self.conf.host}

    def wait_all(self, site: str) -> None:
        """Wait until all servers use a site.

        :param site: the active one
        """
        for case, then in self.before.items():
            self.wait_case_healed(case, then, site)


class HelpTest(ShellTestCase):
    """Every command can be asked what it does."""

    core = True

    def test_help(self) -> None:
        """Each command and each program, and each has its page."""
        checkout = self.conf.checkout
        project = tomllib.loads((checkout / 'pyproject.toml').read_text())
        names = project['project']['entry-points']['nova_failover.cli']
        pages = '\n'.join(file.read_text() for file in
                          (checkout / 'doc/source/cli').rglob('*.rst'))
        for name in names:
            text = self.assert_types(f'nova-failover {name} --help')
            self.assertIn(f'usage: nova-failover {name}', text)
            # Nobody may have to look an option up in the code.
            for option in set(re.findall(r'^  (--[a-z-]+)', text, re.M)):
                if option not in OF_CLIFF:
                    self.assertIn(option, pages, f'{name} {option}')
        for program in project['project']['scripts']:
            self.assertIn('usage: ', self.assert_types(f'{program} --help'))


#: What cliff adds to lists.
OF_CLIFF = ('--max-width', '--fit-width', '--print-empty', '--quote',
            '--noindent', '--sort-column', '--sort-ascending',
            '--sort-descending', '--format', '--column', '--help')
