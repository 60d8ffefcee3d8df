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

"""Loop devices of volume files. Repeated calls are safe."""

import json
import pathlib

from oslo_concurrency import lockutils
from oslo_concurrency import processutils


def find(path: pathlib.Path) -> list[str]:
    """Return the loop devices of a file.

    losetup lists all devices, because it would open a file that is given to
    it, and the file may be at a site that does not answer.

    :param path: the file
    :returns: device paths
    """
    out, _err = processutils.execute('losetup', '--list', '--json',
                                     '--output', 'NAME,BACK-FILE')
    rows = json.loads(out)['loopdevices'] if out.strip() else []
    return [row['name'] for row in rows if row['back-file'] == str(path)]


@lockutils.synchronized('little-loops', external=False)
def ensure(path: pathlib.Path) -> str:
    """Return the loop device of a file; create one if there is none.

    :param path: the file
    :returns: the device path
    """
    devices = find(path)
    if devices:
        return devices[0]
    out, _err = processutils.execute('losetup', '--find', '--show',
                                     str(path))
    return out.strip()


def release(path: pathlib.Path) -> None:
    """Remove the loop devices of a file. Open devices go when they are closed.

    :param path: the file
    """
    for device in find(path):
        processutils.execute('losetup', '--detach', device,
                             check_exit_code=False)
