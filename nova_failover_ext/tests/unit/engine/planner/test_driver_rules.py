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

"""What to expect of a backend's driver."""

import subprocess
import sys

import ddt
import testtools

from cinder_failover_hooks import drivers as table
from nova_failover_ext.engine.planner import driver_rules


@ddt.ddt
class RecogniseTest(testtools.TestCase):
    """From what Cinder says of it."""

    @ddt.data(
        ('Open Source', 'ceph', ['rbd']),
        ('Open Source', 'file', ['testing']),
        ('Open Source', 'iSCSI', []),
        ('NetApp', 'nfs', ['netapp-nfs']),
        ('NetApp', 'NFS', ['netapp-nfs']),
        ('NetApp', 'NVMe', ['netapp-san']),
        ('SolidFire Inc', 'iSCSI', ['solidfire']),
        ('Pure Storage', 'NVMe-RoCE', ['pure', 'pure-sync']),
        ('Hewlett Packard Enterprise', 'fibre_channel', ['3par', 'alletra']),
        ('Dell EMC', 'scaleio', ['powerflex']),
        ('Dell EMC', 'unknown', []),
        ('IBM', 'iSCSI', ['svf', 'xiv']),
        ('NetApp', None, []), (None, 'nfs', []), (None, None, []))
    @ddt.unpack
    def test_table(self, vendor, protocol, names):
        found = driver_rules.recognise(vendor, protocol)
        self.assertEqual(names, [d.name for d in found.drivers])
        self.assertEqual(len(names) == 1, found.certain)

    def test_only_what_is_certain_blocks(self):
        for driver in table.KNOWN:
            for protocol in driver.protocols:
                found = driver_rules.recognise(driver.vendor, protocol)
                self.assertIn(driver, found.drivers)
                self.assertEqual(found.drivers == (
                    table.BY_NAME['netapp-nfs'],), bool(found.blocks))
                self.assertEqual('', found.unchanged)

    def test_what_is_uncertain_is_noted(self):
        found = driver_rules.recognise('Pure Storage', 'iSCSI')
        doubt = ('if the driver is Pure FlashArray with ActiveCluster: a '
                 'failover changes no connection')
        self.assertEqual((doubt,), found.doubts)
        self.assertIn(found.doubts[0], found.notes)
        self.assertEqual('', found.proven)

    def test_an_operator_names_it(self):
        found = driver_rules.recognise('Pure Storage', 'iSCSI', 'pure-sync')
        self.assertTrue(found.certain)
        self.assertIn('ActiveCluster changes no connection', found.unchanged)
        self.assertEqual((), found.doubts)

    def test_an_operator_says_that_it_is_none_of_these(self):
        self.assertEqual(driver_rules.UNKNOWN,
                         driver_rules.recognise('NetApp', 'nfs', 'none'))

    def test_proven(self):
        self.assertEqual('the little cloud',
                         driver_rules.recognise('Open Source', 'file').proven)
        self.assertEqual('', driver_rules.recognise(
            'Open Source', 'ceph').proven)

    def test_the_side_that_is_left(self):
        self.assertIn('the site that is left has to answer: yes',
                      driver_rules.recognise('SolidFire Inc', 'iSCSI').notes)

    def test_importing_the_table_imports_no_cinder(self):
        code = ('import sys, nova_failover_ext.engine.planner.driver_rules;'
                'sys.exit(str(bad) if (bad := {"cinder", "nova"}'
                ' & set(sys.modules)) else 0)')
        subprocess.run([sys.executable, '-c', code], check=True)
