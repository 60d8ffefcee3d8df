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
"""Where a disk on Ceph is, as Cinder, Nova and libvirt each write it down."""

import re
import typing
import xml.etree.ElementTree as ElementTree

from cloud import settings
from cloud.storage.ceph import site as sites

_PLACE = re.compile(r'rbd:(?P<user>[^@]*)@(?P<monitors>[^/]*)/(?P<image>.*)'
                    r'\?secret=(?P<secret>.*)')


def write(image: str, monitors: list[str], user: str, secret: str) -> str:
    """Write a place as one word.

    :param image: pool and image
    :param monitors: addresses with their ports
    :param user: who logs in
    :param secret: UUID of the secret with the user's key
    :returns: the place
    """
    return f'rbd:{user}@{",".join(monitors)}/{image}?secret={secret}'


def of_connection(data: dict[str, typing.Any]) -> str:
    """The place in a connection_info.

    :param data: its ``data``
    :returns: the place; nothing if it is of another protocol
    """
    if not data.get('hosts') or 'name' not in data:
        return ''
    monitors = [f'{host}:{port}' for host, port
                in zip(data['hosts'], data['ports'], strict=True)]
    return write(data['name'], monitors, data.get('auth_username') or '',
                 data.get('secret_uuid') or '')


def of_disk(disk: ElementTree.Element) -> str:
    """The place of a disk in a domain.

    :param disk: the element
    :returns: the place; nothing if it is of another protocol
    """
    source = disk.find('source')
    if source is None or source.get('protocol') != 'rbd':
        return ''
    auth = disk.find('.//auth')
    secret = disk.find('.//auth/secret')
    return write(
        source.get('name', ''),
        [f'{host.get("name")}:{host.get("port")}'
         for host in source.iterfind('host')],
        auth.get('username', '') if auth is not None else '',
        secret.get('uuid', '') if secret is not None else '')


def behind(place: str, conf: settings.Settings) -> str:
    """The site and the image that a place names.

    :param place: the place
    :param conf: the settings
    :returns: ``/<site>/<pool>/<image>``; nothing if monitors and secret are
        not those of one site
    """
    match = _PLACE.fullmatch(place)
    if not match:
        return ''
    for name in sites.ADDRESSES:
        site = sites.Site(conf, name)
        hosts = {each.rpartition(':')[0]
                 for each in match['monitors'].split(',')}
        if hosts == {site.address} and match['secret'] == site.secret:
            return f'/{name}/{match["image"]}'
    return ''
