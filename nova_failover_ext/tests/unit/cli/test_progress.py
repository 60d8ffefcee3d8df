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

"""How progress is shown, and when it has come to its end."""

import io
import time
from unittest import mock

import ddt
import testtools

from nova_failover_ext.cli import progress


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self):
        return True


MANY = ('3 of 7 servers converged, 3 deferred, 1 retries exhausted, '
        '4 to be asked about')


def _counts(**counts):
    return {'b': {'counts': counts, 'gate': {'open': True}}}


@ddt.ddt
class ProgressTest(testtools.TestCase):
    """Lines and bars."""

    def _show(self, stream):
        start, end = _counts(converged=1, recovering=2), _counts(converged=3)
        with progress.Progress(stream) as display:
            for counts in (start, start, end):
                display.show(counts)
        return stream.getvalue()

    def test_lines_only_when_something_changed(self):
        self.assertEqual(
            '1 of 3 servers converged, 2 recovering\n'
            '3 of 3 servers converged\n', self._show(io.StringIO()))

    def test_bar(self):
        self.assertIn('3/3', self._show(Terminal()))

    @ddt.data('[failover_engine] is not set', 'odd [/tag]')
    def test_a_reason_is_no_markup(self, reason):
        stream = Terminal()
        with progress.Progress(stream) as display:
            display.show({'b': {'gate': {'open': False, 'reason': reason}}})
        self.assertIn('waiting: %s' % reason, stream.getvalue())

    def test_what_was_before_the_request_is_not_shown(self):
        before, begun = _counts(converged=3), _counts(waiting=3)
        for stream in (io.StringIO(), Terminal()):
            with progress.Progress(stream) as display:
                display.show(before, begun=False)
                display.show(begun)
            text = stream.getvalue()
            self.assertNotIn('3 of 3', text)
            self.assertNotIn('3/3', text)
            self.assertIn('0 of 3 servers converged, 3 waiting', text)

    def test_how_long_it_will_take(self):
        stream = io.StringIO()
        clock = mock.create_autospec(time.monotonic, return_value=0)
        with progress.Progress(stream, clock) as display:
            for now, counts in (
                    (0, _counts(converged=9000, deferred=10, waiting=100)),
                    (30, _counts(converged=9010, deferred=10, waiting=80,
                                 recovering=10)),
                    (60, _counts(converged=9018, deferred=12, waiting=80)),
                    (90, _counts(converged=9018, deferred=12, waiting=80)),
                    (99, _counts(converged=9098, deferred=12))):
                clock.return_value = now
                display.show(counts)
        self.assertEqual(
            '9000 of 9110 servers converged, 100 waiting, 10 deferred\n'
            '9010 of 9110 servers converged, 80 waiting, 10 recovering, '
            '10 deferred, about 0:04:30 left\n'
            '9018 of 9110 servers converged, 80 waiting, 12 deferred, '
            'about 0:04:00 left\n'
            '9098 of 9110 servers converged, 12 deferred\n',
            stream.getvalue())

    @ddt.data(
        ({}, '0 of 0 servers converged'),
        ({'b': {}}, '0 of 0 servers converged'),
        (_counts(converged=1), '1 of 1 server converged'),
        ({**_counts(converged=1), 'c': {'counts': {
            'converged': 2, 'retries exhausted': 1, 'deferred': 3},
            'unasked': 4}},
         MANY),
        # Just after "--stale", before the first of them has its turn.
        ({'c': {'counts': {'converged': 3}, 'unasked': 3}},
         '0 of 3 servers converged, 3 to be asked about'),
        ({**_counts(converged=1), 'c': {'gate': {
            'open': False, 'reason': 'not yet'}}}, 'waiting: not yet'),
        ({'c': {'gate': {'open': True, 'reason': 'was closed'}}},
         '0 of 0 servers converged'))
    @ddt.unpack
    def test_text(self, counts, expected):
        self.assertEqual(expected, progress.describe(counts))

    @ddt.data(
        ({}, True), ({'begun': []}, False), ({'done': False}, False),
        ({'unasked': 1}, False), ({'begun': ['req-0', 'req-1']}, True))
    @ddt.unpack
    def test_ended(self, values, expected):
        known = {'begun': ['req-1'], 'done': True, 'unasked': 0, **values}
        self.assertEqual(expected, progress.ended({'b': known}, 'req-1'))
        self.assertFalse(progress.ended({'b': known, 'c': {}}, 'req-1'))
        self.assertFalse(progress.ended({}, 'req-1'))
