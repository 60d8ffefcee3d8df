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

"""Asks Keystone for projects.

Upstream relied on: of Keystone, ``GET /v3/projects/{id}`` and
``GET /v3/projects?name=``, which an administrator may use. A cinderclient is
a keystoneauth adapter with session, credentials, interface and region of the
``[cinder]`` section; read in python-cinderclient 9.5 (``SessionClient``).
"""

from typing import Any

from keystoneauth1 import adapter
from keystoneauth1 import exceptions as ks_exception

from nova_failover_ext.cli import errors
from nova_failover_ext.engine.inventory import cinder_reader


def find(text: str) -> tuple[str, str]:
    """Return the id and the name of a project.

    :param text: its id or its name
    :raises NotFound: if there is none
    :raises UsageError: if several have the name
    :raises ProjectsUnavailable: if Keystone cannot be asked
    :raises CinderUnavailable: if the credentials are wrong
    """
    cinder = cinder_reader.admin_client().client
    keystone = adapter.Adapter(
        cinder.session, auth=cinder.auth, service_type='identity',
        interface=cinder.interface, region_name=cinder.region_name,
        min_version='3', max_version='3.latest')
    try:
        known = _by_id(keystone, text) or _by_name(keystone, text)
    except (ks_exception.ClientException, KeyError, ValueError) as exc:
        raise errors.ProjectsUnavailable(
            project=text, reason=type(exc).__name__) from exc
    if not known:
        raise errors.NotFound('There is no project %s.' % text)
    if len(known) > 1:
        raise errors.UsageError(
            'Several projects have the name %s; use one of the ids %s.'
            % (text, ', '.join(sorted(one['id'] for one in known))))
    return known[0]['id'], known[0]['name']


def _by_id(keystone: Any, text: str) -> list[dict[str, Any]]:
    # A name may have any characters, an id has none that need to be quoted.
    if not text.isalnum():
        return []
    try:
        return [keystone.get('/projects/%s' % text).json()['project']]
    except ks_exception.NotFound:
        return []


def _by_name(keystone: Any, text: str) -> list[dict[str, Any]]:
    found = keystone.get('/projects', params={'name': text}).json()
    return list(found['projects'])
