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

"""Which QEMU processes are this cloud's, and end with it."""

import dataclasses
import pathlib
import tempfile
from unittest import mock

import psutil
import testtools

from cloud import hypervisor
from cloud import settings

OURS = '29255b15-35ec-4782-8379-6fbd9b880b6a'


class GuestTest(testtools.TestCase):
    """Found by what their command lines name."""

    core = True

    def setUp(self) -> None:
        """A state root with one instance."""
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        conf = dataclasses.replace(
            settings.Settings(), root=pathlib.Path(folder.name))
        (conf.instances / OURS).mkdir(parents=True)
        self.hypervisor = hypervisor.Hypervisor(conf)
        self.root = conf.root

    def guests(self, *words: str) -> int:
        """Count the guests if one has such a command line."""
        process = mock.create_autospec(psutil.Process, instance=True)
        process.info = {'name': 'qemu-system-x86',
                        'cmdline': ['qemu-system-x86_64', *words]}
        with mock.patch.object(psutil, 'process_iter', autospec=True,
                               return_value=[process]):
            return len(self.hypervisor.guests())

    def test_files_of_this_cloud(self) -> None:
        """Its disk is a file below the state root."""
        self.assertEqual(1, self.guests(f'file={self.root}/storage/x'))

    def test_loop_device(self) -> None:
        """Its disk is a device, but the instance is ours."""
        self.assertEqual(1, self.guests('-uuid', OURS, '/dev/loop9'))

    def test_somebody_elses(self) -> None:
        """It must not be touched."""
        self.assertEqual(0, self.guests('-uuid', OURS[::-1], '/dev/loop9'))
