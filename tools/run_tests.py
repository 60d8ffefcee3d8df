#!/usr/bin/env python3
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

"""Run every check and test, one after the other, and count them.

For a fresh machine: all it needs is Python 3.11 or newer. tox is installed
below ``.tox`` by the constraints of the repository, and makes there what each
step needs. The last line says how many tests passed, failed and
were skipped; the exit code is 0 only if none failed and all steps ran.
"""

import argparse
import contextlib
import dataclasses
import importlib.util
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

CHECKOUT = pathlib.Path(__file__).resolve().parent.parent
#: Not .venv: tox writes a file of that name (PEP 832), to say which of its
#: environments an editor should use.
VENV = CHECKOUT / '.tox' / '.run_tests'
CONSTRAINTS = CHECKOUT / 'constraints' / '2026.2.txt'
TOOLS = ('tox', 'tox-uv')
#: Seconds to wait for output after a step has ended.
LAST_WORDS = 10
#: How much of a failed step's output is shown once more at the end.
LAST_LINES = 60

_COLOUR = re.compile(r'\x1b\[[0-9;]*m')
_TOTAL = re.compile(
    r' - (Passed|Skipped|Expected Fail|Unexpected Success|Failed): (\d+)$')
_LINE = re.compile(r'(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$')
_BAD = ('Failed', 'Unexpected Success')
_NOT_RUN = ('Skipped', 'Expected Fail')


@dataclasses.dataclass(frozen=True)
class Step:
    """A tox environment.

    :ivar name: its name
    :ivar tests: whether it runs tests; if not, it counts as one check
    :ivar minutes: after which it has failed
    """

    name: str
    tests: bool = True
    minutes: int = 15


STEPS = (
    Step('pep8', tests=False),
    Step('mypy', tests=False),
    Step('py3-nova'),
    Step('py3-cinder'),
    Step('functional-nova', minutes=55),
    Step('functional-cinder', minutes=25),
    Step('upstream-cinder-29'),
    Step('tools'),
    Step('patches-cinder'),
    Step('devstack-nova'),
    Step('devstack-cinder'),
    Step('docs', tests=False),
    Step('releasenotes', tests=False),
    Step('cloud', minutes=50),
)


@dataclasses.dataclass
class Count:
    """How many tests passed, failed and were skipped."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def add(self, other: 'Count') -> None:
        """Add another count to this one."""
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self) -> str:
        """Return the line that CI and people read."""
        return (f'{self.passed} passed, {self.failed} failed, '
                f'{self.skipped} skipped')


def judge(step: Step, code: int, lines: list[str]) -> Count:
    """Count the tests of a step by what it printed.

    :param step: what was run
    :param code: its exit code
    :param lines: its output
    """
    if not step.tests:
        return Count(passed=int(code == 0), failed=int(code != 0))
    count = Count()
    for line in lines:
        count.add(_count(_COLOUR.sub('', line.rstrip())))
    # A runner that broke, or ran nothing, is a failure of its own.
    if not count.failed and (code or not count.passed):
        count.failed = 1
    return count


def _count(line: str) -> Count:
    # A line of stestr's totals, or the one in which the little cloud says
    # all of it.
    if whole := _LINE.match(line):
        return Count(*(int(number or 0) for number in whole.groups()))
    if part := _TOTAL.match(line):
        number = int(part[2])
        if part[1] in _BAD:
            return Count(failed=number)
        if part[1] in _NOT_RUN:
            return Count(skipped=number)
        return Count(passed=number)
    return Count()


def run(step: Step) -> tuple[int, list[str]]:
    """Run a step, showing what it prints.

    :returns: its exit code and its output
    """
    process = subprocess.Popen(
        [VENV / 'bin' / 'tox', 'run', '-e', step.name], cwd=CHECKOUT,
        env=dict(os.environ, NO_COLOR='1', UV_PYTHON_DOWNLOADS='never'),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors='replace',
        start_new_session=True)
    lines: list[str] = []
    # A daemon that a step leaves behind may keep the pipe open for ever, so
    # that the end of the step is that of its process, not of the output.
    reader = threading.Thread(target=_show, args=(process, lines),
                              daemon=True)
    reader.start()
    try:
        process.wait(step.minutes * 60)
    except subprocess.TimeoutExpired:
        lines.append(f'{step.name}: not done after {step.minutes} minutes\n')
        print(lines[-1], end='', flush=True)
    finally:
        _end(process)
    reader.join(LAST_WORDS)
    return process.returncode, lines


def last_words(step: Step, lines: list[str]) -> str:
    """Say what to read of a failed step: names of tests, then its end."""
    clean = [_COLOUR.sub('', line.rstrip()) for line in lines]
    names = [line for line in clean if line.endswith('... FAILED')]
    return '\n'.join([f'== {step.name}: what failed', *names,
                      f'== {step.name}: its last lines',
                      *clean[-LAST_LINES:]])


def _show(process: subprocess.Popen[str], lines: list[str]) -> None:
    for line in process.stdout or ():
        print(line, end='', flush=True)
        lines.append(line)


def _end(process: subprocess.Popen[str]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(60)


def prepare() -> None:
    """Install tox into an environment of its own, unless it is there.

    :raises SystemExit: if that fails
    """
    stamp = VENV / 'installed'
    wanted = sys.version + CONSTRAINTS.read_text()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    if importlib.util.find_spec('ensurepip') is None:
        _install_ensurepip()
    shutil.rmtree(VENV, ignore_errors=True)
    for command in (
            [sys.executable, '-m', 'venv', str(VENV)],
            [str(VENV / 'bin' / 'python'), '-m', 'pip', 'install', '-q',
             '-c', str(CONSTRAINTS), *TOOLS]):
        if subprocess.run(command, stdin=subprocess.DEVNULL,
                          check=False).returncode:
            sys.exit(f'run_tests: this failed: {" ".join(command)}')
    stamp.write_text(wanted)


def _install_ensurepip() -> None:
    package = f'python3.{sys.version_info.minor}-venv'
    if os.geteuid() or not shutil.which('apt-get'):
        sys.exit(f'run_tests: install {package} first')
    env = dict(os.environ, DEBIAN_FRONTEND='noninteractive')
    for words in (['update'], ['install', '-y', package]):
        subprocess.run(['apt-get', '-q', *words], env=env, check=False,
                       stdin=subprocess.DEVNULL)


def main() -> int:
    """Run the steps that are asked for.

    :returns: the exit code
    """
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    names = [step.name for step in STEPS]
    parser.add_argument('step', nargs='*', metavar='STEP',
                        help=f'one or more of {", ".join(names)}; '
                             'all of them if there is none')
    asked = parser.parse_args().step
    if unknown := sorted(set(asked) - set(names)):
        parser.error(f'no such step: {", ".join(unknown)}')
    prepare()
    total, table, failed = Count(), [], []
    for step in [step for step in STEPS if not asked or step.name in asked]:
        print(f'\n== {step.name}', flush=True)
        began = time.monotonic()
        code, lines = run(step)
        count = judge(step, code, lines)
        total.add(count)
        if count.failed:
            failed.append(last_words(step, lines))
        seconds = time.monotonic() - began
        table.append(f'{step.name:<28} {seconds:5.0f} s   {count}')
    print('\n' + '\n\n'.join([*failed, '\n'.join(table)]))
    print(total, flush=True)
    return int(bool(total.failed))


if __name__ == '__main__':
    sys.exit(main())
