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

"""Failovers, groups and starts of the manager, as Cinder tests them."""

import pathlib
import re

from cinder.tests import unit
from cinder.tests.unit.group import test_groups_manager
from cinder.tests.unit.group import test_groups_manager_replication
from cinder.tests.unit import test_volume_cleanup
from cinder.tests.unit.volume import test_init_host
from cinder.tests.unit.volume import test_replication_manager
from oslotest import base as oslotest

from cinder_failover_hooks.tests.upstream import base

_CALL = re.compile(r'\.(failover|failover_host|failover_completed|'
                   r'failover_replication|finish_failover|init_host|'
                   r'init_host_with_rpc)\(')
_MANAGER = re.compile(r'VolumeManager\b|\bvolume_manager\b|VolumeTestCase')
#: Folders and modules that make a volume manager and call such a method of
#: something else: a driver, the backup manager, the API.
_OTHERS = ('api/', 'backup/test_backup.py', 'volume/drivers/',
           'volume/test_driver.py')


class ReplicationTest(base.OurManagerMixin,
                      test_replication_manager.ReplicationTestCase):
    """Failover, failback and failover_completed of a backend."""


class GroupReplicationTest(
        base.OurManagerMixin,
        test_groups_manager_replication.GroupManagerTestCase):
    """Failover of a replication group."""


class GroupTest(base.OurManagerMixin,
                test_groups_manager.GroupManagerTestCase):
    """Groups."""


class InitHostTest(base.OurManagerMixin,
                   test_init_host.VolumeInitHostTestCase):
    """The start of the manager."""


class CleanupTest(base.OurManagerMixin,
                  test_volume_cleanup.VolumeCleanupTestCase):
    """What the start of the manager finds half done."""


class NoneLeftOutTest(oslotest.BaseTestCase):
    """Other releases may have their tests elsewhere."""

    def test_every_module_of_cinder_is_here(self) -> None:
        """Each that makes a volume manager and calls such a method."""
        folder = pathlib.Path(unit.__file__).parent
        found = set()
        for path in folder.rglob('*.py'):
            name = str(path.relative_to(folder))
            text = path.read_text()
            if (not name.startswith(_OTHERS) and _CALL.search(text)
                    and _MANAGER.search(text)):
                found.add(name)
        run = {base.upstream_case(case).__module__
               for case in base.OurManagerMixin.__subclasses__()}
        self.assertLessEqual({
            'cinder.tests.unit.%s' % name[:-len('.py')].replace('/', '.')
            for name in found}, run)
        self.assertLess(3, len(found))
