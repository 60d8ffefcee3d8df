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

"""Breaks each step of a recovery in turn and tells which tests notice.

Usage: ``python tools/mutations.py [--functional]`` in a venv that can run the
unit tests of ``nova_failover_ext``. Each mutation is made in a copy of the
tree. The list printed is that of ``doc/source/contributor/mutations.rst``;
exit code 1 means that a mutation went unnoticed.
"""

import argparse
import dataclasses
import pathlib
import re
import shutil
import subprocess  # noqa: S404
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent.parent
ATTEMPT = 'nova_failover_ext/recovery/attempt.py'
BOUNDED = 'nova_failover_ext/recovery/bounded.py'
COMMIT = 'nova_failover_ext/recovery/commit.py'
PREPARE = 'nova_failover_ext/recovery/prepare.py'
STATES = 'nova_failover_ext/recovery/states.py'
STEPS = 'nova_failover_ext/recovery/steps.py'
SELF = 'nova_failover_ext/recovery/startup_recovery.py'
MANAGER = 'nova_failover_ext/compute/manager.py'
MAPPING = 'nova_failover_ext/recovery/mapping.py'
LIBVIRT = 'nova_failover_ext/recovery/virt/libvirt.py'
UNIT = 'nova_failover_ext/tests/unit/compute'
FUNCTIONAL = 'nova_failover_ext/tests/functional/compute'


@dataclasses.dataclass(frozen=True)
class Mutation:
    """One way to break a recovery: text of a file, and what replaces it."""

    step: str
    what: str
    path: str
    old: str
    new: str


MUTATIONS = (
    Mutation('ask', 'every answer counts as equal', PREPARE,
             "record_stale = bool(truth", "record_stale = False and bool("
             "truth"),
    Mutation('compare', 'every answer counts as stale', PREPARE,
             "record_stale = bool(truth", "record_stale = True or bool("
             "truth"),
    Mutation('compare', 'asked only once', PREPARE,
             'for key in truth.differing_keys(fresh, again):',
             'for key in ():'),
    Mutation('ask', 'a mounted disk counts as free', PREPARE,
             'guest_stale and self._mounted(volume)', 'False'),
    Mutation('ask', 'a hanging connection is taken into use', PREPARE,
             'if self._still_leaves(volume, fresh):', 'if False:'),
    Mutation('choose', 'a root volume is replaced under the guest', STATES,
             'if disk.root or disk.mounted', 'if disk.mounted'),
    Mutation('choose', 'one volume cycles, another is replaced', STATES,
             'if Way.POWER_CYCLE in chosen:', 'if False:'),
    Mutation('reach', 'never tried', ATTEMPT,
             'self._preparation.reach(', '(lambda *args: None)('),
    Mutation('claim', 'no task_state', ATTEMPT,
             '        self._claim()\n', ''),
    Mutation('claim', 'never taken back', ATTEMPT,
             'self._instance.task_state = None', 'pass'),
    Mutation('begin', 'the place is not remembered', COMMIT,
             'item.volume.begin(place, policy)', 'pass'),
    Mutation('begin', 'the stamp stays', MAPPING,
             'if key != truth.STAMP}', '}'),
    Mutation('attachment_update', 'left out', STEPS,
             'if not item.attachment_stale:', 'if True:'),
    Mutation('release', 'left out', COMMIT,
             'self._parts.virt.release(self._instance, item.volume)',
             'pass'),
    Mutation('release', 'not seen to have happened', LIBVIRT,
             'if self._disk(instance, volume) is not None:', 'if False:'),
    Mutation('power_off', 'left out', COMMIT,
             'self._parts.host.power_off(\n'
             '                    self._context, self._instance, clean)',
             'pass'),
    Mutation('power_off', 'not seen to have happened', COMMIT,
             "if self._parts.virt.guest_runs(self._instance):\n"
             "                raise", "if False:\n                raise"),
    Mutation('power_off', 'though another volume is not there', COMMIT,
             'for volume in self._others:', 'for volume in ():'),
    Mutation('power_off', 'forgotten by the next pass', ATTEMPT,
             'return self._guest.has_to_run and not self._guest.runs',
             'return False'),
    Mutation('disconnect', 'left out', STEPS,
             'self._parts.virt.disconnect, self._conf',
             '(lambda *args: None), self._conf'),
    Mutation('disconnect', 'after the record is saved', STEPS,
             'problem = self._disconnect(volume, volume.connection_info)\n',
             'volume.replace(fresh, connected=False)\n'
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
             'with self._parts.host.volume_lock(volume.volume_id):',
             'with contextlib.nullcontext():'),
    Mutation('disconnect', 'a second thread while one hangs', BOUNDED,
             'if self._hangs(key):', 'if False:'),
    Mutation('disconnect', 'a leftover is never removed', COMMIT,
             'self._steps.clean(item)', 'pass'),
    Mutation('save', 'left out', STEPS,
             'volume.replace(fresh, connected', '(lambda *args, **kw: None)'
             '(fresh, connected'),
    Mutation('save', 'what Nova stashes is lost', MAPPING,
             'info[key] = self.connection_info[key]', 'pass'),
    Mutation('connect', 'left out', STEPS,
             'self._parts.virt.connect, self._conf',
             '(lambda *args: None), self._conf'),
    Mutation('plug', 'left out', COMMIT,
             'self._parts.virt.plug(self._context, self._instance, '
             'item.volume)', 'pass'),
    Mutation('plug', 'at another address', LIBVIRT,
             'if volume.place:', 'if False:'),
    Mutation('power_on', 'left out', COMMIT,
             'self._power_on(len(items) + len(self._others))', 'pass'),
    Mutation('complete', 'left out', STEPS,
             'if item.attachment_stale or not item.attachment.completed:',
             'if False:'),
    Mutation('detach', 'the attachment stays', STEPS,
             'self._parts.cinder.delete(', '(lambda *args: None)('),
    Mutation('detach', 'the mapping stays', STEPS,
             'volume.bdm.destroy()', 'pass'),
    Mutation('wait', 'forgotten at the reboot', COMMIT,
             '_MARKED.get(way)', 'None'),
    Mutation('verify', 'left out', STEPS, '            if problem:\n'
             "                raise exception.RecoveryFailed(step='verify'",
             "            if False:\n"
             "                raise exception.RecoveryFailed(step='verify'"),
    Mutation('stamp', 'left out', MAPPING,
             'info[truth.STAMP] = stamp',
             'pass'),
    Mutation('stamp', 'before verify', COMMIT,
             '            self._steps.verify(volume, has_to_run)\n',
             '            volume.stamp(item.active_backend_id)\n'
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


def failed_tests(tree: pathlib.Path, test_path: str) -> list[str]:
    """Run tests in a tree; return the names of those that failed."""
    run = subprocess.run(  # noqa: S603
        [sys.executable, '-m', 'stestr', '--test-path', test_path,
         '--top-dir', '.', 'run', '--concurrency', '2'],
        cwd=tree, capture_output=True, text=True, check=False)
    names = re.findall(r'^\{\d+\} (\S+) \[.*\.\.\. FAILED', run.stdout,
                       re.MULTILINE)
    if run.returncode and not names:
        sys.exit(f'The tests could not be run:\n{run.stdout}{run.stderr}')
    return names


def caught_by(mutation: Mutation, functional: bool) -> list[str]:
    """Make one mutation in a copy of the tree and return who noticed.

    :param functional: run the functional tests if the unit tests are silent
    """
    with tempfile.TemporaryDirectory() as folder:
        tree = pathlib.Path(folder, 'tree')
        shutil.copytree(HERE, tree, ignore=shutil.ignore_patterns(
            '.git', '.tox', '.venv', '.stestr'))
        path = tree / mutation.path
        text = path.read_text()
        if text.count(mutation.old) < 1:
            sys.exit(f'{mutation.path} has no {mutation.old!r} any more')
        path.write_text(text.replace(mutation.old, mutation.new))
        names = failed_tests(tree, UNIT)
        if not names and functional:
            names = failed_tests(tree, FUNCTIONAL)
        return names


def item(mutation: Mutation, names: list[str]) -> str:
    """Return what the documentation says of one mutation."""
    noticed = 'NOBODY'
    if names:
        module, _class, test = names[0].rsplit('.', 2)
        noticed = f'``{module.rpartition(".")[2]}``: ``{test}``'
    if len(names) > 1:
        noticed += f'\n  and {len(names) - 1} more'
    return f'* **{mutation.step}**, {mutation.what}:\n  {noticed}'


def main() -> int:
    """Print the list; return 1 if a mutation went unnoticed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--functional', action='store_true')
    functional = parser.parse_args().functional
    unnoticed = 0
    for mutation in MUTATIONS:
        names = caught_by(mutation, functional)
        unnoticed += not names
        print(item(mutation, names), flush=True)
    return int(bool(unnoticed))


if __name__ == '__main__':
    sys.exit(main())
