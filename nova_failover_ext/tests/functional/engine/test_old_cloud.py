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


"""The product is installed on an old cloud, and a backend fails over."""

from nova import rpc as nova_rpc
from nova.tests.fixtures import libvirt as fakelibvirt

from nova_failover_ext.api import exclusions
from nova_failover_ext.cli.checks import mapping_rows
from nova_failover_ext.cli.checks import storage
from nova_failover_ext.engine.inventory import cinder_reader
from nova_failover_ext.engine.inventory import nova_reader
from nova_failover_ext.engine.inventory import snapshot
from nova_failover_ext.recovery import probe
from nova_failover_ext.recovery import staleness
from nova_failover_ext.recovery.virt import libvirt
from nova_failover_ext.tests.functional.engine import base
from nova_failover_ext.tests.functional.engine import old_cloud

#: What ``check`` says of the kinds that are not in order.
LISTED = {
    'no connection_info': ('warn', 'no connection_info'),
    'empty connection_info': ('warn', 'no connection_info'),
    'volume of another server': ('warn', 'no connection_info'),
    'deleted server': ('warn', 'its server is deleted'),
    'no JSON': ('fail', 'cannot be read'),
    'connected volume of another server': ('fail', 'is of server'),
    'second row': ('fail', '2 block device mappings'),
    'blank attachment': ('fail', 'no block device mapping of the server'),
    'attachment gone': ('fail', 'Cinder has no attachment')}


class Installation(old_cloud.OldCloudBase):
    """Nothing has ever failed over."""

    def test_nothing_is_touched(self):
        before = self.photograph()
        engine = self.start_engine()
        self.wait_until_scanned()
        for host in (*self.HOSTS, *self.CELL2):
            self.restart_compute_service(host)
        engine.stop()
        self.start_engine()
        self.wait_until_scanned()
        self.assert_listed()
        self.assert_untouched(before)
        self.boot_host('compute2')
        self.assertEqual(before['requests'], self.photograph()['requests'])
        self.assertEqual([], self.sent)

    def boot_host(self, host):
        """Start a host whose guests are off, and see that Nova resumes them.

        None is withheld to be recovered first.
        """
        connection = self.computes[host].driver._host.get_connection()
        guests = {domain.UUIDString(): domain
                  for domain in connection._vms.values()}
        for domain in guests.values():
            domain._state = fakelibvirt.VIR_DOMAIN_SHUTOFF
            connection._mark_not_running(domain)
        self.flags(resume_guests_state_on_host_boot=True)
        before = dict(self.hypervisor.power_ons)
        self.restart_compute_service(host)
        clean = [server['id'] for server in self.servers
                 if server['id'] in guests]
        self.assertTrue(clean)
        for server_id in clean:
            self.assertEqual(before[server_id] + 1,
                             self.hypervisor.power_ons[server_id])
        self.assertEqual([], self.execute(
            'select uuid from instances where task_state = :claimed',
            claimed=staleness.TASK_STATE))

    def assert_listed(self):
        """See that ``check`` names what is not in order, and no more."""
        options = nova_rpc.CONF.failover_engine
        cinder = cinder_reader.CinderReader(options.batch_size)
        nova = nova_reader.NovaReader(options.batch_size)
        records = [snapshot.read(cinder, nova, backend)
                   for backend in (base.BACKEND, base.SECOND)]
        found = {finding.subject: finding for finding in
                 mapping_rows.inspect(records, cinder, nova)}
        for kind, (result, text) in LISTED.items():
            finding = found[f'volume {self.bad[kind]} of server '
                            f'{self.dirty[kind]["id"]}']
            self.assertEqual(result, finding.result.value, kind)
            self.assertIn(text, finding.detail, kind)
        self.assertEqual(len(LISTED), len(found), list(found))
        for one in records:
            self.assertIn('would be recovered', storage.rehearsal(
                one, exclusions.Exclusions())[0].detail)


class OneBackend(old_cloud.OldCloudBase):
    """One of the two replicated backends fails over."""

    def setUp(self):
        super().setUp()
        # There is no network, and no Ceph.
        self.patch(probe.socket, 'create_connection')
        self.patch(libvirt.LibvirtHost, 'lacks', return_value='')

    def test_only_its_servers_are_touched(self):
        rows, domains = self.rows(), self.domains()
        moved = self.on('repl')
        self.assertGreater(len(moved), len(self.dirty))
        clean = [server for server in self.servers if server['id'] in moved]
        self.cinder.site = 'secondary'
        self.start_engine()
        for server in clean:
            self.wait_for(lambda server=server: self.is_healed(server),
                          f'recovery of {server["id"]}')
        self.wait_for_all(clean, 'ACTIVE')
        self.assertLessEqual({sent.server_id for sent in self.sent}, moved)
        self.assert_others_untouched(rows, domains, moved)
        self.assert_bad_rows_untouched(rows)

    def assert_others_untouched(self, rows, domains, moved):
        """See that all is as it was on servers without a moved volume.

        :param rows: as they were
        :param domains: as they were
        :param moved: ids of the servers with one
        """
        now, guests = self.rows(), self.domains()
        others = set(rows) - moved
        self.assertTrue(others)
        for server_id in others:
            self.assertEqual(rows[server_id], now[server_id])
            self.assertEqual(domains.get(server_id), guests.get(server_id))

    def assert_bad_rows_untouched(self, rows):
        """See that no row was changed that is not in order.

        :param rows: as they were
        """
        now = self.rows()
        for kind in set(LISTED) - {'blank attachment'}:
            server_id = self.dirty[kind]['id']
            bad = [key for key in rows[server_id]
                   if key[1] == self.bad[kind]]
            self.assertTrue(bad, kind)
            for key in bad:
                self.assertEqual(rows[server_id][key], now[server_id][key],
                                 kind)
