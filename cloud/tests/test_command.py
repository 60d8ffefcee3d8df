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
"""Wrong use of ``nova-failover``: one clear sentence, and a failure."""

import pathlib
import re

from cloud.services import registry
from cloud.tests import base


class CommandTest(base.CloudTestCase):
    """What an operator meets when something is missing."""

    core = True
    plugin = True

    def assert_refuses(self, done, *words: str) -> None:
        """The command failed with one sentence.

        :param done: the completed process
        :param words: what the sentence has to name
        """
        self.assertNotEqual(0, done.returncode)
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        self.assertEqual(1, len(lines), done.stderr)
        self.assertNotIn('Traceback', done.stderr)
        for word in words:
            self.assertIn(word, lines[0])

    def variant(self, pattern: str, replacement: str) -> str:
        """The engine's configuration with something changed.

        :param pattern: a regular expression
        :param replacement: what comes in its place
        :returns: the path of the changed file
        """
        file = registry.ENGINE.file(self.stage.conf)
        text, count = re.subn(pattern, replacement, file.read_text(),
                              flags=re.S)
        self.assertNotEqual(0, count)
        changed = pathlib.Path(f'{file}.variant')
        changed.write_text(text)
        self.addCleanup(changed.unlink)
        return str(changed)

    def test_unknown_backend(self) -> None:
        """A backend that Cinder does not have."""
        for verb in ('plan', 'status', 'recover'):
            self.assert_refuses(self.command(verb, 'little@nowhere'),
                                'little@nowhere')

    def test_no_credentials(self) -> None:
        """A configuration that has no account in Cinder."""
        config = self.variant(r'\[cinder\]\nauth_type.*?catalog_info',
                              '[cinder]\ncatalog_info')
        self.assert_refuses(self.command('plan', 'little@repl',
                                         config=config), 'credentials')

    def test_broker_down(self) -> None:
        """A broker that is not there."""
        port = self.stage.conf.port('rabbitmq')
        config = self.variant(f':{port}/', ':1/')
        self.assert_refuses(self.command('recover', 'little@repl',
                                         config=config))

    def test_engine_down(self) -> None:
        """An engine that is not there."""
        self.stage.stack.stop_one(registry.ENGINE.name)
        self.addCleanup(self.stage.stack.start_one, registry.ENGINE.name)
        self.assert_refuses(self.command('recover', 'little@repl'), 'engine')

    def test_no_such_file(self) -> None:
        """A configuration file that is not there."""
        self.assert_refuses(self.command('plan', 'little@repl',
                                         config='/nowhere/nova.conf'))
