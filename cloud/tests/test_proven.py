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
"""The table that runs write."""

import csv
import pathlib
import unittest

import fixtures
import testtools

from cloud import settings
from cloud.tests import proven


class _Tried(unittest.TestCase):
    """A thing."""

    def shown(self) -> None:
        """Works.

        And more.
        """


class TableTest(testtools.TestCase):
    """A run replaces what it has tried again, and keeps the rest."""

    core = True
    storage = settings.KINDS

    def test_write(self) -> None:
        """Each kind of storage has lines of its own."""
        file = pathlib.Path(self.useFixture(fixtures.TempDir()).path, 'table')
        test = _Tried('shown')
        for kind, word in (('iscsi', 'failed'), ('ceph', 'passed'),
                           ('iscsi', 'passed')):
            proven.write(file, kind, [proven.Outcome(test, word, 61.4)])
        with file.open(encoding='utf-8') as stream:
            header, *rows = csv.reader(stream)
        self.assertEqual(proven.HEADER, tuple(header))
        name = 'test_proven._Tried.shown'
        self.assertEqual(
            [['ceph', 'A thing. Works.', 'passed', '61', name],
             ['iscsi', 'A thing. Works.', 'passed', '61', name]],
            [[*row[:4], row[5]] for row in rows])
