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

"""A tenant who acts at any moment of a recovery.

The steps of recoveries are counted while they are made, so that a moment is a
number: the tenant begins when a recovery is about to make that step, and the
recovery gives the tenant a little time before it goes on.
"""

import collections
import threading

import fixtures
from nova.compute import manager
from nova import objects

from nova_failover_ext.recovery import cinder_api
from nova_failover_ext.recovery import mapping
from nova_failover_ext.recovery import upstream
from nova_failover_ext.recovery.virt import libvirt
from nova_failover_ext.tests.functional.recovery import base

#: Everything that a recovery does to something outside of itself.
_STEPS = (
    (cinder_api.CinderAPI, ('volume', 'ask', 'attachment', 'update',
                            'complete')),
    (libvirt.LibvirtHost, ('guest_runs', 'place', 'shows', 'release', 'plug',
                           'obstacle', 'disconnect', 'connect')),
    (mapping.Mapping, ('begin', 'replace', 'save', 'stamp')),
    (upstream.Host, ('instance', 'mappings', 'mapping', 'power_off',
                     'power_on', 'update_power_state')))


class Moments(fixtures.Fixture):
    """Counts the steps of recoveries, and stops at one for a moment.

    :ivar count: how many steps were made since the last :meth:`set`
    """

    def __init__(self):
        super().__init__()
        self._lock = threading.Lock()
        self.set(-1, 0)

    def _setUp(self):
        for target, names in _STEPS:
            for name in names:
                self.useFixture(fixtures.MockPatchObject(
                    target, name, new=self._step(getattr(target, name))))

    def set(self, number, patience):
        """Choose the next moment.

        :param number: of the step that is about to be made then
        :param patience: seconds that the recovery waits for :attr:`acted`
        """
        self.count, self._number, self._patience = 0, number, patience
        self.reached, self.acted = threading.Event(), threading.Event()

    def _step(self, original):
        def step(*args, **kwargs):
            with self._lock:
                here = self.count == self._number
                self.count += 1
            if here:
                self.reached.set()
                self.acted.wait(self._patience)
            return original(*args, **kwargs)
        return step


class Dangling(fixtures.Fixture):
    """Watches what a reboot destroys because it seems to be dangling.

    :ivar destroyed: ids of mappings and of attachments
    """

    def __init__(self):
        super().__init__()
        self.destroyed = []

    def _setUp(self):
        original = manager.ComputeManager._delete_dangling_bdms

        def known(compute, context, instance, bdms):
            found = compute.volume_api.attachment_get_all(
                context, instance.uuid)
            return {bdm.id for bdm in bdms} | {each['id'] for each in found}

        def watched(compute, context, instance, bdms):
            before = known(compute, context, instance, bdms)
            original(compute, context, instance, bdms)
            self.destroyed += before - known(
                compute, context, instance, bdms)

        self.useFixture(fixtures.MockPatchObject(
            manager.ComputeManager, '_delete_dangling_bdms', new=watched))


class Tenant:
    """Does something to one server, and remembers what was answered.

    :ivar volumes: ids of the volumes that the server has to have
    :ivar free: ids of the volumes that can be attached
    :ivar answers: operation and answer to how often
    :ivar deleted: whether the server was deleted
    """

    def __init__(self, api, rng):
        """Remember how to act.

        :param api: the harness's client
        :param rng: the seeded random.Random
        """
        self._api = api
        self._rng = rng
        self.answers = collections.Counter()

    def take(self, server, volumes, free):
        """Get a new server.

        :param server: as the API shows it
        :param volumes: ids of its volumes, the first is not to be detached
        :param free: ids of volumes to attach
        """
        self.server, self.volumes, self.free = server, volumes, free
        self.deleted = False

    def plan(self, status):
        """Choose what to do to the server, as it is.

        :param status: ACTIVE or SHUTOFF
        :returns: an operation's name
        """
        # Nobody detaches what is still being attached, nor the reverse.
        self._detachable = self.volumes[1:]
        self._attachable = list(self.free)
        names = ['soft reboot', 'hard reboot', 'snapshot', 'rebuild'] * 2
        names += ['stop', 'live migration'] * 2 if status == 'ACTIVE' else (
            ['start'] * 6)
        names += ['attach'] * 3 if self.free else []
        names += ['detach'] * 3 if len(self.volumes) > 1 else []
        if not self.server['image']:
            # Nova's CinderFixture reimages one volume only.
            names = [name for name in names if name != 'rebuild']
        return self._rng.choice([*names, 'delete'])

    def act(self, name, other_host):
        """Do it.

        :param name: the operation's
        :param other_host: where to migrate to
        :raises OpenStackApiException: if it was neither served nor refused
            as Nova does
        """
        call = getattr(self, f'_{name.replace(" ", "_")}', None)
        try:
            if call:
                call()
            else:
                self._api.post_server_action(
                    self.server['id'], self._actions(other_host)[name])
        except base.client.OpenStackApiException as error:
            self.answers[name, self._refusal(error)] += 1
        else:
            self.answers[name, 'served'] += 1

    def _refusal(self, error):
        """Name an answer that Nova itself gives to who comes too late."""
        status = error.response.status_code
        if status == 409 or (status == 404 and self.deleted):
            return 'refused'
        # Nova's API has looked at the task_state before another task began,
        # and finds out when it saves its own, or when it asks Cinder for the
        # volume: its answers also if both tasks are tenants'.
        if (status, True) in ((500, 'UnexpectedTaskStateError' in str(error)),
                              (400, "status must be 'in-use'" in str(error))):
            return 'outrun'
        raise error

    def _actions(self, other_host):
        return {
            'soft reboot': {'reboot': {'type': 'SOFT'}},
            'hard reboot': {'reboot': {'type': 'HARD'}},
            'stop': {'os-stop': None},
            'start': {'os-start': None},
            'snapshot': {'createImage': {'name': 'snapshot'}},
            'rebuild': {'rebuild': {
                'imageRef': self.server['image'] and (
                    self.server['image']['id'])}},
            'live migration': {'os-migrateLive': {
                'host': other_host, 'block_migration': 'auto'}}}

    def _attach(self):
        volume_id = self._take(self._attachable)
        self._api.post_server_volume(self.server['id'], {
            'volumeAttachment': {'volumeId': volume_id}})
        self.free.remove(volume_id)
        self.volumes.append(volume_id)

    def _detach(self):
        volume_id = self._take(self._detachable)
        self._api.delete_server_volume(self.server['id'], volume_id)
        self.volumes.remove(volume_id)
        self.free.append(volume_id)

    def _take(self, volumes):
        return volumes.pop(self._rng.randrange(len(volumes)))

    def _delete(self):
        self._api.delete_server(self.server['id'])
        self.deleted = True


def busy(context, server):
    """Say what a server is still busy with, '' for nothing.

    :param context: an administrator's
    :param server: as the API shows it
    """
    instance = objects.Instance.get_by_uuid(context, server['id'])
    if instance.task_state:
        return instance.task_state
    migrations = objects.MigrationList.get_in_progress_by_instance(
        context, server['id'])
    return ' '.join(migration.status for migration in migrations)
