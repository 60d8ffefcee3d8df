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

"""The ways to break a recovery of which a test has to take notice."""

import ast
import dataclasses
import pathlib

RECOVERY = 'nova_failover_ext/recovery'
ATTEMPT = f'{RECOVERY}/attempt.py'
BOUNDED = f'{RECOVERY}/bounded.py'
BRAKE = 'nova_failover_ext/engine/brake.py'
COMMIT = f'{RECOVERY}/commit.py'
KEYS = f'{RECOVERY}/virt/libvirt_keys.py'
LIBVIRT = f'{RECOVERY}/virt/libvirt.py'
MANAGER = 'nova_failover_ext/compute/manager.py'
MAPPING = f'{RECOVERY}/mapping.py'
OWNERSHIP = f'{RECOVERY}/ownership.py'
PLACES = f'{RECOVERY}/volume_places.py'
PREPARE = f'{RECOVERY}/prepare.py'
QUEUE = 'nova_failover_ext/engine/dispatcher/work_queue.py'
SELF = f'{RECOVERY}/startup_recovery.py'
START_CHECK = f'{RECOVERY}/start_check.py'
STATES = f'{RECOVERY}/states.py'
STEPS = f'{RECOVERY}/steps.py'


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
    Mutation('ask', 'the question is not remembered', PREPARE,
             'volume.note_question()', 'pass'),
    Mutation('ask', 'a row that Nova ignores counts', OWNERSHIP,
             'if item.connection_info or item.unreadable]', 'if True]'),
    Mutation('ask', "another server's attachment counts", OWNERSHIP,
             'if attachment.server_id != server_id:',
             'if False:'),
    Mutation('ask', "another volume's attachment counts", OWNERSHIP,
             'if attachment.volume_id != volume_id:', 'if False:'),
    Mutation('ask', 'of two rows of a volume one counts', OWNERSHIP,
             'if rows[item.volume_id] > 1}', 'if False}'),
    Mutation('power_off', 'a guest that Nova cannot start is powered off',
             START_CHECK, 'if volume.unreadable:', 'if False:'),
    Mutation('ask', 'a leftover attachment is not named', PREPARE,
             'if not others:', 'if True:'),
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
             'item.volume.begin(place, policy, wwid)', 'pass'),
    Mutation('begin', 'the stamp stays', MAPPING,
             'if key != staleness.STAMP}', '}'),
    Mutation('attachment_update', 'Cinder is asked without it', PREPARE,
             'if not attachment_id:\n            return cinder',
             'if True:\n            return cinder'),
    Mutation('fence', 'left out', COMMIT,
             'if action is not Action.WAIT:', 'if False:'),
    Mutation('fence', 'a guest that keeps its disk is fenced', COMMIT,
             'if action is not Action.WAIT:', 'if True:'),
    Mutation('power_off', 'a process that stays is not seen', STEPS,
             'if left:', 'if False:'),
    Mutation('begin', 'the map is not remembered', MAPPING,
             'mark.setdefault(staleness.WWID, wwid)', 'pass'),
    Mutation('disconnect', 'the map is not looked at', LIBVIRT,
             'if wwid and not _uses(volume, connection_info, wwid):',
             'if False:'),
    Mutation('disconnect', 'the map of the replica goes, too', LIBVIRT,
             'if wwid and not _uses(volume, connection_info, wwid):',
             'if wwid:'),
    Mutation('release', 'left out', COMMIT,
             'self._steps.release(item.volume)', 'pass', times=2),
    Mutation('release', 'not bounded', STEPS,
             'except bounded.TimedOut as error:\n            raise',
             'except ZeroDivisionError as error:\n            raise'),
    Mutation('release', 'late, from another guest', LIBVIRT,
             'if time.monotonic() >= late:', 'if False:'),
    Mutation('release', 'of what cannot be unplugged', LIBVIRT,
             'if disk is not None and _is_fixed(disk):', 'if False:'),
    Mutation('release', 'not seen to have happened', LIBVIRT,
             'if self._disk(instance, volume) is not None:', 'if False:'),
    Mutation('power_off', 'left out', STEPS,
             'self._components.host.power_off(self._context, self._instance)',
             'pass'),
    Mutation('power_off', 'a clean shutdown on the old site',
             f'{RECOVERY}/upstream.py',
             'clean_shutdown=False', 'clean_shutdown=True'),
    Mutation('power_off', 'not seen to have happened', STEPS,
             "if virt.guest_runs(self._instance):\n"
             "            raise", "if False:\n            raise"),
    Mutation('power_off', 'forgotten by the next pass', ATTEMPT,
             'return self._guest.has_to_run and not self._guest.runs',
             'return False'),
    Mutation('disconnect', 'left out', STEPS,
             'self._remove, self._conf.disconnect_timeout,',
             '(lambda *args: None), self._conf.disconnect_timeout,'),
    Mutation('disconnect', 'after the record is saved', STEPS,
             'problem = self._disconnect(volume, volume.old_connection)\n',
             'volume.replace(item.fresh, connected=False)\n'
             '            problem = self._disconnect(volume, '
             'volume.old_connection)\n'),
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
             'self._power_on([item.volume.volume_id for item in items] + [\n'
             '                volume.volume_id for volume in self._others])',
             'pass'),
    Mutation('power_on', 'secrets are lost if it fails', KEYS,
             'self._define(instance, *secret)', 'pass'),
    Mutation('start_check', 'left out', COMMIT,
             'self._check.run(self._others, guest_runs)', 'pass'),
    Mutation('start_check', 'left out where the guest holds a disk', COMMIT,
             'self._check.run(self._others, guest_runs=True)', 'pass'),
    Mutation('start_check', 'only where the guest runs', COMMIT,
             'if cycle:\n            self._check', 'if cycle and guest_runs:'
             '\n            self._check'),
    Mutation('start_check', 'the server is not looked at', START_CHECK,
             'yield from self.obstacles(())', 'pass'),
    Mutation('start_check', 'no key is looked for', START_CHECK,
             'problem = self.obstacle(volume)', "problem = ''"),
    Mutation('start_check', 'no storage is tried', START_CHECK,
             'if not problem:', 'if False:'),
    Mutation('start_check', 'the key manager is not asked', KEYS,
             'key_manager.API(nova.conf.CONF).get(make_context(), key_id)',
             'pass'),
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
             'not self._may_be_stale(context, instance, mappings) or',
             'True or'),
    Mutation('start', 'a withheld guest is not claimed', SELF,
             'if not self._claim(instance):', 'if False:'),
    Mutation('start', 'the pool is shut down before its work is done', SELF,
             'executor.submit(executor.shutdown, wait=False)',
             'executor.shutdown(wait=False)'),
    Mutation('start', 'what was cut off is not taken up', SELF,
             'self._take_up()\n', 'pass\n'),
    Mutation('pause', 'what is paused starts', QUEUE,
             'return self._held(backend) or ', 'return '),
    Mutation('pause', 'a pause holds up only what names its backend', BRAKE,
             'or pauses.EVERYTHING in self._pauses\n', '\n'),
    Mutation('pause', 'the next engine starts before it has read', BRAKE,
             'self._copy.unread() or ', ''),
    Mutation('pause', 'what was not saved is forgotten', BRAKE,
             'for backend, pause in self._unsaved.items():',
             'for backend, pause in ():'),
    Mutation('delete', 'what the API has sent is disconnected', MANAGER,
             """objects.BlockDeviceMappingList.get_by_instance_uuid(
                context, instance.uuid))""", 'bdms)'),
    Mutation('remove', "another server's device goes by its number", STEPS,
             'if volume_places.same_place(other.connection_info, info)),',
             'if False),'),
    Mutation('remove', 'the identity of the device does not count', STEPS,
             "'') or self._components.virt.stranger(info)", "'')"),
    Mutation('remove', 'an identity that is not known is a stranger', LIBVIRT,
             'if noted and identity and identity != noted', 'if noted'),
    Mutation('remove', 'what is left of the old volume is forgotten', STEPS,
             """        if problem:
            raise interface.ConnectionStays(""",
             """        if False:
            raise interface.ConnectionStays("""),
)
