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

"""Mounts: whether a share is still mounted on this host.

The kernel's list is read. A ``stat`` or ``statfs`` of a share whose server is
dead would hang.
"""

import pathlib
import re

_MOUNTINFO = pathlib.Path('/proc/self/mountinfo')


def parse(text: str) -> dict[str, str]:
    """Read the text of a ``mountinfo`` file.

    :returns: what is mounted, such as ``192.0.2.7:/srv/volumes``, by its
        mount point; the upper one, where two are mounted on one place
    """
    found = {}
    for line in text.splitlines():
        left, _, right = line.partition(' - ')
        fields, source = left.split(), right.split()
        if len(fields) > 4 and len(source) > 1:
            found[_plain(fields[4])] = _plain(source[1])
    return found


def mount_points(share: str,
                 mountinfo: pathlib.Path = _MOUNTINFO) -> tuple[str, ...]:
    """Return where a share is mounted.

    :param share: as in connection_info, such as ``192.0.2.7:/srv/volumes``
    :param mountinfo: the kernel's list of this process's mounts
    :returns: none once it is gone
    """
    # Characters that are no valid text stand for themselves.
    text = mountinfo.read_text(errors='surrogateescape')
    return tuple(sorted(point for point, source in parse(text).items()
                        if source.rstrip('/') == share.rstrip('/')))


def _plain(field: str) -> str:
    return re.sub(r'\\([0-7]{3})',
                  lambda found: chr(int(found.group(1), 8)), field)
