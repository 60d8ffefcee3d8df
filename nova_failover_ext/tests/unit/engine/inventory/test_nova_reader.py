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

"""What of a connection_info counts as a stamp."""

import json

import ddt
import testtools

from nova_failover_ext.engine.inventory import nova_queries
from nova_failover_ext.recovery import staleness


@ddt.ddt
class StampTest(testtools.TestCase):
    """The stamp of a block device mapping."""

    @ddt.data(
        ({staleness.STAMP: 'second'}, 'second'),
        ({staleness.STAMP: ''}, ''),
        ({staleness.STAMP: 7}, None),
        ({}, None),
        ([staleness.STAMP], None),
        (None, None),
        ({staleness.STAMP: 'second',
          staleness.IN_PROGRESS_MARKER: {'place': '<a/>'}}, None, True),
        ({staleness.STAMP: 'second', staleness.IN_PROGRESS_MARKER: None},
         None, True))
    @ddt.unpack
    def test_table(self, info, expected, begun=False):
        self.assertEqual((expected, begun),
                         nova_queries.stamp(json.dumps(info)))

    @ddt.data(None, '', '{')
    def test_no_json(self, text):
        self.assertEqual((None, False), nova_queries.stamp(text))
