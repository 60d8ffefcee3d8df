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


"""What is told of Cinder's drivers, compared with them where that can be."""

import importlib.util
import pathlib
import subprocess
import sys

from cinder import objects
import ddt

from cinder_failover_hooks import drivers
from cinder_failover_hooks.tests.unit import base

PAGE = (pathlib.Path(__file__).parents[3] / 'doc' / 'source' / 'reference'
        / 'drivers.rst')


@ddt.ddt
class TestDrivers(base.TestCase):
    """The table."""

    def test_names_are_unique(self) -> None:
        """They are looked up by them."""
        self.assertEqual(len(drivers.DRIVERS), len(drivers.BY_NAME))

    @ddt.data(*drivers.DRIVERS)
    def test_the_driver_exists(self, driver: drivers.Driver) -> None:
        """Its module is there, and fails over."""
        # Looking for it imports its package, and some need these.
        objects.register_all()
        spec = importlib.util.find_spec(
            'cinder.volume.drivers.%s' % driver.module)
        self.assertIn('def failover',
                      pathlib.Path(spec.origin or '').read_text())

    @ddt.data(*drivers.DRIVERS)
    def test_nothing_contradicts_itself(self, driver: drivers.Driver) -> None:
        """The known issues agree with the other fields."""
        issues = set(driver.known_issues)
        if drivers.KnownIssue.CONNECTION_UNCHANGED in issues:
            self.assertEqual((), driver.changes)
        written = {driver.failed_over.status, driver.failed_back.status}
        self.assertEqual(bool(written & {'available', 'failed-over'}),
                         drivers.KnownIssue.WRITES_STATUS in issues)
        self.assertEqual(driver.failed_back == drivers.AVAILABLE,
                         drivers.KnownIssue.WRITES_AVAILABLE in issues)
        if drivers.KnownIssue.CLUSTERED_FAILBACK_REFUSED in issues:
            self.assertTrue(driver.active_active)

    @ddt.data(*drivers.DRIVERS)
    def test_the_reference_tells_it(self, driver: drivers.Driver) -> None:
        """With what may surprise."""
        page = ' '.join(PAGE.read_text().split())
        answers = {True: 'yes', False: 'no', None: 'not declared'}
        self.assertIn('* - %s - %s - %s - %s - %s - %s ' % (
            driver.title, answers[driver.active_active],
            ', '.join(driver.modes),
            ', '.join('``%s``' % key for key in driver.changes) or 'nothing',
            driver.old_side.value,
            ', '.join(sorted(driver.protocols))), page)
        for issue in driver.known_issues:
            before, found, _after = page.partition(issue.value[1:])
            self.assertTrue(found, issue)
            self.assertIn(driver.title, before[-200:])

    @ddt.data(('iSCSI', 'iscsi'), ('fibre_channel', 'fc'), ('FC', 'fc'),
              ('NVMe-RoCE', 'nvme'), ('NFS', 'nfs'), (' ceph', 'ceph'),
              ('', ''))
    @ddt.unpack
    def test_protocols_have_variants(self, name: str, plain: str) -> None:
        """One name stands for them."""
        self.assertEqual(plain, drivers.plain_protocol(name))

    def test_what_is_told_of_protocols_is_plain(self) -> None:
        """Else nothing would be recognised by them."""
        for driver in drivers.KNOWN:
            self.assertTrue(driver.protocols)
            for name in driver.protocols:
                self.assertEqual(name, drivers.plain_protocol(name))

    def test_only_the_driver_to_test_with_is_proven(self) -> None:
        """Nobody here has an array."""
        self.assertEqual([drivers.TESTING],
                         [d for d in drivers.KNOWN if d.proven])

    def test_updates(self) -> None:
        """Only what is written."""
        self.assertEqual({}, drivers.NOTHING.as_dict())
        self.assertEqual({'status': 'error'}, drivers.ERROR.as_dict())

    def test_importing_imports_neither_cinder_nor_nova(self) -> None:
        """An engine may read the table, and tests use the fixture."""
        code = (
            'import sys, cinder_failover_hooks.drivers,'
            ' cinder_failover_hooks.testing.replicated_backend;'
            'bad = {"cinder", "nova"} & set(sys.modules);'
            'sys.exit(str(bad) if bad else 0)')
        subprocess.run([sys.executable, '-c', code], check=True)
