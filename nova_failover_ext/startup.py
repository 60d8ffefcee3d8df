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

"""Starts a program of ours as Nova starts its own, from nova.conf.

Upstream relied on, read in Nova 31 to 34: ``nova.monkey_patch.patch`` (takes
``backend`` from 33 on; Nova 31 patches when the module is imported),
``nova.config.parse_args``, ``nova.objects.register_all``,
``nova.db.{api,main}.api.configure``.
"""

import inspect
from typing import Any, Protocol

from cinder_failover_hooks import exception as hooks_exception
from cinder_failover_hooks import option_values
from oslo_config import cfg

from nova_failover_ext import conf as own_conf
from nova_failover_ext import exception

#: A connection to a database is given up after this many times the
#: ``cell_timeout``: until then, each question to a silent cell keeps a thread.
DEADLINES = 4
#: Exit code of a program that cannot use its configuration.
INVALID_CONFIGURATION = 3
_TIMEOUTS = ('read_timeout', 'write_timeout')


class Options(Protocol):
    """A module of options, such as :mod:`nova_failover_ext.conf`."""

    def register_opts(self, conf: cfg.ConfigOpts) -> None:
        """Register them on ``conf``."""

    def list_opts(self) -> list[tuple[cfg.OptGroup, list[Any]]]:
        """Return them by group."""


def choose_threads() -> None:
    """Let Nova run on native threads where the release can.

    To be called before anything else of Nova is imported, because where a
    release or the operator chooses eventlet, that patches the standard
    library.

    :raises ConfigurationInvalid: if nova.conf cannot be read
    """
    try:
        from nova import monkey_patch
        patch = getattr(monkey_patch, 'patch', None)
        if patch is None:
            return
        if 'backend' in inspect.signature(patch).parameters:
            patch(backend='threading')
        else:
            patch()
    except cfg.Error as exc:
        raise exception.ConfigurationInvalid(reason=_reason(exc)) from exc


def read(argv: list[str], *modules: Options) -> cfg.ConfigOpts:
    """Read nova.conf, and refuse wrong values of our options.

    :param argv: name of the program and its options, as Nova's own take
    :param modules: whose options are registered and checked
    :returns: Nova's configuration
    :raises ConfigurationInvalid: if nova.conf cannot be read or used
    """
    import nova.conf
    from nova import config
    conf = nova.conf.CONF
    for module in modules:
        module.register_opts(conf)
    try:
        config.parse_args(argv, configure_db=False, init_rpc=False)
        for module in modules:
            option_values.check(conf, module.list_opts())
    except (cfg.Error, ValueError, hooks_exception.InvalidOption) as exc:
        raise exception.ConfigurationInvalid(reason=_reason(exc)) from exc
    return conf


def configure(argv: list[str],
              overrides: dict[tuple[str, str], Any]) -> cfg.ConfigOpts:
    """Read nova.conf and make objects, databases and buses usable.

    Nothing is connected to.

    :param argv: name of the program and its options, as Nova's own take
    :param overrides: values by group and option that count whatever
        nova.conf says
    :returns: Nova's configuration, with our options registered
    :raises ConfigurationInvalid: if nova.conf cannot be read or used
    """
    from nova import objects
    conf = read(argv, own_conf)
    try:
        _require_files(conf)
        for (group, name), value in overrides.items():
            conf.set_override(name, value, group)
        _bound_cinder(conf)
        _bound_databases(conf)
        _configure_databases(conf)
        _init_bus(conf)
        _check_urls(conf)
    except (cfg.Error, ValueError, hooks_exception.InvalidOption) as exc:
        raise exception.ConfigurationInvalid(reason=_reason(exc)) from exc
    objects.register_all()
    return conf


def _check_urls(conf: cfg.ConfigOpts) -> None:
    # Where Nova runs on eventlet, that must come before oslo.messaging.
    from nova_failover_ext.conf import urls
    urls.check(conf)


def _init_bus(conf: cfg.ConfigOpts) -> None:
    # Also who only reads needs it: cells' mappings refer to its options.
    from nova import rpc
    import oslo_messaging as messaging
    try:
        rpc.init(conf)
    except (messaging.InvalidTransportURL,
            messaging.DriverLoadFailure, ValueError) as exc:
        # Their text holds the URL, or a part, and that the password.
        raise exception.ConfigurationInvalid(
            reason='transport_url makes no sense (%s)'
            % type(exc).__name__) from exc


def _require_files(conf: cfg.ConfigOpts) -> None:
    if not conf.config_file and not conf.config_dir:
        raise exception.ConfigurationInvalid(
            reason='no nova.conf was found; name it with --config-file')
    for group, name in (('api_database', 'connection'),
                        ('database', 'connection')):
        if not conf[group][name]:
            raise exception.ConfigurationInvalid(
                reason='[%s] %s is not set' % (group, name))


def _bound_cinder(conf: cfg.ConfigOpts) -> None:
    # Without a limit a Cinder that hangs would hang us.
    if conf.cinder.timeout is None:
        conf.set_override('timeout', conf.failover_engine.cinder_timeout,
                          'cinder')


def _bound_databases(conf: cfg.ConfigOpts) -> None:
    # Drivers wait for ever. Nova connects to its cells with the same options.
    seconds = DEADLINES * conf.failover_engine.cell_timeout
    for group in ('database', 'api_database'):
        options = conf[group]
        given = options.connection_parameters
        if options.connection.startswith('mysql'):
            conf.set_override('connection_parameters', '&'.join(filter(None, (
                given, *(f'{name}={seconds}' for name in _TIMEOUTS
                         if name not in given)))), group)


def _configure_databases(conf: cfg.ConfigOpts) -> None:
    from nova.db.api import api as api_db
    from nova.db.main import api as main_db
    main_db.configure(conf)
    api_db.configure(conf)


def _reason(error: Exception) -> str:
    return ' '.join(str(error).split()).rstrip('.')
