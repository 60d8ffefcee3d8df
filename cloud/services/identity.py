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
"""Keystone: its keys, and the first account."""

import base64
import os

from cloud.services import registry
from cloud import settings


def make_keys(conf: settings.Settings) -> None:
    """Make the key repositories, which are files with a random key each.

    :param conf: the settings
    """
    for repository in ('fernet', 'credential'):
        folder = conf.root / 'keystone' / repository
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in ('0', '1'):
            if not (folder / name).exists():
                key = base64.urlsafe_b64encode(os.urandom(32))
                (folder / name).write_bytes(key)


def bootstrap(conf: settings.Settings) -> None:
    """Make the administrator, the roles and Keystone's own endpoint.

    :param conf: the settings
    """
    registry.KEYSTONE.manage(
        conf, 'keystone-manage', 'bootstrap',
        '--bootstrap-password', conf.password,
        '--bootstrap-region-id', conf.region,
        '--bootstrap-internal-url', conf.url('keystone') + '/v3',
        '--bootstrap-public-url', conf.url('keystone') + '/v3')
