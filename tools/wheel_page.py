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

"""The releases that the wheel is tried on, and the page about it."""

import dataclasses
import datetime
import json
import pathlib

CHECKOUT = pathlib.Path(__file__).resolve().parent.parent
CONSTRAINTS = CHECKOUT / 'constraints'
STEPS = ('install', 'import', 'start', 'smoke')
#: What the libraries are beside which nothing may be replaced.
LIBRARIES = ('constraints', 'newest')
HEADER = '''\
..
   Written by this command; do not edit:
   tox -e wheels -- --write{options}

=============
Compatibility
=============

The wheel of this project was last installed on {date} into environments
made from PyPI, each with one release of Nova or Cinder, a Python that this
release supports, and the newest libraries that it works with
(``constraints/``). The table names the wheel of each row. In each environment,
outside of the checkout:

install
  ``pip install`` of the wheel works.
import
  Every module of the side can be imported: those that run in a cloud with
  nothing but their requirements installed, fixtures and functional tests with
  the libraries of the tests. Unit tests need the checkout.
start
  Nova: ``nova-compute-failover``, ``nova-failover-engine`` and
  ``nova-failover`` start, and the engine names what an empty ``nova.conf``
  lacks. Cinder: ``cinder-volume`` starts, and ``volume_manager`` loads the
  manager. Both: the sample configuration can be generated.
smoke
  Nova: the data volume and the root volume of a running server are recovered,
  on the harness of Nova's functional tests. Cinder: a backend with attached
  volumes fails over, and says so, on the harness of Cinder's. The threading
  model is the one that the service has by default in that release.

'''
KEPT = '''
Nothing replaced
================

``pip freeze`` was compared before the installation of the wheel, after it, and
after ``pip uninstall nova-cinder-failover``. ``passed`` means that every
package which was there before kept its version throughout, and that the
removal took this distribution away and nothing else. Packages that the service
lacked have been added by the installation; they stay.

constraints
  The libraries of the service are those of ``constraints/``, and the wheel was
  installed with the same constraints.
newest
  The service was installed without constraints, so that it had the newest
  libraries that its own requirements allow. So was the wheel.

'''


@dataclasses.dataclass(frozen=True)
class Release:
    """A release of a service.

    :ivar service: ``nova`` or ``cinder``
    :ivar number: its major version
    :ivar openstack: name of the OpenStack release
    :ivar eventlet: whether the service runs on eventlet by default
    """

    service: str
    number: int
    openstack: str
    eventlet: bool = True

    @property
    def name(self) -> str:
        """As constraints files and arguments name it."""
        return f'{self.service}-{self.number}'

    @property
    def constraints(self) -> pathlib.Path:
        """The file that pins its libraries."""
        own = CONSTRAINTS / f'{self.name}.txt'
        return own if own.exists() else CONSTRAINTS / f'{self.openstack}.txt'


RELEASES = (
    Release('nova', 31, '2025.1'),
    Release('nova', 32, '2025.2'),
    Release('nova', 33, '2026.1'),
    Release('nova', 34, '2026.2', eventlet=False),
    Release('cinder', 26, '2025.1'),
    Release('cinder', 27, '2025.2'),
    Release('cinder', 28, '2026.1'),
    Release('cinder', 29, '2026.2'),
)


@dataclasses.dataclass
class Row:
    """What became of one release on one Python.

    :ivar version: of the service
    :ivar wheel: version of the wheel
    :ivar python: version of Python
    :ivar results: ``passed``, ``FAILED`` or ``-`` by step
    :ivar reasons: why steps failed
    """

    release: Release
    version: str = '?'
    python: str = '?'
    wheel: str = '?'
    results: dict[str, str] = dataclasses.field(default_factory=dict)
    reasons: list[str] = dataclasses.field(default_factory=list)

    def cells(self, steps: tuple[str, ...]) -> list[str]:
        """Return the cells of the row as text.

        :param steps: those that have a column
        """
        return [self.release.service.capitalize(), self.version,
                self.release.openstack, self.python, self.wheel,
                *(self.results.get(step, '-') for step in steps)]


def table(rows: list[Row], steps: tuple[str, ...]) -> str:
    """Show rows as a simple table of reStructuredText.

    :param rows: what became of each
    :param steps: those that have a column
    """
    lines = [['Service', 'Version', 'Release', 'Python', 'Wheel',
              *(step.capitalize() for step in steps)],
             *(row.cells(steps) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    bar = ' '.join('=' * width for width in widths)
    shown = [' '.join(cell.ljust(width) for cell, width in
                       zip(line, widths, strict=True)).rstrip()
             for line in lines]
    return '\n'.join([bar, shown[0], bar, *shown[1:], bar, ''])


def remember(row: Row, path: pathlib.Path) -> None:
    """Add a row to those of earlier runs.

    :param row: what became of one release on one Python
    :param path: a file with one row a line, as JSON
    """
    with path.open('a') as file:
        file.write(json.dumps({**dataclasses.asdict(row),
                               'release': row.release.name}) + '\n')


def remembered(path: pathlib.Path) -> list[Row]:
    """Read the rows of several runs; the last one of a kind counts.

    :param path: of :func:`remember`
    :returns: in the order of the releases, then of the Pythons
    """
    names = [release.name for release in RELEASES]
    found: dict[tuple[int, tuple[int, ...]], Row] = {}
    for line in path.read_text().splitlines():
        values = json.loads(line)
        at = names.index(values.pop('release'))
        row = Row(RELEASES[at], **values)
        numbers = tuple(map(int, row.python.split('.')[:2]))
        found[at, numbers] = row
    return [found[key] for key in sorted(found)]


def page(rows: list[Row], options: str) -> str:
    """Write the page of the documentation.

    :param rows: what became of each
    :param options: those with which it was made
    """
    text = HEADER.format(options=options, date=(
        datetime.datetime.now(datetime.UTC).date().isoformat()))
    text += table(rows, STEPS) + KEPT + table(rows, LIBRARIES)
    failed = [row for row in rows if row.reasons]
    if failed:
        text += '\nWhat did not pass:\n'
    for row in failed:
        text += f'\n* {" ".join(row.cells(()))}::\n\n'
        text += ''.join(f'      {line}\n' for reason in row.reasons
                        for line in wrapped(reason))
    return text


def wrapped(text: str) -> list[str]:
    """Break a reason into lines that a page has room for."""
    return [text[at:at + 70] for at in range(0, len(text), 70)]
