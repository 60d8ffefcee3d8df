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
"""What has been proven on which kind of storage: a table that runs write."""

import collections.abc
import csv
import dataclasses
import datetime
import inspect
import pathlib
import unittest

HEADER = ('Storage', 'What', 'Outcome', 'Seconds', 'Day', 'Test')


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of one test.

    :ivar test: the test
    :ivar word: ``passed``, ``failed``, ``failed as expected`` or ``skipped``
    :ivar seconds: how long it took
    """

    test: unittest.TestCase
    word: str
    seconds: float

    @property
    def name(self) -> str:
        """The name of the test, without its package."""
        return self.test.id().removeprefix('cloud.tests.')

    def row(self, kind: str) -> list[str]:
        """The line of the table, see :data:`HEADER`.

        :param kind: the kind of storage that the test ran on
        """
        today = datetime.datetime.now(datetime.UTC).date().isoformat()
        return [kind, self.what(), self.word, f'{self.seconds:.0f}', today,
                self.name]

    def what(self) -> str:
        """The first line of each of its docstrings, or nothing."""
        method = getattr(self.test, self.name.rpartition('.')[2])
        texts = (inspect.getdoc(each) for each in (type(self.test), method))
        return ' '.join(text.splitlines()[0] for text in texts if text)


def write(file: pathlib.Path, kind: str,
          outcomes: collections.abc.Iterable[Outcome]) -> None:
    """Put outcomes into a table, in place of earlier ones of these tests.

    :param file: the table, as CSV; it is made if there is none
    :param kind: the kind of storage that the tests ran on
    :param outcomes: of a run
    """
    rows = {(row[0], row[-1]): row for row in _read(file)}
    for outcome in outcomes:
        rows[kind, outcome.name] = outcome.row(kind)
    with file.open('w', newline='', encoding='utf-8') as stream:
        writer = csv.writer(stream, lineterminator='\n')
        writer.writerow(HEADER)
        writer.writerows(row for _key, row in sorted(rows.items()))


def _read(file: pathlib.Path) -> list[list[str]]:
    if not file.exists():
        return []
    with file.open(newline='', encoding='utf-8') as stream:
        return list(csv.reader(stream))[1:]
