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

"""Servers by id, by name and by host."""

import ddt
import testtools

from nova_failover_ext.api import requests
from nova_failover_ext.cli import errors
from nova_failover_ext.cli import server_names
from nova_failover_ext.tests.unit.engine import fakes

THERE = [fakes.server(id=server_id, name=name, host=host)
         for server_id, name, host in (
             ('1', 'web', 'here'), ('2', 'db', 'there'), ('3', 'twin', 'here'),
             ('4', 'twin', 'there'), ('5', '1', None))]
THERE.append(fakes.server(id='6', name='web', host='here', deleted=True))
NONE = 'No server with a volume of b is all of what was asked for.'


@ddt.ddt
class ResolveTest(testtools.TestCase):
    """What is asked for in the end."""

    def _resolve(self, names, hosts=()):
        return server_names.resolve(
            requests.Request('b', servers=tuple(names)), hosts, THERE,
            'b').servers

    @ddt.data(((), (), ()), (('2',), (), ('2',)), (('db',), (), ('2',)),
              (('db', '2', 'web'), (), ('2', '1')),
              # An id counts before a name.
              (('1',), (), ('1',)),
              ((), ('here',), ('1', '3')),
              ((), ('here', 'there'), ('1', '2', '3', '4')),
              (('db', 'web'), ('there',), ('2',)))
    @ddt.unpack
    def test_found(self, names, hosts, expected):
        self.assertEqual(expected, self._resolve(names, hosts))

    @ddt.data(
        (('nobody',), (), 'No server nobody has a volume of b.'),
        ((), ('odd', 'here'), 'No server on host odd has a volume of b.'),
        (('web',), ('there',), NONE))
    @ddt.unpack
    def test_not_found(self, names, hosts, text):
        error = self.assertRaises(errors.NotFound, self._resolve, names,
                                  hosts)
        self.assertEqual(text, str(error))

    def test_a_name_of_several(self):
        error = self.assertRaises(errors.UsageError, self._resolve, ['twin'])
        self.assertEqual('Several servers have the name twin; use one of the '
                         'ids 3, 4.', str(error))
