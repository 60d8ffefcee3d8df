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

"""The instructions of a test to the test driver, and the calls of the driver.

Both are files in one folder. A test therefore reaches a driver in its own
process as well as the drivers of several cinder-volume processes::

    faults/<name>      an error to raise, once or always
    volumes/<id>       the outcome of a failover for a volume
    holds/<call>       the call waits while this file exists
    waiting/<call>     a call waits
    behaviour          name of the driver to imitate
    calls              one line for each call

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

#: Seconds between two checks whether a held call may continue.
INTERVAL = 0.02
#: The behaviour of the test driver without an instruction.
ORDINARY = drivers.Driver(
    'ordinary', 'files in folders', '', 'Open Source', True,
    ('async', 'sync'), ('device_path',), groups=True)


@dataclasses.dataclass(frozen=True)
class Fault:
    """An error for a driver to raise.

    :param call: name of the method
    :param error: class of the error with its module, empty to raise nothing
    :param message: text of the error
    :param volume_id: restricts the fault to this volume
    :param host: restricts the fault to this ``host@backend``
    :param after: whether the method raises after its work instead of before
    :param once: whether the fault applies to one call only
    :param kill: whether to kill the process instead of raising an error
    """

    call: str
    error: str = 'cinder.exception.VolumeDriverException'
    message: str = 'A test requested this error.'
    volume_id: str | None = None
    host: str | None = None
    after: bool = False
    once: bool = True
    kill: bool = False

    def matches(self, call: 'Call', after: bool) -> bool:
        """Return whether the fault applies to a call.

        :param call: the call
        :param after: whether the method has done its work
        """
        return (self.call == call.name and self.after == after
                and self.volume_id in (None, call.volume_id)
                and self.host in (None, call.host))


@dataclasses.dataclass(frozen=True)
class Call:
    """A call of a driver.

    :param name: name of the method
    :param host: ``host@backend`` of the driver
    :param volume_id: id of the volume, None for a call about no volume
    :param target: replication target of a failover
    """

    name: str
    host: str
    volume_id: str | None = None
    target: str | None = None


class Script:
    """A folder with the instructions of a test.

    :param folder: the folder; None for no instructions
    """

    def __init__(self, folder: str | pathlib.Path | None) -> None:
        self._folder = pathlib.Path(folder) if folder else None

    # For tests

    def make(self) -> None:
        """Create the folder."""
        for name in ('faults', 'volumes', 'holds', 'waiting'):
            self._path(name).mkdir(parents=True, exist_ok=True)

    def fail(self, fault: Fault) -> None:
        """Make a call fail.

        :param fault: the call and its error
        """
        self._write('faults/%s' % uuid.uuid4().hex, dataclasses.asdict(fault))

    def forget_faults(self) -> None:
        """Remove all faults."""
        for path in self._path('faults').iterdir():
            path.unlink(missing_ok=True)

    def fail_volume(self, volume_id: str) -> None:
        """Make the failover of a volume fail.

        :param volume_id: its id
        """
        self._write('volumes/%s' % volume_id, {'fails': True})

    def set_updates(self, volume_id: str,
                    updates: dict[str, Any] | None) -> None:
        """Set what the driver returns for a volume after a failover.

        :param volume_id: its id
        :param updates: the model updates, None to return no update
        """
        self._write('volumes/%s' % volume_id, {'updates': updates})

    def behave_as(self, name: str) -> None:
        """Set the driver to imitate.

        :param name: a key of ``drivers.BY_NAME``
        """
        self._write('behaviour', drivers.BY_NAME[name].name)

    def hold(self, call: str) -> None:
        """Hold calls before they do anything.

        :param call: name of the method
        """
        self._path('holds/%s' % call).touch()

    def release(self, call: str) -> None:
        """Release held calls.

        :param call: name of the method
        """
        self._path('holds/%s' % call).unlink(missing_ok=True)
        self._path('waiting/%s' % call).unlink(missing_ok=True)

    def release_all(self) -> None:
        """Release all held calls."""
        for path in self._path('holds').iterdir():
            self.release(path.name)

    def is_waiting(self, call: str) -> bool:
        """Return whether a held call is waiting.

        :param call: name of the method
        """
        return self._path('waiting/%s' % call).exists()

    def calls(self, *names: str) -> list[Call]:
        """Return the calls of the drivers in order.

        :param names: only calls of these methods
        """
        with contextlib.suppress(FileNotFoundError):
            lines = self._path('calls').read_text().splitlines()
            made = [Call(**json.loads(line)) for line in lines]
            return [call for call in made if not names or call.name in names]
        return []

    # For drivers

    def enter(self, call: Call) -> None:
        """Record a call and follow the instructions for its start.

        :param call: the call
        :raises Exception: an error that a test requested
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
        """Follow the instructions for the end of a call.

        :param call: the call
        :raises Exception: an error that a test requested
        """
        if self._folder:
            self._raise(call, True)

    def behaviour(self) -> drivers.Driver:
        """Return the driver to imitate."""
        name = self._read('behaviour')
        return drivers.BY_NAME[name] if name else ORDINARY

    def fails(self, volume_id: str) -> bool:
        """Return whether the failover of a volume has to fail.

        :param volume_id: its id
        """
        return bool((self._read('volumes/%s' % volume_id) or {}).get('fails'))

    def updates(self, volume_id: str,
                otherwise: dict[str, Any]) -> dict[str, Any] | None:
        """Return the model updates of a volume after a failover.

        :param volume_id: its id
        :param otherwise: the updates without an instruction
        :returns: model updates, None to return no update
        """
        instruction = self._read('volumes/%s' % volume_id) or {}
        found: dict[str, Any] | None = instruction.get('updates', otherwise)
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
        # Renaming is atomic: a driver may read the file at any moment.
        scratch.rename(path)
