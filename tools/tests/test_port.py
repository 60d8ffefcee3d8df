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

"""How a file of the plugin becomes one of the series."""

import pathlib
import subprocess

import fixtures
from oslotest import base

from tools import port

PATCH = """\
diff --git a/shared.py b/shared.py
new file mode 100644
--- /dev/null
+++ b/shared.py
@@ -0,0 +1 @@
+first
diff --git a/other.py b/other.py
--- a/other.py
+++ b/other.py
@@ -1 +1 @@
-nobody has it
+here
"""


class Port(base.BaseTestCase):

    TABLE = {'words': [['plugin', 'nova']], 'change': [],
             'forbidden': ['engine']}

    def port(self, text, *changes):
        return port.port(text, 'a.py', dict(
            self.TABLE, change=[dict(change, file='a.py')
                                for change in changes]))

    def test_words(self):
        self.assertEqual('nova.x', self.port('plugin.x'))

    def test_change(self):
        self.assertEqual('b', self.port('a', {'old': 'a', 'new': 'b'}))

    def test_change_from_here_to_there(self):
        self.assertEqual('1-end', self.port(
            '1 2 3 end', {'from': ' 2', 'to': 'end', 'new': '-'}))

    def test_change_of_another_file(self):
        table = dict(self.TABLE, change=[
            {'file': 'b.py', 'old': 'a', 'new': 'b'}])
        self.assertEqual('a', port.port('a', 'a.py', table))

    def test_change_that_finds_nothing(self):
        for change in ({'old': 'b', 'new': ''},
                       {'from': 'b', 'to': 'c', 'new': ''},
                       {'from': 'a', 'to': 'c', 'new': ''}):
            self.assertRaises(port.PortError, self.port, 'a', change)

    def test_forbidden_word(self):
        self.assertRaises(port.PortError, self.port, 'the engine does')


class SortImports(base.BaseTestCase):

    def test_groups_and_order(self):
        text = ('"""Doc."""\n\nfrom nova import utils\n'
                'from nova.compute import manager\nimport os\n\n'
                'from oslo_log import log as logging\n'
                'from collections.abc import Iterable, Mapping\n\nA = 1\n')
        self.assertEqual(
            '"""Doc."""\n\nfrom collections.abc import Iterable, Mapping\n'
            'import os\n\nfrom oslo_log import log as logging\n\n'
            'from nova.compute import manager\nfrom nova import utils\n\n'
            'A = 1\n', port.sort_imports(text, 'nova'))

    def test_nothing_to_sort(self):
        self.assertEqual('A = 1\n', port.sort_imports('A = 1\n', 'nova'))


class Check(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.root = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.series = self.root / 'patches' / 'nova' / '34.0.0'
        self.series.mkdir(parents=True)
        (self.series.parent / 'shared.toml').write_text(
            'words = []\nforbidden = []\nchange = []\nfolder = []\n'
            '[renamed]\n"own.py" = "shared.py"\n')
        self.useFixture(fixtures.MonkeyPatch('tools.port.CHECKOUT',
                                             self.root))
        self.useFixture(fixtures.MonkeyPatch('tools.port.PATCHES',
                                             self.root / 'patches'))
        (self.series / '0001-a.patch').write_text(PATCH)
        (self.root / 'own.py').write_text('first\n')

    def test_the_same(self):
        self.assertEqual(0, port.check('nova'))

    def test_drifted_apart(self):
        (self.root / 'own.py').write_text('second\n')
        self.assertEqual(1, port.check('nova'))

    def test_not_in_the_series(self):
        (self.series / '0001-a.patch').write_text(
            PATCH.replace('shared.py', 'elsewhere.py'))
        self.assertEqual(1, port.check('nova'))

    def test_no_series(self):
        (self.series / '0001-a.patch').unlink()
        self.series.rmdir()
        self.assertRaises(port.PortError, port.check, 'nova')

    def test_broken_patch(self):
        (self.series / '0001-a.patch').write_text(
            PATCH.replace('@@ -0,0 +1 @@\n', '@@ -1 +1 @@\n-gone\n'))
        self.assertRaises(subprocess.CalledProcessError, port.check, 'nova')

    def test_write(self):
        tree = self.root / 'tree'
        port.write('nova', tree)
        self.assertEqual('first\n', (tree / 'shared.py').read_text())
