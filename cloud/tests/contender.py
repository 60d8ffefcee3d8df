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

"""A process that leads when it can, and says so; see test_leadership.

It runs in the environment of Nova's services, and ends when it is told to.
Its output has a line per event: what, and when on the machine's clock.
"""

import argparse
import os
import signal
import sys
import threading
import time

from nova import conf as nova_conf
from oslo_config import cfg

from nova_failover_ext.conf import engine as engine_conf
from nova_failover_ext.engine.election import leadership
from nova_failover_ext.engine.election import locks

#: Seconds between two pieces of work of a leader.
PACE = 0.02


def say(what: str, when: float) -> None:
    """Print an event, at once and whole."""
    os.write(sys.stdout.fileno(), f'{what} {when:.3f}\n'.encode())


def configuration(url: str, timeout: int) -> cfg.ConfigOpts:
    """The options that the lock depends on.

    :param url: of the database
    :param timeout: the engine's leader_timeout
    :returns: a configuration of its own
    """
    conf = cfg.ConfigOpts()
    nova_conf.database.register_opts(conf)
    engine_conf.register_opts(conf)
    conf([], default_config_files=[])
    conf.set_override('connection', url, 'api_database')
    conf.set_override('leader_timeout', timeout, 'failover_engine')
    return conf


def main() -> None:
    """Contend for leadership until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('url')
    parser.add_argument('name')
    parser.add_argument('timeout', type=int)
    words = parser.parse_args()
    conf = configuration(words.url, words.timeout)
    print('lock', locks.lock_name(conf).decode(), flush=True)
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    own = leadership.Leadership(
        lambda: locks.make_lock(conf, words.name), words.timeout / 4,
        words.timeout, lambda: say('leads', time.monotonic()),
        lambda: say('follows', time.monotonic()))
    own.start()
    say('started', time.monotonic())
    while not over.wait(PACE):
        now = time.monotonic()
        if own.leading:
            say('acts', now)
    own.stop()


if __name__ == '__main__':
    main()
