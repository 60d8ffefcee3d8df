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

"""Try the wheel on every release of Nova and Cinder that is supported.

Each release is installed from PyPI into an environment of its own, then the
wheel, as a deployer would. There, outside of the checkout, the modules are
imported, the programs started, and a failover and a recovery played through
on Cinder's and Nova's functional harness. In two more environments, what pip
has installed is compared before and after the wheel is installed and removed.
Needs ``uv``. Prints the table; ``--write`` puts it into the documentation. The
exit code is 1 if anything did not pass.
"""

import argparse
from collections.abc import Callable
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile

from tools import wheel_environment
from tools import wheel_page

CHECKOUT = wheel_page.CHECKOUT
COLUMNS = wheel_page.STEPS + wheel_page.LIBRARIES
PROBE = CHECKOUT / 'tools' / 'wheel_probe.py'
PAGE = CHECKOUT / 'doc' / 'source' / 'reference' / 'compatibility.rst'
PACKAGES = {'nova': 'nova_failover_ext', 'cinder': 'cinder_failover_hooks'}
#: Nova's harness needs more than our own tests do.
HARNESS = {'nova': ('openstack-placement', 'wsgi-intercept'), 'cinder': ()}
SMOKE = {
    'nova': [
        f'nova_failover_ext.tests.functional.recovery.test_recovery.{test}'
        for test in ('Recovery.test_data_volume_of_a_running_server',
                     'Recovery.test_root_volume_of_a_running_server')],
    'cinder': [
        f'cinder_failover_hooks.tests.functional.test_failover.{test}'
        for test in ('TestFailover.test_failover',)],
}


class Trial:
    """One environment and what is tried in it.

    :param release: the release
    :param python: which Python, as ``uv venv --python`` takes it
    :param wheel: the wheel
    :param folder: an empty folder outside of the checkout
    """

    def __init__(self, release: wheel_page.Release, python: str,
                 wheel: pathlib.Path,
                 folder: pathlib.Path) -> None:
        self.release = release
        self.wheel = wheel
        self.folder = folder
        self.environment = wheel_environment.Environment(
            folder / 'venv', release.constraints)
        self.row = wheel_page.Row(release, python=python,
                                  wheel=wheel.name.split('-')[1])
        self._python = python

    def run(self) -> wheel_page.Row:
        """Take all steps; without an environment, the first only.

        :returns: what became of them
        :raises Unsupported: if the release does not support this Python
        """
        steps: dict[str, Callable[[], None]] = {
            'install': self.install, 'import': self.import_all,
            'start': self.start, 'smoke': self.smoke,
            'constraints': self.keep_pinned, 'newest': self.keep_newest}
        for name, step in steps.items():
            try:
                step()
            except (wheel_environment.Failed,
                    subprocess.TimeoutExpired) as error:
                self.row.results[name] = 'FAILED'
                self.row.reasons.append(f'{name}: {error}')
                if name == 'install':
                    break
            else:
                self.row.results[name] = 'passed'
        return self.row

    def install(self) -> None:
        """Install the release, then the wheel, as a deployer does.

        :raises Failed: if that cannot be done
        :raises Unsupported: if its classifiers do not name this Python
        """
        service = self.release.service
        self._create(self.environment)
        self.environment.install(self.wheel, service)
        _, _, version = self.environment.freeze()[service].partition('==')
        self.row.version = version
        self.row.python = self._call(
            'python', '-c', 'import platform as p; print(p.python_version())')
        self._see_support()

    def _see_support(self) -> None:
        row, minor = self.row, '.'.join(self.row.python.split('.')[:2])
        classifiers = self._call(
            'python', '-c', 'import importlib.metadata as m; print('
            f'*m.metadata("{row.release.service}").get_all("Classifier"), '
            'sep="\\n")').splitlines()
        if f'Programming Language :: Python :: {minor}' not in classifiers:
            raise wheel_environment.Unsupported(
                f'{row.release.name} does not support Python {minor}')

    def keep_pinned(self) -> None:
        """Install and remove the wheel beside the libraries we pin.

        :raises Failed: if that replaces or removes something else
        """
        self._keep(wheel_environment.Environment(
            self.folder / 'pinned', self.release.constraints))

    def keep_newest(self) -> None:
        """Install and remove the wheel beside the newest libraries.

        :raises Failed: if that replaces or removes something else
        """
        self._keep(wheel_environment.Environment(self.folder / 'newest'))

    def _create(self, environment: wheel_environment.Environment) -> None:
        environment.create(self._python)
        environment.add(f'{self.release.service}=={self.release.number}.*')

    def _keep(self, environment: wheel_environment.Environment) -> None:
        self._create(environment)
        wheel_environment.check_kept(environment, self.wheel,
                                     self.release.service)

    def import_all(self) -> None:
        """Import modules before and after what tests need is there.

        :raises Failed: if one cannot be imported
        """
        package = PACKAGES[self.release.service]
        self._call('python', '-W', 'ignore', PROBE, 'modules', package)
        self.environment.add('-r', CHECKOUT / 'test-requirements.txt',
                             *HARNESS[self.release.service])
        self._call('python', '-W', 'ignore', PROBE, 'modules', package, 'all',
                   env=self._threads())

    def start(self) -> None:
        """Start the programs, generate the sample configuration.

        :raises Failed: if one does not do as it should
        """
        package = PACKAGES[self.release.service]
        sample = self._call('oslo-config-generator', '--namespace', package)
        groups = {'nova': ('[failover]', '[failover_compute]',
                           '[failover_engine]'),
                  'cinder': ('[failover_hooks]',)}[self.release.service]
        wheel_environment.expect(sample, *groups)
        if self.release.service == 'cinder':
            self._call('cinder-volume', '--version')
            self._call('python', '-W', 'ignore', PROBE, 'manager')
            return
        self._call('nova-compute-failover', '--version')
        for program in ('nova-compute-failover', 'nova-failover-engine',
                        'nova-failover'):
            wheel_environment.expect(self._call(program, '--help'),
                                     '--config-file')
        wheel_environment.expect(
            self._call('nova-failover', '--help'),
            'check', 'history', 'plan', 'recover', 'report', 'status')
        empty = self.folder / 'empty.conf'
        empty.touch()
        wheel_environment.expect(
            self._call('nova-failover-engine', '--config-file', empty, code=3),
            '[api_database] connection')

    def smoke(self) -> None:
        """Run a few of the functional tests that the wheel contains.

        :raises Failed: if one does not pass, or not all of them were run
        """
        if self.release.service == 'nova':
            # Nova's harness looks for its api-paste.ini in site-packages,
            # its wheel puts it below the environment.
            venv = self.environment.folder
            [site] = (venv / 'lib').glob('python*/site-packages')
            (site / 'etc').symlink_to(venv / 'etc')
        tests = SMOKE[self.release.service]
        said = self._call('python', '-W', 'ignore', PROBE, 'tests',
                          PACKAGES[self.release.service], *tests,
                          env=self._threads())
        wheel_environment.expect(said, f'Ran {len(tests)} test')

    def _threads(self) -> dict[str, str]:
        name = f'OS_{self.release.service.upper()}_DISABLE_EVENTLET_PATCHING'
        return {name: str(not self.release.eventlet)}

    def _call(self, program: str, *arguments: str | pathlib.Path,
              env: dict[str, str] | None = None, code: int = 0) -> str:
        return self.environment.call(program, *arguments, env=env, code=code)


def build(folder: pathlib.Path) -> pathlib.Path:
    """Build the wheel from the sdist, and see that nothing is left out.

    :param folder: where to put it
    :returns: the path of the wheel
    :raises Failed: if it cannot be built, or a file is not in it
    """
    wheel_environment.command(
        ['uv', 'build', '-q', '--out-dir', folder, '--build-constraints',
         wheel_page.CONSTRAINTS / '2026.2.txt', CHECKOUT])
    [wheel] = folder.glob('*.whl')
    tracked = wheel_environment.command(
        ['git', '-C', CHECKOUT, 'ls-files', *PACKAGES.values()]).split()
    if missing := set(tracked) - set(zipfile.ZipFile(wheel).namelist()):
        raise wheel_environment.Failed(
            f'not in the wheel: {", ".join(sorted(missing))}')
    return wheel


def arguments() -> argparse.Namespace:
    """Read the command line."""
    names = [release.name for release in wheel_page.RELEASES]
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('release', nargs='*', metavar='RELEASE',
                        help=f'one or more of {", ".join(names)}; all of them '
                             'if there is none')
    parser.add_argument('--python', action='append', metavar='VERSION',
                        help='Python to try with, for example 3.13; may be '
                             'given more than once, by default the one that '
                             'runs this')
    parser.add_argument('--rows', metavar='FILE', type=pathlib.Path,
                        help='add the results to those of earlier runs, which '
                             'are in this file')
    parser.add_argument('--write', action='store_true',
                        help=f'write {PAGE.relative_to(CHECKOUT)}, with what '
                             'is in the file of --rows')
    asked = parser.parse_args()
    if unknown := sorted(set(asked.release) - set(names)):
        parser.error(f'no such release: {", ".join(unknown)}')
    if asked.write and asked.release and not asked.rows:
        parser.error('--write needs all releases, or --rows')
    return asked


def main() -> int:
    """Try the releases that are asked for.

    :returns: the exit code
    """
    asked = arguments()
    if not shutil.which('uv'):
        sys.exit('wheel_matrix: uv is needed')
    rows: list[wheel_page.Row] = []
    with tempfile.TemporaryDirectory(prefix='wheels-') as name:
        folder = pathlib.Path(name)
        wheel = build(folder / 'dist')
        print(f'wheel_matrix: {wheel.name}', flush=True)
        for release in wheel_page.RELEASES:
            if asked.release and release.name not in asked.release:
                continue
            for number, python in enumerate(asked.python or [sys.executable]):
                place = folder / f'trial-{release.name}-{number}'
                place.mkdir()
                try:
                    row = Trial(release, python, wheel, place).run()
                except wheel_environment.Unsupported as reason:
                    print(reason, flush=True)
                    continue
                rows.append(row)
                print(' '.join(row.cells(COLUMNS)), *row.reasons,
                      sep='\n  ', flush=True)
                if asked.rows:
                    wheel_page.remember(row, asked.rows)
                shutil.rmtree(place)
    if asked.write:
        options = ''.join(f' --python {one}' for one in asked.python or ())
        PAGE.write_text(wheel_page.page(
            wheel_page.remembered(asked.rows) if asked.rows else rows,
            ' --rows FILE' if asked.rows else options))
    bad = sum(bool(row.reasons) for row in rows)
    print(f'\n{wheel_page.table(rows, COLUMNS)}\n'
          f'{len(rows) - bad} passed, {bad} failed')
    return int(bool(bad))


if __name__ == '__main__':
    sys.exit(main())
