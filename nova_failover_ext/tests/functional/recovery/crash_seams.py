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


"""The seams between nova-compute and the world, for a test to stand at.

Whatever a recovery does to the world goes through one of these: Cinder's
API, libvirt, os-brick, or the conductor, which writes the database. The seams
are found by looking at what there is, so that a step that is new passes
through them, too: a method counts as an act unless it is known to only ask.
"""

import dataclasses
import functools
import inspect
import threading
from unittest import mock

import fixtures
from nova.db.main import api as db_api
from nova.tests.fixtures import libvirt as fakelibvirt
from nova.virt.libvirt.volume import volume as libvirt_volume
from os_brick.initiator import connector
from os_brick.initiator.connectors import local
from oslo_serialization import jsonutils

CINDER = 'cinder'
LIBVIRT = 'libvirt'
BRICK = 'os-brick'
CONDUCTOR = 'conductor'

# How the names of what only asks begin.
_QUESTIONS = ('get', 'is', 'has', 'list', 'lookup', 'show', 'check', 'info',
              'XMLDesc', 'attachment_get', 'secretLookup')
# What a service writes all the time, whether it recovers or not.
_NOT_OURS = ('service_update', 'compute_node_update')
# What libvirt's binding answers from its own memory.
_LOCAL = ('ID', 'UUIDString', 'name', 'usageID')


@dataclasses.dataclass(frozen=True)
class Call:
    """One call of nova-compute to the world.

    :ivar kind: whom it calls
    :ivar name: what
    :ivar about: what it is about, for a reader
    """

    kind: str
    name: str
    about: str = ''

    @property
    def asks(self):
        """Whether it changes nothing."""
        return self.name.startswith(_QUESTIONS)

    def __str__(self):
        about = f' ({self.about})' if self.about else ''
        return f'{self.kind} {self.name}{about}'


class Seams(fixtures.Fixture):
    """Hands every call to a listener, with what would run it.

    :ivar listener: called with a :class:`Call` and a callable; None lets
        everything through
    """

    def __init__(self, api):
        """Remember what is not found by looking.

        :param api: the REST API of the Cinder fixture
        """
        super().__init__()
        self.listener = None
        self._api = api
        self._inside = threading.local()

    def _setUp(self):
        for name in _writers():
            self._note_state(db_api, name, CONDUCTOR)
        # Where the fixture has found out what a request asks for.
        self._note_state(self._api, '_answer', CINDER)
        for owner in (fakelibvirt.Connection, fakelibvirt.Domain,
                      fakelibvirt.Secret):
            for name in set(_public(owner)).difference(_LOCAL):
                self._note_state(owner, name, LIBVIRT)
        for name in ('connect_volume', 'disconnect_volume'):
            self._note_state(libvirt_volume.LibvirtVolumeDriver, name, BRICK)
        self._note_state(local.LocalConnector, 'check_valid_device', BRICK)
        self._note_state(connector, 'get_connector_properties', BRICK)

    def _note_state(self, owner, name, kind):
        found = inspect.getattr_static(owner, name)
        if hasattr(found, 'side_effect'):
            # A mock; it goes when its own fixture goes.
            found.side_effect = self._seam(
                found.side_effect or _default, name, kind)
            return
        self.useFixture(fixtures.MockPatchObject(
            owner, name, new=self._seam(getattr(owner, name), name, kind)))

    def _seam(self, original, name, kind):
        @functools.wraps(original)
        def seam(*args, **kwargs):
            run = functools.partial(original, *args, **kwargs)
            # What a fake calls of itself is not nova-compute's call.
            if self.listener is None or getattr(self._inside, 'yes', False):
                return run()
            call = _call(kind, name, args)
            return self.listener(call, functools.partial(self._run, run))

        return seam

    def _run(self, run):
        self._inside.yes = True
        try:
            return run()
        finally:
            self._inside.yes = False


def _default(*args, **kwargs):
    return mock.DEFAULT


def _public(owner):
    return [name for name in dir(owner) if not name.startswith('_') and
            callable(getattr(owner, name))]


def _writers():
    """Name all functions of the database that write."""
    return [name for name in _public(db_api)
            if _writes(getattr(db_api, name)) and name not in _NOT_OURS]


def _writes(function):
    while function is not None:
        code = getattr(function, '__code__', None)
        if code is not None and 'writer' in code.co_names:
            return True
        function = getattr(function, '__wrapped__', None)
    return False


def _call(kind, name, args):
    if kind == CINDER:
        return Call(kind, args[0].call.value)
    return Call(kind, name, _about(args))


def _about(args):
    """Say what a write to the database is about, without any id."""
    values = next((a for a in args if isinstance(a, dict)), {})
    about = [f'{key}={values[key]}' for key in ('task_state', 'result')
             if key in values]
    if 'connection_info' in values:
        about += _mapping(jsonutils.loads(values['connection_info'] or '{}'))
    return ', '.join(about)


def _mapping(info):
    return ['connection_info', *(key for key in sorted(info)
                                 if key.startswith('failover'))]
