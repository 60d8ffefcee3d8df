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

"""Projects by id or name, from a Keystone that is faked at its API."""

import types
from unittest import mock

import ddt
from keystoneauth1 import fixture as ks_fixture
from keystoneauth1.identity import v3
from keystoneauth1 import session
from requests_mock.contrib import fixture as requests_fixture
import testtools

from nova_failover_ext.cli import errors
from nova_failover_ext.cli import project_names
from nova_failover_ext.engine.inventory import cinder_reader

URL = 'http://keystone.example'
DEMO = {'id': 'd1', 'name': 'demo'}


@ddt.ddt
class FindTest(testtools.TestCase):
    """With the credentials of [cinder]."""

    def setUp(self):
        super().setUp()
        self.requests = self.useFixture(requests_fixture.Fixture())
        self.requests.get(URL, json=ks_fixture.DiscoveryList(
            URL, v2=False), status_code=300)
        token = ks_fixture.V3Token()
        token.add_service('identity').add_standard_endpoints(public=URL)
        self.requests.post(URL + '/v3/auth/tokens', json=token,
                           headers={'X-Subject-Token': 'CANARY'})
        self._answer('/v3/projects/d1', {'project': DEMO})
        for name, found in (('demo', [DEMO]), ('other', []), (
                'a/b', [{'id': 'd2', 'name': 'a/b'}]), (
                'twin', [DEMO, {'id': 'd2', 'name': 'twin'}])):
            self._answer('/v3/projects?name=%s' % name, {'projects': found})
            self.requests.get('%s/v3/projects/%s' % (URL, name),
                              status_code=404)
        client = types.SimpleNamespace(
            session=session.Session(),
            auth=v3.Password(URL + '/v3', username='nova',
                             password='CANARY', user_domain_id='default'),
            interface='public', region_name=None)
        patcher = mock.patch.object(cinder_reader, 'admin_client',
                                    autospec=True)
        self.addCleanup(patcher.stop)
        patcher.start().return_value.client = client

    def _answer(self, path, body):
        self.requests.get(URL + path, json=body)

    @ddt.data(('d1', ('d1', 'demo')), ('demo', ('d1', 'demo')),
              ('a/b', ('d2', 'a/b')))
    @ddt.unpack
    def test_found(self, text, expected):
        self._answer('/v3/projects?name=d1', {'projects': []})
        self.assertEqual(expected, project_names.find(text))

    def test_nobody(self):
        error = self.assertRaises(errors.NotFound, project_names.find,
                                  'other')
        self.assertEqual('There is no project other.', str(error))

    def test_a_name_of_several(self):
        error = self.assertRaises(errors.UsageError, project_names.find,
                                  'twin')
        self.assertIn('use one of the ids d1, d2.', str(error))

    @ddt.data({'status_code': 403}, {'status_code': 503}, {'text': '<html>'},
              {'json': {}})
    def test_no_answer(self, answer):
        self.requests.get(URL + '/v3/projects/d1', **answer)
        error = self.assertRaises(errors.ProjectsUnavailable,
                                  project_names.find, 'd1')
        self.assertIn('name it by its id', str(error))
        self.assertNotIn('CANARY', str(error))
