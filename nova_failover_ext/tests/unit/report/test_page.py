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


"""The page: complete, safe to mail, small."""

import dataclasses
import html.parser
import importlib.metadata
import itertools
import re
import shlex

import ddt
from oslotest import base

from nova_failover_ext.api import cell_problem
from nova_failover_ext.api import server_state
from nova_failover_ext.history import outcomes
from nova_failover_ext.recovery import commit
from nova_failover_ext import report
from nova_failover_ext.report import advice
from nova_failover_ext.report import report_data as reports
from nova_failover_ext.report import views
from nova_failover_ext.tests.unit.report import sample
from nova_failover_ext.tests.unit.report import test_report_data

ServerState = server_state.ServerState
CANARY = 'CANARY9c1f'
_VOID = {'meta', 'br', 'path', 'link', 'img', 'input', 'hr'}


class Checker(html.parser.HTMLParser):
    """Sees that elements are closed, and remembers them."""

    def __init__(self, page):
        super().__init__()
        self.open, self.seen, self.attributes = [], [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.attributes += attrs
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        if self.open.pop() != tag:
            raise AssertionError('%s is closed too early' % tag)


@ddt.ddt
class PageTest(base.BaseTestCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.data = sample.data(500)
        cls.page = report.render(cls.data)

    def test_five_hundred_servers(self):
        self.assertEqual(500, len(self.data.entries))
        self.assertLess(len(self.page.encode()), 1000000)
        for entry in self.data.entries:
            self.assertIn(entry.server_id, self.page)
        self.assertIn('484 of 500 servers are recovered.', self.page)

    def test_html_is_well_formed(self):
        self.assertEqual([], Checker(self.page).open)

    def test_nothing_from_outside(self):
        checker = Checker(self.page)
        self.assertEqual(set(), set(checker.seen) & {
            'script', 'link', 'img', 'iframe', 'object', 'embed', 'form'})
        self.assertNotRegex(self.page, r'https?:|url\(|@import|//\w')
        self.assertEqual([], [name for name, _value in checker.attributes
                              if name in ('src', 'href', 'srcset')
                              or name.startswith('on')])

    def test_for_phones_paper_and_dark_rooms(self):
        for needed in ('name="viewport"', '@media print', 'max-width: 720px',
                       'prefers-color-scheme: dark'):
            self.assertIn(needed, self.page)

    def test_text_is_escaped(self):
        bad = '<script>alert("x")</script>'
        page = report.render(_everywhere(bad))
        self.assertEqual(-1, page.find('<script'))
        self.assertIn('&lt;script&gt;', page)

    @ddt.data('x' * 150 + " password='%s'" % CANARY,
              "password='%s'" % CANARY, '"auth_password": "%s"' % CANARY,
              "'secret': '%s'" % CANARY)
    def test_secrets_are_masked(self, text):
        page = report.render(_everywhere(text))
        self.assertIn('***', page)
        # Not the whole page into the failure.
        self.assertEqual(-1, page.find(CANARY))

    def test_what_counts_from_when(self):
        self.assertIn('the loss of the site at 04:29:58 UTC', self.page)
        page = report.render(dataclasses.replace(self.data, lost_at=None))
        self.assertIn('the begin of the first recovery at 04:31:12 UTC', page)
        self.assertIn('is not in it', page)

    def test_nothing_to_tell(self):
        page = report.render(report.collect('req-1', []))
        self.assertIn('No server was touched.', page)
        self.assertEqual([], Checker(page).open)

    def test_all_is_well(self):
        page = report.render(report.collect('req-1', [
            test_report_data.history('Success', server_id=i) for i in 'ab']))
        self.assertIn('All 2 servers are recovered.', page)
        self.assertNotIn('What is left to do', page)

    def test_a_server_that_took_no_time(self):
        now = test_report_data.BEGIN
        page = report.render(report.collect('req-1', [test_report_data.history(
            tries=(outcomes.Try(now, now, 'h', 'Success'),))]))
        self.assertIn('The server is recovered.', page)

    def test_a_cell_is_missing(self):
        page = report.render(report.collect(
            'req-1', [], problems=[cell_problem.CellProblem('cell2',
                                                            'no way')]))
        self.assertIn('The servers of cell cell2 are missing here: no way.',
                      page)

    def test_tries_stand_at_their_times(self):
        data = report.collect('req-1', [test_report_data.history(
            'Error', 'Success')])
        axis = views.scale(data)
        [row] = views.projects(data, axis)[0]['rows']
        self.assertEqual(
            [(0.0, 33.33, 'bad'), (66.67, 33.33, 'good')],
            [(b['left'], b['width'], b['style']) for b in row['bars']])
        self.assertEqual(('30 s', 100.0), (row['took'], row['back']))

    def test_a_straggler_squeezes_the_axis(self):
        tries = tuple(outcomes.Try(test_report_data.at(0),
                                   test_report_data.at(end), 'h',
                                   'Success') for end in [10] * 20 + [4000])
        axis = views.scale(report.collect('req-1', [
            test_report_data.history(tries=tries)]))
        self.assertTrue(axis.squeezed)
        places = [place for place, _text in axis.axis()]
        self.assertGreater(len(places), 3)
        for left, right in itertools.pairwise(places):
            self.assertLess(left + 13, right)
        self.assertLessEqual(places[-1], 100)

    @ddt.data(*ServerState)
    def test_every_standing_can_be_shown(self, state):
        data = reports.ReportData('req-1', test_report_data.BEGIN, (
            reports.Entry('server', state=state, followed_by='req-2'),))
        self.assertIn(views.word(state), report.render(data))


def _everywhere(text):
    """Return a report in which every text is this one."""
    tries = (outcomes.Try(test_report_data.at(0),
             test_report_data.at(9), text, 'Error', text),)
    entries = tuple(reports.Entry(
        text, text, text, text, state, text, text, (text,), tries,
        test_report_data.BEGIN, followed_by=text) for state in ServerState)
    return reports.ReportData(
        text, test_report_data.BEGIN, entries, text, text, waiting_for=text,
        problems=(cell_problem.CellProblem(text, text),))


@ddt.ddt
class AdviceTest(base.BaseTestCase):

    def commands(self, reason='', backend='node@rbd', **values):
        entry = reports.Entry(**{
            'server_id': 'id', 'host': 'compute1', 'reason': reason,
            'state': ServerState.DEFERRED, **values})
        return advice.advise(entry, backend, 'req-1').commands

    @ddt.data(
        ('nova-compute on compute1 is down', 'openstack compute service'),
        ('the server is paused', 'openstack server unpause id'),
        ('the server is suspended', 'openstack server resume id'),
        ('the server is in rescue mode', 'openstack server unrescue id'),
        ('a resize waits to be confirmed or reverted',
         'openstack server resize confirm id'),
        ('a task is in progress: rebooting', 'openstack server show id'),
        ('the task migrating is in progress', 'openstack server show id'),
        ('volume v: %s' % commit.AT_POWER_CYCLE,
         'openstack server reboot --hard id'),
        ('the server is in ERROR but its guest runs',
         'openstack server show id'),
        ('its replication status is failover-error', 'nova-failover plan'),
        ('anything else', 'nova-failover recover node@rbd --server id'))
    @ddt.unpack
    def test_by_reason(self, reason, begin):
        self.assertTrue(self.commands(reason)[0].startswith(begin),
                        self.commands(reason))

    @ddt.data((ServerState.FAILED, 'openstack server event show id req-1'),
              (ServerState.RETRIES_EXHAUSTED,
               'openstack server event show id req-1'),
              (ServerState.BLOCKED, 'nova-failover plan node@rbd'),
              (ServerState.WAITING, 'nova-failover status node@rbd'),
              (ServerState.RECOVERING, 'nova-failover status node@rbd'),
              (ServerState.SUPERSEDED, 'nova-failover history req-2'))
    @ddt.unpack
    def test_by_standing(self, state, begin):
        found = self.commands(state=state, followed_by='req-2')
        self.assertTrue(found[0].startswith(begin), found)

    def test_unknown_backend(self):
        self.assertEqual(('nova-failover recover --server id --wait',),
                         self.commands(backend=''))

    def test_pasting_is_safe(self):
        [command] = self.commands(server_id='a; rm -rf /')
        self.assertIn('a; rm -rf /', shlex.split(command))

    def test_commands_exist(self):
        known = {point.name for point in importlib.metadata.entry_points(
            group='nova_failover.cli')}
        used = {word for rule in advice.RULES for command in rule.commands
                for word in re.findall(r'^nova-failover (\w+)', command)}
        self.assertEqual(set(), used - known - {'check', 'history'})
        self.assertIn('recover', used)
