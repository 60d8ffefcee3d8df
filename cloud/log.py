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
"""Logging: a few lines for the person, everything in ROOT/log/cloud.log."""

import logging
import pathlib
import time

#: Chatty libraries, of which only warnings are of use.
QUIET = ('urllib3', 'keystoneauth', 'openstack', 'stevedore', 'amqp',
         'oslo', 'oslo_service', 'cliff', 'oslo_messaging', 'asyncio',
         'markdown_it')
_START = time.monotonic()


class Elapsed(logging.Filter):
    """Adds the seconds since the command began to each record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Stamp the record; nothing is ever dropped.

        :param record: the record to stamp
        :returns: True
        """
        record.elapsed = time.monotonic() - _START
        return True


def _add(handler: logging.Handler, level: int, form: str) -> None:
    """Attach a handler to the root logger."""
    handler.setLevel(level)
    handler.addFilter(Elapsed())
    handler.setFormatter(logging.Formatter(form))
    logging.getLogger().addHandler(handler)


def to_console(verbose: bool = False) -> None:
    """Show progress on standard error.

    :param verbose: show debug messages as well
    """
    logging.getLogger().setLevel(logging.DEBUG)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    _add(logging.StreamHandler(),
         logging.DEBUG if verbose else logging.INFO,
         '[%(elapsed)6.1fs] %(message)s')


def to_file(folder: pathlib.Path) -> None:
    """Keep everything in a file.

    :param folder: where ``cloud.log`` goes
    """
    folder.mkdir(parents=True, exist_ok=True)
    _add(logging.FileHandler(folder / 'cloud.log'), logging.DEBUG,
         '%(asctime)s %(process)d %(levelname)s %(name)s %(message)s')
