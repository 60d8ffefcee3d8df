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

"""Recoveries of volumes of all kinds: what their tests share."""

from lxml import etree

from nova_failover_ext.recovery import results
from nova_failover_ext.tests.functional.recovery import base

Outcome = results.Outcome


class KindsBase(base.FailoverTestBase):

    ADMIN_API = True

    def fields(self, server):
        """Return what no recovery may change of the mappings."""
        return {
            volume_id: {name: getattr(bdm, name) for name in bdm.fields
                        if bdm.obj_attr_is_set(name) and name not in (
                            'connection_info', 'updated_at', 'instance')}
            for volume_id, bdm in self.bdms(server).items()}

    def heal(self, server, *volumes, cycled=False, **kwargs):
        """Recover a server, and compare what must not change."""
        before = self.fields(server)
        result = self.recover(server, *volumes, **kwargs)
        self.assertEqual(
            (Outcome.RECOVERED, cycled),
            (result.outcome, result.power_cycled), result.reason)
        self.assertEqual(before, self.fields(server))
        return result

    def written(self, server, volume_id, host='compute1'):
        """Return a disk of the domain, but for its source, as text."""
        disk = self.disk(server, volume_id, host)
        disk.remove(disk.find('./source'))
        return etree.canonicalize(
            etree.tostring(disk, encoding='unicode'), strip_text=True)
