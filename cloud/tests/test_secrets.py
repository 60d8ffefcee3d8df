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
"""The canary secret of the connections is found nowhere."""

import collections.abc
import re

from cloud import database
from cloud import settings
from cloud.tests import base

OURS = re.compile(r'(nova_failover_ext|cinder_failover_hooks)')


class SecretTest(base.CloudTestCase):
    """Nothing of ours writes a connection secret anywhere."""

    core = True
    last = True

    def test_handed_out(self) -> None:
        """The backend does hand the secret out: else this proves nothing."""
        rows = database.Database(self.stage.conf).execute(
            'SELECT connection_info FROM block_device_mapping '
            "WHERE deleted = 0 AND source_type = 'volume'", 'nova')
        self.assertTrue(any(settings.CANARY in (row['connection_info'] or '')
                            for row in rows))

    def test_not_in_our_logs(self) -> None:
        """No line of our loggers has it, nor any of the engine's log."""
        self.assertEqual([], list(self.leaks()))

    def leaks(self) -> collections.abc.Iterator[str]:
        """Lines with the secret.

        :returns: file names and the starts of lines
        """
        for file in self.stage.conf.log.glob('*.log'):
            whole = file.name == 'nova-failover-engine.log'
            for line in file.read_text(errors='replace').splitlines():
                if settings.CANARY in line and (whole or OURS.search(line)):
                    yield f'{file.name}: {line[:200]}'

    def test_not_in_actions_or_reports(self) -> None:
        """Neither the owners nor the operator are shown it."""
        shown = self.command('status', 'little@repl', '-f', 'json').stdout
        shown += self.command('plan', 'little@repl', '-f', 'json').stdout
        for case in self.stage.affected():
            for action in self.world.actions('admin', case.server):
                shown += f'{action.message} {action.events}'
        rows = database.Database(self.stage.conf).execute(
            'SELECT details FROM instance_actions_events', 'nova')
        rows += database.Database(self.stage.conf).execute(
            'SELECT message AS details FROM instance_actions', 'nova')
        shown += ' '.join(row['details'] or '' for row in rows)
        self.assertNotIn(settings.CANARY, shown)
