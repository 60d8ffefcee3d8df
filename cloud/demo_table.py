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
"""The table at the end of a demo."""

import rich.console
import rich.table

from cloud.scenario import checks
from cloud.scenario import facts
from cloud.scenario import play

COLUMNS = ('server', 'volume', 'role', 'device', 'before', 'after loss',
           'after recovery', 'after failback', 'attachment kept',
           'power-cycled', 'healthy after')


def show(done: play.Play) -> None:
    """Print the table and the checks that failed.

    :param done: the play, as far as it went
    """
    console = rich.console.Console(width=170)
    table = rich.table.Table(title='What the guests read and when')
    for name in COLUMNS:
        table.add_column(name, overflow='fold')
    for case in done.cast.cases:
        table.add_row(*_row(done, case))
    console.print(table)
    wrong = checks.failures(done.results)
    for line in wrong:
        console.print(f'FAILED {line}', style='red', markup=False)
    console.print(f'{len(done.results) - len(wrong)} checks passed, '
                  f'{len(wrong)} failed')


def _row(done: play.Play, case: facts.Case) -> list[str]:
    """The line of one volume."""
    seen = {phase: values.get(case, facts.Facts())
            for phase, values in done.seen.items()}

    def site(phase: str) -> str:
        now = seen.get(phase, facts.Facts())
        return 'stopped' if now.status == 'SHUTOFF' else now.site or '-'

    before = site('before') if case.key != 'e' else '-'
    cycled = [f'{phase}: {_cycled(done, case, phase)}'
              for phase in ('recovered', 'failed-back')]
    seconds = [f'{done.seconds[phase][case]:.1f} s'
               for phase in done.seconds if case in done.seconds[phase]]
    ids = {now.attachment for now in seen.values() if now.attachment}
    first = seen.get('before', facts.Facts())
    return [f'({case.key}) {case.project}', case.volume[:8], case.role,
            f'{first.device} {first.pci}', before,
            site('lost') if case.key != 'e' else '-',
            site('recovered'), site('failed-back'),
            'yes' if len(ids) == 1 else 'NO',
            '\n'.join(cycled), ' / '.join(seconds) or '-']


def _cycled(done: play.Play, case: facts.Case, phase: str) -> str:
    """Whether a server was power-cycled in a phase."""
    order = ['before', 'recovered', 'failed-back']
    now = done.seen.get(phase, {}).get(case)
    then = done.seen.get(order[order.index(phase) - 1], {}).get(case)
    if not now or not then or not now.boot or not then.boot:
        return '-'
    if case.key == 'c' and phase == 'recovered':
        return 'was stopped'
    return 'yes' if now.boot != then.boot else 'no'
