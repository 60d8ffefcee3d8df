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

"""What an engine says of pauses, as sentences and rows."""

from collections.abc import Mapping
import getpass
import os
import socket
from typing import Any

from nova_failover_ext.api import pauses

COLUMNS = ('Backend', 'Since', 'By', 'Reason')


def operator() -> tuple[str, str]:
    """Return the user that runs this command, and the name of this host."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        # Neither the environment nor the password database has a name.
        user = 'uid %d' % os.getuid()
    return user, socket.gethostname()


def in_effect(said: Mapping[str, Any],
              backend: str = pauses.EVERYTHING) -> list[pauses.Pause]:
    """Return the pauses that hold a backend back.

    :param said: see ``EngineAPI.health``; an older engine knows of no pause
    :param backend: its name, by default the pauses of all
    """
    return pauses.applying(map(pauses.Pause.from_primitive,
                               said.get('pauses') or ()), backend)


def rows(said: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return a row for each pause, fit for COLUMNS.

    :param said: see ``EngineAPI.health``
    """
    return [(pause.subject, pause.when, pause.who, pause.reason)
            for pause in in_effect(said)]


def sentences(said: Mapping[str, Any],
              backend: str = pauses.EVERYTHING) -> list[str]:
    """Return what an operator has to know of pauses.

    :param said: see ``EngineAPI.health``
    :param backend: only what holds this one back
    """
    found = ['%s.' % pause for pause in in_effect(said, backend)]
    if said.get('decisions'):
        found.append('%s The engine goes by the latest decisions that it '
                     'knows.' % said['decisions'])
    return found
