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

"""Breaks each step of a recovery in turn and sees whether a test notices.

Usage: ``tox -e mutations``, or ``python -m tools.mutations`` in any
environment that can run the unit tests of ``nova_failover_ext`` and has mypy.
Arguments choose steps by name. Each mutation is made in a copy of the
packages. The last line is the kill ratio; the exit code is 1 if a mutation
went unnoticed, and 2 if one cannot be made any more. See
``doc/source/contributor/mutations.rst``.
"""

import argparse
import ast
from concurrent import futures
import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parent.parent
COPIED = ('cinder_failover_hooks', 'nova_failover_ext', 'pyproject.toml')
RECOVERY = 'nova_failover_ext/recovery'
ATTEMPT = f'{RECOVERY}/attempt.py'
BOUNDED = f'{RECOVERY}/bounded.py'
COMMIT = f'{RECOVERY}/commit.py'
LIBVIRT = f'{RECOVERY}/virt/libvirt.py'
MANAGER = 'nova_failover_ext/compute/manager.py'
MAPPING = f'{RECOVERY}/mapping.py'
OWNERSHIP = f'{RECOVERY}/ownership.py'
PLACES = f'{RECOVERY}/volume_places.py'
PREPARE = f'{RECOVERY}/prepare.py'
SELF = f'{RECOVERY}/startup_recovery.py'
STATES = f'{RECOVERY}/states.py'
STEPS = f'{RECOVERY}/steps.py'
#: Seconds after which tests that a mutation makes hang are taken for failed;
#: many, for a busy machine must not make a mutation look noticed.
HANGS = 1800

_FAILED = re.compile(r'^(?:FAIL|ERROR): (\S+) \((\S+)\)', re.MULTILINE)
_VOID = re.compile(r'^.* error: .*\[(?:attr-defined|name-defined)\]$',
                   re.MULTILINE)


class CannotBeMade(Exception):
    """A mutation does not fit the code, or is none."""


@dataclasses.dataclass(frozen=True)
class Mutation:
    """One way to break a recovery: text of a file, and what replaces it.

    :ivar step: the step of a recovery that is broken
    :ivar what: what goes wrong then
    :ivar path: the module
    :ivar old: text of the module
    :ivar new: what takes its place
    :ivar times: how often the module has the old text
    """

    step: str
    what: str
    path: str
    old: str
    new: str
    times: int = 1

    def __str__(self) -> str:
        """Return its name."""
        return f'{self.step}: {self.what}'

    @property
    def tests(self) -> str:
        """Return the part of the tests that has to notice."""
        return pathlib.PurePosixPath(self.path).parts[1]

    def mutate(self, text: str) -> str:
        """Return a module after the mutation.

        :param text: the module before it
        :raises CannotBeMade: if the old text is not there as often as it was,
            or if the module still is the same, or is no Python
        """
        found = text.count(self.old)
        if found != self.times:
            raise CannotBeMade(
                f'{self}: {self.path} has {self.old!r} {found} times, not '
                f'{self.times}: write the mutation anew')
        mutant = text.replace(self.old, self.new)
        try:
            same = ast.dump(ast.parse(mutant)) == ast.dump(ast.parse(text))
        except SyntaxError as exc:
            raise CannotBeMade(f'{self}: {exc}') from exc
        if same:
            raise CannotBeMade(f'{self}: it changes nothing')
        return mutant


MUTATIONS = (
    Mutation('ask', 'every answer counts as equal', PREPARE,
             'record_stale = not volume_places',
             'record_stale = False and volume_places'),
    Mutation('compare', 'every answer counts as stale', PREPARE,
             'record_stale = not volume_places',
             'record_stale = True or volume_places'),
    Mutation('compare', 'monitors are the cluster', PLACES,
             'return same_cluster or bool(', 'return bool('),
    Mutation('compare', 'a path that is missing is another place', PLACES,
             'bool(known(old) & known(new))', 'known(old) == known(new)'),
    Mutation('save', 'a new secret is forgotten', MAPPING,
             'info = volume_places.with_newest_secrets(\n'
             '                self.connection_info, fresh)',
             'info = self.connection_info'),
    Mutation('withhold', 'a guest that never moved is withheld',
             f'{RECOVERY}/staleness.py',
             'return bool(stamp_value(stamp))', 'return True'),
    Mutation('compare', 'a guest that has the right disk is cycled', PREPARE,
             'volume.at(fresh) if record_stale else volume)', 'volume)'),
    Mutation('save', 'the record of a right disk stays stale', COMMIT,
             'for item in by_way[Action.FINISH]:', 'for item in ():'),
    Mutation('ask', 'a row that Nova ignores counts', OWNERSHIP,
             'if item.connection_info or item.unreadable]', 'if True]'),
    Mutation('ask', "another server's attachment counts", OWNERSHIP,
             'if attachment.server_id != volume.bdm.instance_uuid:',
             'if False:'),
    Mutation('ask', "another volume's attachment counts", OWNERSHIP,
             'if attachment.volume_id != volume.volume_id:', 'if False:'),
    Mutation('ask', 'of two rows of a volume one counts', OWNERSHIP,
             'if rows[item.volume_id] > 1}', 'if False}'),
    Mutation('power_off', 'a guest that Nova cannot start is powered off',
             COMMIT, 'if volume.unreadable:', 'if False:'),
    Mutation('disconnect', 'a peer that cannot be read loses its disk', STEPS,
             'not other.connection_info or\n', 'False or\n'),
    Mutation('ask', 'a mounted disk counts as free', PREPARE,
             'guest_stale and self._mounted(volume)', 'False'),
    Mutation('ask', 'a hanging connection is taken into use', PREPARE,
             'if self._still_leaves(volume, fresh):', 'if False:'),
    Mutation('wait', 'the guest is powered off for nothing', ATTEMPT,
             'if len(stale) < len(found):', 'if False:'),
    Mutation('choose', 'a root volume is replaced under the guest', STATES,
             'if disk.root or disk.mounted', 'if disk.mounted'),
    Mutation('choose', 'one volume cycles, another is replaced', STATES,
             'if Action.POWER_CYCLE in chosen:', 'if False:'),
    Mutation('reach', 'never tried', PREPARE,
             'self._reach(prepared)', 'pass'),
    Mutation('ask', 'what was begun is not finished', PREPARE,
             'self.begun or self.stale_connections', 'self.stale_connections'),
    Mutation('claim', 'no task_state', ATTEMPT,
             '        self._claim()\n', ''),
    Mutation('claim', 'never taken back', ATTEMPT,
             'self._instance.task_state = None', 'pass'),
    Mutation('begin', 'the place is not remembered', COMMIT,
             'item.volume.begin(place, policy)', 'pass'),
    Mutation('begin', 'the stamp stays', MAPPING,
             'if key != staleness.STAMP}', '}'),
    Mutation('attachment_update', 'Cinder is asked without it', PREPARE,
             'if not attachment_id:', 'if True:'),
    Mutation('release', 'left out', COMMIT,
             'self._steps.release(item.volume)', 'pass', times=2),
    Mutation('release', 'not bounded', STEPS,
             'except bounded.TimedOut as error:',
             'except ZeroDivisionError as error:'),
    Mutation('release', 'late, from another guest', LIBVIRT,
             'if time.monotonic() >= late:', 'if False:'),
    Mutation('release', 'of what cannot be unplugged', LIBVIRT,
             'if disk is not None and _is_fixed(disk):', 'if False:'),
    Mutation('release', 'then a clean shutdown', COMMIT,
             'self._held_on = True', 'pass'),
    Mutation('release', 'not seen to have happened', LIBVIRT,
             'if self._disk(instance, volume) is not None:', 'if False:'),
    Mutation('power_off', 'left out', COMMIT,
             'self._components.host.power_off(\n'
             '                    self._context, self._instance, clean)',
             'pass'),
    Mutation('power_off', 'not seen to have happened', COMMIT,
             "if self._components.virt.guest_runs(self._instance):\n"
             "                raise", "if False:\n                raise"),
    Mutation('power_off', 'though another volume is not there', COMMIT,
             'for volume in self._others:', 'for volume in ():'),
    Mutation('power_off', 'forgotten by the next pass', ATTEMPT,
             'return self._guest.has_to_run and not self._guest.runs',
             'return False'),
    Mutation('disconnect', 'left out', STEPS,
             'self._components.virt.disconnect,', '(lambda *args: None),'),
    Mutation('disconnect', 'after the record is saved', STEPS,
             'problem = self._disconnect(volume, volume.connection_info)\n',
             'volume.replace(item.fresh, connected=False)\n'
             '            problem = self._disconnect(volume, '
             'volume.connection_info)\n'),
    Mutation('disconnect', 'not forced', LIBVIRT, 'force=True', 'force=False'),
    Mutation('disconnect', 'the LUKS secret goes, too', LIBVIRT,
             'destroy_secrets=False', 'destroy_secrets=True'),
    Mutation('disconnect', 'a failure is forgotten', STEPS,
             'connected=bool(problem)', 'connected=False'),
    Mutation('disconnect', 'although another server needs it', STEPS,
             'if self._shared(volume, info):', 'if False:'),
    Mutation('disconnect', 'two servers at once', STEPS,
             'with self._components.host.volume_lock(volume.volume_id):',
             'with contextlib.nullcontext():'),
    Mutation('disconnect', 'a second thread while one hangs', BOUNDED,
             'if self._hangs(key):', 'if False:'),
    Mutation('disconnect', 'a leftover is never removed', COMMIT,
             'self._steps.clean(item)', 'pass'),
    Mutation('save', 'left out', STEPS,
             'volume.replace(item.fresh, connected',
             '(lambda *args, **kw: None)(item.fresh, connected'),
    Mutation('save', 'what Nova stashes is lost', MAPPING,
             'info[key] = self.connection_info[key]', 'pass'),
    Mutation('connect', 'left out', STEPS,
             'self._components.virt.connect, self._conf',
             '(lambda *args: None), self._conf'),
    Mutation('plug', 'left out', COMMIT,
             'self._components.virt.plug(', '(lambda *args: None)('),
    Mutation('plug', 'at another address', LIBVIRT,
             'if volume.place:', 'if False:'),
    Mutation('power_on', 'left out', COMMIT,
             'self._power_on(len(items) + len(self._others))', 'pass'),
    Mutation('complete', 'left out', PREPARE,
             'cinder.complete(self._context, attachment_id)', 'pass'),
    Mutation('complete', 'not seen to have happened', STEPS,
             'if attachment_id and attachment_id not in found.attachments:',
             'if False:'),
    Mutation('detach', 'the attachment stays', STEPS,
             'self._components.cinder.delete(', '(lambda *args: None)('),
    Mutation('detach', 'the mapping stays', STEPS,
             'volume.bdm.destroy()', 'pass'),
    Mutation('wait', 'forgotten at the reboot', COMMIT,
             '_MARKED.get(action)', 'None'),
    Mutation('verify', 'left out', STEPS, '            if problem:\n'
             "                raise exception.RecoveryFailed(step='verify'",
             "            if False:\n"
             "                raise exception.RecoveryFailed(step='verify'"),
    Mutation('stamp', 'left out', MAPPING,
             'info[staleness.STAMP] = stamp',
             'pass'),
    Mutation('stamp', 'before verify', COMMIT,
             '            self._steps.verify(volume, has_to_run)\n',
             '            volume.stamp(item.stamp)\n'
             '            self._steps.verify(volume, has_to_run)\n'),
    Mutation('stamp', 'although something is left on the host', COMMIT,
             '            if problem:\n'
             '                self.pending',
             '            if problem and False:\n'
             '                self.pending'),
    Mutation('start', 'a stale guest is resumed', SELF,
             'not self._may_be_stale(context, mappings) or', 'True or'),
    Mutation('start', 'a withheld guest is not claimed', SELF,
             'if not self._claim(instance):', 'if False:'),
    Mutation('start', 'the pool is shut down before its work is done', SELF,
             'executor.submit(executor.shutdown, wait=False)',
             'executor.shutdown(wait=False)'),
    Mutation('start', 'what was cut off is not taken up', SELF,
             'self._take_up()\n', 'pass\n'),
    Mutation('delete', 'what the API has sent is disconnected', MANAGER,
             """objects.BlockDeviceMappingList.get_by_instance_uuid(
                context, instance.uuid))""", 'bdms)'),
)


def new_tree(folder: str) -> pathlib.Path:
    """Copy what a mutation needs into a folder."""
    tree = pathlib.Path(folder)
    for name in COPIED:
        if (TOP / name).is_dir():
            shutil.copytree(TOP / name, tree / name,
                            ignore=shutil.ignore_patterns('__pycache__'))
        else:
            shutil.copy(TOP / name, tree)
    return tree


def first_failure(tree: pathlib.Path, kind: str, part: str) -> str:
    """Run tests until one fails.

    :param tree: what to test
    :param kind: unit or functional
    :param part: the package below them, such as recovery
    :returns: the name of the test that failed, or an empty string
    :raises CannotBeMade: if the tests could not be run
    """
    try:
        run = subprocess.run(
            [sys.executable, '-W', 'ignore', '-m', 'unittest', 'discover',
             '--failfast', '--start-directory',
             f'nova_failover_ext/tests/{kind}/{part}',
             '--top-level-directory', '.'],
            cwd=tree, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, check=False, timeout=HANGS)
    except subprocess.TimeoutExpired:
        return f'no end after {HANGS} seconds'
    if not run.returncode:
        return ''
    if not (found := _FAILED.search(run.stdout)):
        raise CannotBeMade(f'The tests could not be run:\n{run.stdout}')
    return found[2].removeprefix('nova_failover_ext.tests.')


def check_names(mutation: Mutation, tree: pathlib.Path) -> None:
    """See that a mutant uses no name that does not exist.

    Such a mutant is void: it breaks because of itself, wherever it stands.

    :raises CannotBeMade: if it does
    """
    run = subprocess.run(
        [sys.executable, '-m', 'mypy', '--cache-dir', os.devnull,
         '--follow-imports', 'silent', mutation.path],
        cwd=tree, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=False)
    if wrong := _VOID.search(run.stdout):
        raise CannotBeMade(f'{mutation}: {wrong[0]}')
    if run.returncode not in (0, 1):
        raise CannotBeMade(f'mypy could not be run:\n{run.stdout}')


def caught_by(mutation: Mutation, functional: bool = False) -> str:
    """Make one mutation in a copy of the packages.

    :param mutation: what to do
    :param functional: run the functional tests if the unit tests are silent
    :returns: the test that noticed first, or an empty string
    :raises CannotBeMade: if it does not fit the code, or is void
    """
    with tempfile.TemporaryDirectory() as folder:
        tree = new_tree(folder)
        path = tree / mutation.path
        path.write_text(mutation.mutate(path.read_text()))
        check_names(mutation, tree)
        name = first_failure(tree, 'unit', mutation.tests)
        if not name and functional:
            name = first_failure(tree, 'functional', mutation.tests)
        return name


def check_tests() -> None:
    """See that the tests pass while nothing is broken.

    :raises CannotBeMade: if they do not
    """
    with tempfile.TemporaryDirectory() as folder:
        tree = new_tree(folder)
        for part in sorted({mutation.tests for mutation in MUTATIONS}):
            if name := first_failure(tree, 'unit', part):
                raise CannotBeMade(f'{name} fails without any mutation')


def break_all(mutations: list[Mutation], functional: bool) -> int:
    """Make mutations, as many at a time as there are processors.

    :returns: how many were noticed
    :raises CannotBeMade: if one does not fit the code, or is void
    """
    killed = 0
    with futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for mutation, name in zip(mutations, pool.map(
                lambda mutation: caught_by(mutation, functional),
                mutations), strict=True):
            killed += bool(name)
            print(f'{mutation}: {name or "NOBODY NOTICES"}', flush=True)
    return killed


def main() -> int:
    """Print who notices what, and the kill ratio.

    :returns: the exit code
    """
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('step', nargs='*', help='only mutations of this step')
    parser.add_argument('--functional', action='store_true',
                        help='ask the functional tests, too, where no unit '
                             'test notices')
    args = parser.parse_args()
    chosen = [mutation for mutation in MUTATIONS
              if not args.step or mutation.step in args.step]
    try:
        # Before anything takes its time.
        for mutation in MUTATIONS:
            mutation.mutate((TOP / mutation.path).read_text())
        check_tests()
        killed = break_all(chosen, args.functional)
    except CannotBeMade as exc:
        print(f'mutations: {exc}', file=sys.stderr)
        return 2
    print(f'{killed} of {len(chosen)} mutations were noticed: '
          f'{killed / max(len(chosen), 1):.0%}')
    return int(killed < len(chosen))


if __name__ == '__main__':
    sys.exit(main())
