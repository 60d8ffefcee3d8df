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

"""What counts as stale, by tables."""

import ddt
from oslotest import base

from nova_failover_ext.recovery import staleness


@ddt.ddt
class Stamp(base.BaseTestCase):

    @ddt.data((None, 'enabled', 'enabled', None, ''),
              ('b', 'failed-over', 'failed-over', None, 'b'),
              ('b', 'failed-over', 'failed-over', 'alpha', 'b'),
              # Its row is not written yet, or its driver writes none.
              ('b', 'failed-over', 'enabled', None, 'b'),
              ('', 'enabled', 'failed-over', 'alpha', 'group failed-over'),
              ('b', 'failed-over', 'enabled', 'alpha', 'group enabled'),
              ('', 'enabled', 'failing-over', 'alpha', ''))
    @ddt.unpack
    def test_stamp_for(self, active, backend, volume, group, expected):
        self.assertEqual(expected, staleness.stamp_for(
            active, backend, volume, group))

    @ddt.data(
        ({}, None, True), ({}, '', True), ({}, 'b', True),
        ({staleness.STAMP: ''}, None, False), ({staleness.STAMP: ''}, '',
                                               False),
        ({staleness.STAMP: ''}, 'b', True), ({staleness.STAMP: 'b'}, 'b',
                                             False),
        ({staleness.STAMP: 'b'}, '', True), ({staleness.STAMP: 'b'}, 'c',
                                             True),
    )
    @ddt.unpack
    def test_needs_question(self, saved, active, expected):
        self.assertEqual(expected, staleness.needs_question(saved, active))

    @ddt.data(
        ({}, '', False), ({}, 'b', True),
        ({staleness.IN_PROGRESS_MARKER: {}}, '', True),
        ({staleness.STAMP: 'b'}, '', True), ({staleness.STAMP: ''}, '', False),
        ({staleness.STAMP: 'b'}, 'b', False))
    @ddt.unpack
    def test_may_be_stale(self, saved, active, expected):
        self.assertEqual(expected, staleness.may_be_stale(saved, active))
