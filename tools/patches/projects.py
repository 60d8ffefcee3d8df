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

"""Which series there are, and which of upstream's tests are next to them."""

from collections.abc import Iterator
import dataclasses
import pathlib

from tools.patches import sizes

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
SERIES = CHECKOUT / 'patches'


class Problem(Exception):
    """What a person has to be told in one sentence."""


@dataclasses.dataclass(frozen=True)
class Neighbours:
    """Upstream's tests of one thing that a series touches.

    :ivar label: what they are about
    :ivar names: modules or classes, below ``PROJECT.tests``
    """

    label: str
    names: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Project:
    """A project that a series is for.

    :ivar name: of the project, its distribution and its package
    :ivar series: the folder of its series, below ``patches``
    :ivar env: environment variables of its unit tests, as in its tox.ini
    :ivar neighbours: upstream's tests around the change
    :ivar scripts: what writes files that are a part of the tree, and that
        its linters run as well
    :ivar limits: how many lines a series may add
    :ivar rewritten: tests, below ``PROJECT.tests``, that its series gives
        other, maybe fewer, cases
    :ivar removed: tests, below ``PROJECT.tests``, of what its series removes
    """

    name: str
    series: str
    env: dict[str, str]
    neighbours: tuple[Neighbours, ...]
    scripts: tuple[str, ...] = ()
    limits: sizes.Limits = sizes.Limits()
    rewritten: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def releases(self) -> list[str]:
        """Return the releases that there is a series for."""
        return sorted(path.name for path in (SERIES / self.series).glob('*')
                      if any(path.glob('*.patch')))

    def folder(self, release: str) -> pathlib.Path:
        """Return where the series for a release is, or is to be."""
        return SERIES / self.series / release

    def patches(self, release: str | None) -> tuple[str, list[pathlib.Path]]:
        """Return a release, the newest by default, and its patches.

        :raises Problem: if there is no series
        """
        known = self.releases()
        if not known or release not in {*known, None}:
            raise Problem(
                f'There is no series in patches/{self.series}/'
                f'{release or ""}.')
        found = release or max(known, key=_number)
        return found, sorted(self.folder(found).glob('*.patch'))

    def labels(self) -> Iterator[tuple[str, str]]:
        """Yield the full name of each neighbouring module, and its label."""
        for group in self.neighbours:
            for name in group.names:
                yield f'{self.name}.tests.{name}', group.label


def _number(release: str) -> list[int]:
    return [int(part) for part in release.split('.')]


_ENV = {'OS_STDOUT_CAPTURE': '1', 'OS_STDERR_CAPTURE': '1',
        'OS_TEST_TIMEOUT': '160'}

_CINDER_ENV = {**_ENV, 'OS_CINDER_DISABLE_EVENTLET_PATCHING': 'False'}

CINDER = Project(
    name='cinder',
    series='cinder',
    env=_CINDER_ENV,
    neighbours=(
        Neighbours('compute API', ('unit.compute.test_nova',)),
        Neighbours('groups', (
            'unit.group.test_groups_manager',
            'unit.group.test_groups_manager_replication')),
        Neighbours('messages', (
            'unit.message.test_api',
            'unit.message.test_defined_messages',
            'unit.message.test_message_field')),
        Neighbours('notifications', ('unit.test_volume_utils',)),
        Neighbours('object hashes', ('unit.objects.test_objects',)),
        Neighbours('start of the manager', (
            'unit.test_volume_cleanup',
            'unit.volume.test_init_host')),
        Neighbours('volume manager', (
            'unit.volume.test_replication_manager',
            'unit.volume.test_volume_manager')),
    ),
    scripts=('tools/config/generate_cinder_opts.py',),
    # 48 of these lines are the operator's command, which is last.
    limits=sizes.Limits(production=400),
    # The SDK answers with objects: one that is no list need not be tried.
    rewritten=tuple(
        f'unit.compute.test_nova.NovaApiTestCase.test_{action}_volume_failed'
        for action in ('extend', 'reimage')))

NOVA = Project(
    name='nova',
    series='nova',
    env={**_ENV, 'OS_NOVA_DISABLE_EVENTLET_PATCHING': 'False',
         'NOVA_RAISE_ON_GREENLET_LEAK': 'True'},
    neighbours=(
        Neighbours('API samples', (
            'functional.api_sample_tests.test_server_external_events',
            'functional.api_sample_tests.test_versions')),
        Neighbours('compute manager', ('unit.compute.test_compute_mgr',)),
        Neighbours('external events, API', (
            'unit.api.openstack.compute.test_server_external_events',
            'unit.policies.test_server_external_events',
            'functional.test_server_external_events')),
        Neighbours('external events, object', (
            'unit.objects.test_external_event',)),
        Neighbours('libvirt driver', ('unit.virt.libvirt.test_driver',)),
        Neighbours('object hashes', ('unit.objects.test_objects',)),
        Neighbours('service version', ('unit.objects.test_service',)),
    ),
    # Mappings are read anew whatever they have.
    removed=(('unit.compute.test_compute_mgr.ComputeManagerUnitTestCase'
              '.test_terminate_instance_no_bdm_volume_id'),))

CINDER_BUGS = Project(
    name='cinder',
    series='cinder/bugs',
    env=_CINDER_ENV,
    neighbours=(
        Neighbours('attachments', (
            'unit.attachments.test_attachments_api',
            'unit.objects.test_volume_attachment')),
        Neighbours('database', ('unit.test_db_api',)),
        Neighbours('upgrade checks', ('unit.cmd.test_status',)),
        Neighbours('volumes API', ('unit.api.v3.test_volumes',)),
    ),
    removed=(('unit.objects.test_volume_attachment.TestVolumeAttachment'
              '.test_migrate_attachment_specs'),))

#: By the name that the command line has for a series.
PROJECTS = {'cinder': CINDER, 'cinder-bugs': CINDER_BUGS, 'nova': NOVA}
