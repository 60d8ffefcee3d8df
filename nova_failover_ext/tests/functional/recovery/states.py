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


"""How servers get into the states of the table, and out of them."""

from nova.compute import vm_states

from nova_failover_ext.tests.functional.recovery import moves

_RESCUE = {'hw_rescue_device': 'disk', 'hw_rescue_bus': 'scsi'}
_ON_COMPUTE2 = (
    'moved to another host, left', 'RESIZED to another host',
    'RESIZED to another host, left')


class StatesMixin:
    """Ways into and out of states, for many servers at a time.

    For tests on ``base.FailoverTestBase`` with the hosts compute1 and
    compute2.
    """

    def setUp(self):
        super().setUp()
        self.useFixture(moves.Moves(self.computes))
        self.flags(allow_resize_to_same_host=True)

    def enter(self, state, servers):
        """Bring active servers into a state of the table."""
        self._ways()[state][0](servers)

    def leave(self, state, servers):
        """Bring servers out of a state."""
        self._ways()[state][1](servers)

    def asked(self, state):
        """Return the host that is asked to recover a server of a state."""
        return 'compute2' if state in _ON_COMPUTE2 else 'compute1'

    def _ways(self):
        return {
            'ACTIVE': (self.nothing, self.stop),
            'STOPPED': (self.stop, self.start),
            'ERROR without a domain': (self.lose_domain, self.reboot),
            'ERROR with a guest': (self.reset('error'), self.reset('active')),
            'SHELVED': (self.shelve, self.each({'unshelve': None}, 'ACTIVE')),
            'SHELVED_OFFLOADED': (self.offload, self.unshelve),
            'PAUSED': (self.each({'pause': None}, 'PAUSED'),
                       self.each({'unpause': None}, 'ACTIVE')),
            'SUSPENDED': (self.each({'suspend': None}, 'SUSPENDED'),
                          self.each({'resume': None}, 'ACTIVE')),
            'RESCUED': (self.rescue,
                        self.each({'unrescue': None}, 'ACTIVE')),
            'RESIZED on one host': (self.resize, self.confirm),
            'RESIZED to another host': (
                self.each({'migrate': {'host': 'compute2'}},
                          'VERIFY_RESIZE'), self.confirm),
            'task in progress': (self.task('powering-off'), self.task(None)),
            'deleted meanwhile': (self.delete, None),
            'moved to another host': (self.migrate, self.nothing),
        }

    def each(self, action, status):
        """Return what posts an action and waits for a status."""
        def act(servers):
            for server in servers:
                self.api.post_server_action(server['id'], action)
            self.wait_for_all(servers, status)
        return act

    def nothing(self, servers):
        """The host that is asked is another one, or none has to be."""

    def stop(self, servers):
        self.each({'os-stop': None}, 'SHUTOFF')(servers)

    def start(self, servers):
        self.each({'os-start': None}, 'ACTIVE')(servers)

    def reboot(self, servers):
        self.each({'reboot': {'type': 'HARD'}}, 'ACTIVE')(servers)

    def lose_domain(self, servers):
        self.stop(servers)
        for server in servers:
            self.domain(server).undefine()
        self.reset('error')(servers)

    def reset(self, state):
        """Return what an administrator does with ``openstack server set``."""
        return self.each({'os-resetState': {'state': state}}, state.upper())

    def shelve(self, servers):
        self.flags(shelved_offload_time=-1)
        # The API offloads at once what has no image to be kept.
        volume_backed = [each for each in servers if not each['image']]
        self.stop(volume_backed)
        self._save(volume_backed, vm_state=vm_states.SHELVED)
        self.each({'shelve': None}, 'SHELVED')(
            [each for each in servers if each['image']])

    def offload(self, servers):
        self.flags(shelved_offload_time=0)
        self.each({'shelve': None}, 'SHELVED_OFFLOADED')(servers)

    def unshelve(self, servers):
        self.each({'unshelve': {'host': 'compute1'}}, 'ACTIVE')(servers)

    def rescue(self, servers):
        image = self._create_image(_RESCUE)
        self.each({'rescue': {'rescue_image_ref': image['id']}},
                  'RESCUE')(servers)

    def resize(self, servers):
        other, = self.api.get_services(
            binary='nova-compute', host='compute2')
        self.api.put_service(other['id'], {'status': 'disabled'})
        flavors = [each['id'] for each in self.api.get_flavors()]
        self.each({'resize': {'flavorRef': flavors[1]}},
                  'VERIFY_RESIZE')(servers)

    def confirm(self, servers):
        self.each({'confirmResize': None}, 'ACTIVE')(servers)

    def task(self, name):
        """Return what leaves servers with a task."""
        return lambda servers: self._save(servers, task_state=name)

    def delete(self, servers):
        for server in servers:
            self.api.delete_server(server['id'])
        for server in servers:
            self._wait_until_deleted(server)

    def migrate(self, servers):
        self.each({'os-migrateLive': {
            'host': 'compute2', 'block_migration': 'auto'}}, 'ACTIVE')(servers)

    def _save(self, servers, **values):
        for server in servers:
            instance = self.instance(server)
            for name, value in values.items():
                setattr(instance, name, value)
            instance.save()
