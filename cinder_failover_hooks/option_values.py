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

"""Reads options at the start, so that no wrong value is met in a failover.

oslo.config converts a value when it is read, and takes an empty number for
none and ``nan`` for a number within any limits. Upstream relied on:
``cfg.ConfigParser``, and the name of the environment variable of an option
(oslo.config 10.7).
"""

from collections.abc import Iterable
import glob
import math
import os
from typing import Any

from oslo_config import cfg

from cinder_failover_hooks import exception

_EMPTY: tuple[Any, ...] = (None, '', [], {})


def check(conf: cfg.ConfigOpts,
          own: Iterable[tuple[cfg.OptGroup, Iterable[cfg.Opt]]]) -> None:
    """Read each option once.

    :param conf: the configuration of the program, after it was read
    :param own: groups and their options, as ``list_opts`` returns them
    :raises InvalidOption: for the first option that has a wrong value
    """
    for group, options in own:
        for option in options:
            reason = _wrong(conf, group.name, option)
            if reason:
                raise exception.InvalidOption(
                    option=describe(conf, group.name, option), reason=reason)


def describe(conf: cfg.ConfigOpts, group: str, option: cfg.Opt) -> str:
    """Return the names of an option and of its file, and its value.

    :param conf: the configuration of the program, after it was read
    :param group: of the option
    :param option: its value is left out if it is secret
    """
    name = f'[{group}] {option.name}'
    found = _given(conf, group, option.dest)
    if found is None:
        return name
    value, place = found
    return (f'{name} in {place}' if option.secret
            else f'{name} = {value!r} in {place}')


def _wrong(conf: cfg.ConfigOpts, group: str, option: cfg.Opt) -> str:
    try:
        value = conf[group][option.dest]
    except (cfg.Error, ValueError) as exc:
        return _reason(exc, option)
    if value in _EMPTY:
        return '' if option.default in _EMPTY else 'it needs a value'
    if isinstance(value, float) and math.isnan(value):
        return 'it is not a number'
    if isinstance(value, list | dict) and '' in [*value, *_values(value)]:
        return 'a part of it is empty'
    return ''


def _values(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else ()


def _reason(error: Exception, option: cfg.Opt) -> str:
    if option.secret:
        # The text of an error may hold the value.
        return f'it makes no sense ({type(error).__name__})'
    text = ' '.join(str(error).rpartition(' is not valid: ')[2].split())
    return text[:1].lower() + text[1:].rstrip('.')


def _given(conf: cfg.ConfigOpts, group: str,
           name: str) -> tuple[str, str] | None:
    # What conf returns has gone through conversion, if it came through.
    variable = f'OS_{group.upper()}__{name.upper()}'
    if variable in os.environ:
        return os.environ[variable], variable
    folders = (sorted(glob.glob(os.path.join(folder, '*.conf')))
               for folder in conf.config_dir or ())
    files = [*(conf.config_file or ()),
             *(path for folder in folders for path in folder)]
    for path in reversed(files):
        sections: dict[str, dict[str, list[str]]] = {}
        cfg.ConfigParser(path, sections).parse()
        if name in sections.get(group, {}):
            return sections[group][name][-1], path
    return None
