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

"""Reads the configuration again while the engine runs."""

from cinder_failover_hooks import exception as hooks_exception
from cinder_failover_hooks import option_values
from oslo_config import cfg

from nova_failover_ext.conf import engine
from nova_failover_ext import exception


def reload(conf: cfg.ConfigOpts) -> None:
    """Take over the options that may change, unless one of ours is wrong.

    oslo.config logs what has changed, and warns of what may not change.

    :param conf: the configuration of the program
    :raises ConfigurationInvalid: if a file cannot be read or used; the old
        values stay in effect
    """
    try:
        _try(conf)
        conf.mutate_config_files()
    except (cfg.Error, ValueError, OSError,
            hooks_exception.InvalidOption) as exc:
        raise exception.ConfigurationInvalid(
            reason=' '.join(str(exc).split()).rstrip('.')) from exc


def _try(conf: cfg.ConfigOpts) -> None:
    # What has once been read again cannot be taken back.
    trial = cfg.ConfigOpts()
    engine.register_opts(trial)
    trial([], default_config_files=list(conf.config_file or ()),
          default_config_dirs=list(conf.config_dir or ()))
    option_values.check(trial, [
        (group, [option for option in options if option.mutable])
        for group, options in engine.list_opts()])
