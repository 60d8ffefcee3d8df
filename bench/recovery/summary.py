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
"""The table of a benchmark."""

import statistics

import rich.console
import rich.table

from bench.recovery import comparison

COLUMNS = ('method', 'seconds', 'times ours', 'healed', 'roots not healed',
           'data not healed', 'QEMU started after', 'boot')
#: What the first script is held against.
WANTED = 5.0


def rows(outcomes: list[comparison.Outcome]) -> list[tuple[str, ...]]:
    """The lines, from plain data.

    :param outcomes: what the methods did, ours first
    :returns: a row for each
    """
    ours = outcomes[0].seconds
    return [(each.method, f'{each.seconds:.1f}', f'{each.seconds / ours:.2f}',
             f'{each.healed} of {len(each.servers)}',
             str(sum(one.root is None for one in each.servers)),
             str(sum(one.data is None for one in each.servers)),
             _span([one.started for one in each.servers]),
             _span([_boot(one) for one in each.servers]))
            for each in outcomes]


def _boot(server: comparison.Healed) -> float | None:
    """Seconds from the start of QEMU to the use of both volumes."""
    if server.seconds is None or server.started is None:
        return None
    return server.seconds - server.started


def _span(values: list[float | None]) -> str:
    """The median and the largest of what is known."""
    known = [value for value in values if value is not None]
    if not known:
        return '-'
    return f'{statistics.median(known):.1f} / {max(known):.1f}'


def show(outcomes: list[comparison.Outcome]) -> None:
    """Print the table.

    :param outcomes: what the methods did, ours first
    """
    console = rich.console.Console(width=130)
    table = rich.table.Table(
        title='From the record in Cinder to guests that write to both disks')
    for name in COLUMNS:
        table.add_column(name)
    for row in rows(outcomes):
        table.add_row(*row)
    console.print(table)
    for each in outcomes:
        if each.spent:
            console.print(f'{each.method}: {each.spent}', markup=False)
    ratio = outcomes[1].seconds / outcomes[0].seconds
    console.print(f'{ratio:.2f} times as fast as {outcomes[1].method}; '
                  f'{WANTED:.0f} is wanted')
