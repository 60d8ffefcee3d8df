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

"""Alerts and dashboard ask for what the engine serves."""

import json
import pathlib
import re

from oslotest import base
import yaml

import nova_failover_ext
from nova_failover_ext.api import load as loads
from nova_failover_ext.api import server_state
from nova_failover_ext.engine.notifier import live_collector
from nova_failover_ext.engine.notifier import metrics
from nova_failover_ext.recovery import results
from nova_failover_ext.tests.unit.engine import fakes

TOP = pathlib.Path(nova_failover_ext.__file__).parents[1]
RULES = TOP / 'etc' / 'prometheus' / 'nova-cinder-failover.rules.yaml'
PLAYED = TOP / 'cloud' / 'tests' / 'alerts.yaml'
DASHBOARD = TOP / 'etc' / 'grafana' / 'nova-cinder-failover.json'
NAME = re.compile(r'\bnova_failover_[a-z_]+')
STATES = re.compile(r'state=~?"([^"]*)"')
#: Keys that Grafana wants of a panel, as its documentation of the JSON model
#: has them.
PANEL = {'id', 'title', 'type', 'datasource', 'gridPos', 'targets',
         'fieldConfig', 'options'}
#: The columns of a dashboard.
WIDTH = 24


def _figures():
    backend = live_collector.BackendFigures(
        fakes.BACKEND, dict.fromkeys(server_state.ServerState, 1), 1, 1, 1,
        1.0, 1, True, False, 0, 0)
    return live_collector.Figures((backend,), 0, 0, 0)


def _served():
    served = metrics.Metrics(_figures)
    served.leadership_changed(True)
    served.began(fakes.BACKEND, fakes.FAILOVER_ID, 'second', 1)
    served.ended(fakes.work(), results.ServerResult(
        'server', results.Outcome.RECOVERED, seconds=1.0), loads.Load())
    served.converged(fakes.BACKEND, fakes.FAILOVER_ID, 1.0)
    return {sample.name for family in served.registry.collect()
            for sample in family.samples}


class MonitoringFiles(base.BaseTestCase):

    def _check(self, text):
        names = set(NAME.findall(text))
        self.assertGreater(len(names), 5)
        self.assertEqual(set(), names - _served())
        known = {state.value for state in server_state.ServerState}
        for states in STATES.findall(text):
            self.assertEqual(set(), set(states.split('|')) - known)

    def test_alerts_ask_for_what_is_served(self):
        rules = yaml.safe_load(RULES.read_text())['groups'][0]['rules']
        self._check(' '.join(rule['expr'] for rule in rules))
        for rule in rules:
            self.assertEqual({'summary', 'description'},
                             set(rule['annotations']))

    def test_each_alert_is_played_or_plain(self):
        rules = yaml.safe_load(RULES.read_text())['groups'][0]['rules']
        played = {test['alertname']
                  for scene in yaml.safe_load(PLAYED.read_text())['tests']
                  for test in scene['alert_rule_test']}
        self.assertEqual({'NovaFailoverCinderIsSlow'},
                         {rule['alert'] for rule in rules} - played)

    def test_what_is_played_is_served(self):
        self._check(PLAYED.read_text())

    def test_dashboard_asks_for_what_is_served(self):
        panels = json.loads(DASHBOARD.read_text())['panels']
        self._check(' '.join(target['expr'] for panel in panels
                             for target in panel['targets']))

    def test_panels_have_what_grafana_wants(self):
        panels = json.loads(DASHBOARD.read_text())['panels']
        self.assertEqual(len(panels), len({each['id'] for each in panels}))
        cells = set()
        for panel in panels:
            self.assertEqual(set(), PANEL - set(panel))
            place = panel['gridPos']
            mine = {(place['x'] + across, place['y'] + down)
                    for across in range(place['w'])
                    for down in range(place['h'])}
            self.assertLessEqual(max(column for column, _ in mine) + 1, WIDTH)
            self.assertEqual(set(), cells & mine)
            cells |= mine
