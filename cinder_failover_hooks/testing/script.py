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


"""What a test wants drivers to do, and what they have been asked to do.

It is kept as files in one folder, so that a test reaches a driver in its own
process as well as those of several cinder-volume processes::

    faults/<name>      an error to raise, once or always
    volumes/<id>       how a volume comes through a failover
    holds/<call>       the call waits as long as this is there
    waiting/<call>     a call has come to where it waits
    behaviour          name of the driver to behave as
    calls              a line for each call

Neither Cinder nor Nova is imported.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import signal
from typing import Any
import uuid

from oslo_utils import importutils
import tenacity

from cinder_failover_hooks import drivers

#: Seconds between two looks whether a call may go on.
INTERVAL = 0.02
#: How a driver behaves that nobody has said anything about.
ORDINARY = drivers.Driver(
    'ordinary', 'files in folders', '', 'Open Source', True,
    ('async', 'sync'), ('device_path',), groups=True)


@dataclasses.dataclass(frozen=True)
class Fault:
    """An error that a driver raises.

    :param call: name of the method
    :param error: class of the error, with its module; none is raised if it is
        empty
    :param message: its text
    :param volume_id: only for this volume
    :param host: only for this ``host@backend``
    :param after: once the call has done what it does, not before
    :param once: whether it is over when it has been raised
    :param kill: the process is killed instead
    """

    call: str
    error: str = 'cinder.exception.VolumeDriverException'
    message: str = 'A test wants it so.'
    volume_id: str | None = None
    host: str | None = None
    after: bool = False
    once: bool = True
    kill: bool = False

    def matches(self, call: 'Call', after: bool) -> bool:
        """Return whether it is meant for a call.

        :param call: what is being called
        :param after: whether the call has done its work
        """
        return (self.call == call.name and self.after == after
                and self.volume_id in (None, call.volume_id)
                and self.host in (None, call.host))


@dataclasses.dataclass(frozen=True)
class Call:
    """A call of a driver.

    :param name: of the method
    :param host: ``host@backend`` of the driver
    :param volume_id: of the volume that it is about, if it is about one
    :param target: of a failover
    """

    name: str
    host: str
    volume_id: str | None = None
    target: str | None = None


class Script:
    """A folder with what a test wants.

    :param folder: the folder; without one nobody wants anything
    """

    def __init__(self, folder: str | pathlib.Path | None) -> None:
        self._folder = pathlib.Path(folder) if folder else None

    # For tests

    def make(self) -> None:
        """Make the folder."""
        for name in ('faults', 'volumes', 'holds', 'waiting'):
            self._path(name).mkdir(parents=True, exist_ok=True)

    def fail(self, fault: Fault) -> None:
        """Let a call fail.

        :param fault: which one, and how
        """
        self._write('faults/%s' % uuid.uuid4().hex, dataclasses.asdict(fault))

    def forget_faults(self) -> None:
        """Let no call fail any more."""
        for path in self._path('faults').iterdir():
            path.unlink(missing_ok=True)

    def fail_volume(self, volume_id: str) -> None:
        """Let a volume fail to come through a failover.

        :param volume_id: its id
        """
        self._write('volumes/%s' % volume_id, {'fails': True})

    def come_through(self, volume_id: str,
                     updates: dict[str, Any] | None) -> None:
        """Say what the driver returns of a volume after a failover.

        :param volume_id: its id
        :param updates: the model updates, None to leave the volume out
        """
        self._write('volumes/%s' % volume_id, {'updates': updates})

    def behave_as(self, name: str) -> None:
        """Say as which driver to behave.

        :param name: a key of ``drivers.BY_NAME``
        """
        self._write('behaviour', drivers.BY_NAME[name].name)

    def hold(self, call: str) -> None:
        """Let calls wait before they do anything.

        :param call: name of the method
        """
        self._path('holds/%s' % call).touch()

    def release(self, call: str) -> None:
        """Let calls that wait go on.

        :param call: name of the method
        """
        self._path('holds/%s' % call).unlink(missing_ok=True)
        self._path('waiting/%s' % call).unlink(missing_ok=True)

    def release_all(self) -> None:
        """Let all calls go on."""
        for path in self._path('holds').iterdir():
            self.release(path.name)

    def is_waiting(self, call: str) -> bool:
        """Return whether a call has come to where it waits.

        :param call: name of the method
        """
        return self._path('waiting/%s' % call).exists()

    def calls(self, *names: str) -> list[Call]:
        """Return what drivers were asked to do, in order.

        :param names: only calls of these methods
        """
        with contextlib.suppress(FileNotFoundError):
            lines = self._path('calls').read_text().splitlines()
            made = [Call(**json.loads(line)) for line in lines]
            return [call for call in made if not names or call.name in names]
        return []

    # For drivers

    def enter(self, call: Call) -> None:
        """Note a call, and do what a test wants to happen before it.

        :param call: what is being called
        :raises Exception: what a test wants
        """
        if not self._folder:
            return
        with open(self._path('calls'), 'a') as file:
            file.write(json.dumps(dataclasses.asdict(call)) + '\n')
        if self._path('holds/%s' % call.name).exists():
            self._path('waiting/%s' % call.name).touch()
            tenacity.Retrying(
                retry=tenacity.retry_if_result(bool),
                wait=tenacity.wait_fixed(INTERVAL))(
                    self._path('holds/%s' % call.name).exists)
        self._raise(call, False)

    def leave(self, call: Call) -> None:
        """Do what a test wants to happen after a call.

        :param call: what was called
        :raises Exception: what a test wants
        """
        if self._folder:
            self._raise(call, True)

    def behaviour(self) -> drivers.Driver:
        """Return as which driver to behave."""
        name = self._read('behaviour')
        return drivers.BY_NAME[name] if name else ORDINARY

    def fails(self, volume_id: str) -> bool:
        """Return whether a volume does not come through a failover.

        :param volume_id: its id
        """
        return bool((self._read('volumes/%s' % volume_id) or {}).get('fails'))

    def updates(self, volume_id: str,
                otherwise: dict[str, Any]) -> dict[str, Any] | None:
        """Return what to tell Cinder of a volume after a failover.

        :param volume_id: its id
        :param otherwise: the updates if nobody says anything
        :returns: model updates, None to leave it out
        """
        said = self._read('volumes/%s' % volume_id) or {}
        found: dict[str, Any] | None = said.get('updates', otherwise)
        return found

    def _raise(self, call: Call, after: bool) -> None:
        for path in sorted(self._path('faults').glob('[!.]*')):
            fault = Fault(**json.loads(path.read_text()))
            if not fault.matches(call, after):
                continue
            if fault.once:
                path.unlink()
            if fault.kill:
                os.kill(os.getpid(), signal.SIGKILL)
            if fault.error:
                raise importutils.import_class(fault.error)(fault.message)

    def _path(self, name: str) -> pathlib.Path:
        return (self._folder or pathlib.Path()) / name

    def _read(self, name: str) -> Any:
        if self._folder:
            with contextlib.suppress(FileNotFoundError):
                return json.loads(self._path(name).read_text())
        return None

    def _write(self, name: str, value: Any) -> None:
        path = self._path(name)
        scratch = path.with_name('.%s' % path.name)
        scratch.write_text(json.dumps(value))
        # At once, for a driver may read it at any moment.
        scratch.rename(path)
