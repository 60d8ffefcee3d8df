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
"""Find a cloud's processes by what they are, not by their pid files.

A run that was cut off, or a cloud of another kind at the same root, leaves
services that no pid file of the present kind names.
"""

import logging
import os

import psutil

from cloud import processes
from cloud.services import registry
from cloud import settings

LOG = logging.getLogger(__name__)


def _words(process: psutil.Process) -> list[str]:
    """The command line of a process, nothing if it has gone."""
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return []


def names(words: list[str], root: str) -> bool:
    """Return whether a command line names something below a root.

    :param words: the command line
    :param root: the state root
    """
    mine = root + os.sep
    return any(word.startswith(mine) or f'={mine}' in word
               for word in words[1:])


def is_service(words: list[str], etc: str, programs: set[str]) -> bool:
    """Return whether a command line is a service's with our configuration.

    Not that of a helper which a service has started.

    :param words: the command line
    :param etc: the folder of the configuration
    :param programs: names of the services' programs
    """
    names_ours = any(word.startswith(etc + os.sep) for word in words)
    return names_ours and any(
        word.rpartition('/')[2] in programs for word in words[:2])


def stop(conf: settings.Settings) -> None:
    """Stop services of this root that are none of the present cloud's.

    :param conf: the settings
    """
    services = registry.all_of(conf)
    kept = {member.pid for service in services
            for member in service.daemon(conf).family()}
    programs = {service.program for service in registry.EVERY}
    for process in psutil.process_iter():
        words = _words(process)
        if process.pid not in kept and is_service(words, str(conf.etc),
                                                  programs):
            LOG.info('stopping what an earlier run left: %s (pid %d)',
                     ' '.join(words[:4]), process.pid)
            processes.stop_tree(process)


def stop_all(conf: settings.Settings) -> None:
    """Stop all that runs with something of the state root.

    :param conf: the settings
    """
    for process in psutil.process_iter():
        words = _words(process)
        if process.pid != os.getpid() and names(words, str(conf.root)):
            LOG.debug('stray: %s', ' '.join(words))
            processes.stop_tree(process, timeout=1)
