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

"""Refuses URLs of ``[failover_engine]`` that are of no use to anybody.

Nothing is connected to. Upstream relied on, read in tooz 9:
``tooz.coordination.get_coordinator`` loads the driver that the scheme names.
"""

from collections.abc import Callable

from cinder_failover_hooks import exception as hooks_exception
from cinder_failover_hooks import option_values
from oslo_config import cfg
import oslo_messaging as messaging
import sqlalchemy as sa
from sqlalchemy import exc as sa_exc
from stevedore import exception as stevedore_exception
from tooz import coordination

from nova_failover_ext.conf import engine

_ERRORS = (messaging.InvalidTransportURL, messaging.DriverLoadFailure,
           sa_exc.ArgumentError, stevedore_exception.NoMatches, ValueError)


def check(conf: cfg.ConfigOpts) -> None:
    """Parse each URL, and look up its driver.

    :param conf: the configuration of the program, after it was read
    :raises InvalidOption: for the first URL that cannot be used
    """
    for group, options in engine.list_opts():
        for option in options:
            url = conf[group.name][option.dest]
            if url and option.name in _PARSERS:
                _parse(conf, url, group.name, option)


def _parse(conf: cfg.ConfigOpts, url: str, group: str,
           option: cfg.Opt) -> None:
    try:
        _PARSERS[option.name](conf, url)
    except ImportError:
        # No fault of the URL. The engine logs it, and works again as soon as
        # the library is there; the command may not need it.
        return
    except _ERRORS as exc:
        # Its text may hold the URL, and that the password.
        raise hooks_exception.InvalidOption(
            option=option_values.describe(conf, group, option),
            reason=f'it makes no sense ({type(exc).__name__})') from None


def _bus(conf: cfg.ConfigOpts, url: str) -> None:
    messaging.get_notification_transport(conf, url=url)


def _coordinator(_conf: cfg.ConfigOpts, url: str) -> None:
    coordination.get_coordinator(url, b'nobody')


def _database(_conf: cfg.ConfigOpts, url: str) -> None:
    sa.make_url(url).get_dialect()


_PARSERS: dict[str, Callable[[cfg.ConfigOpts, str], None]] = {
    'transport_url': _bus, 'coordination_url': _coordinator,
    'connection': _database}
