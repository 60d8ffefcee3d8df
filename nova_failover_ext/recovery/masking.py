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

"""Keeps secrets of connection_info out of everything that people read."""

from collections.abc import Iterable, Mapping
from typing import Any

from oslo_utils import strutils

# The words that os-brick and Cinder use in connection_info keys.
_SECRET_WORDS = ('password', 'secret', 'token', 'keyring', 'passphrase')
_MASK = '***'


def scrub(text: str, *infos: Mapping[str, Any] | None) -> str:
    """Return ``text`` without passwords.

    :param text: a message, maybe from another library's exception
    :param infos: connection_info dictionaries whose secret values must not
        occur in it, in whatever form the message quotes them
    """
    masked: str = strutils.mask_password(text, _MASK)
    for info in infos:
        for value in _secret_values(info or {}):
            masked = masked.replace(value, _MASK)
    return masked


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text, without passwords.

    Further lines of a database's error hold the statement and its
    parameters.

    :param error: maybe from another library
    :returns: without a full stop; the name of the class if it has no text
    """
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return scrub(lines[0]).rstrip('.')


def _secret_values(info: Mapping[str, Any]) -> Iterable[str]:
    for key, value in info.items():
        if isinstance(value, Mapping):
            yield from _secret_values(value)
        elif isinstance(value, list):
            for item in value:
                if isinstance(item, Mapping):
                    yield from _secret_values(item)
        elif isinstance(value, str) and value and _is_secret(key):
            yield value


def _is_secret(key: str) -> bool:
    # secret_type and secret_uuid of Ceph name a secret, and hold none.
    return not key.endswith(('_type', '_uuid')) and any(
        word in key.lower() for word in _SECRET_WORDS)
