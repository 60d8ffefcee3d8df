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
"""Prometheus reads the alerts, and raises them when it should."""

import pathlib

from cloud import apt
from cloud import processes
from cloud import settings
from cloud.tests import base

RULES = 'etc/prometheus/nova-cinder-failover.rules.yaml'
PLAYED = pathlib.Path(__file__).with_name('alerts.yaml')


class AlertsTest(base.CloudTestCase):
    """Prometheus' own tool judges them."""

    core = True
    storage = settings.KINDS[:1]

    def setUp(self) -> None:
        """Get the tool; no server is needed."""
        super(base.CloudTestCase, self).setUp()
        conf = settings.Settings()
        self.checkout = conf.checkout
        folder = conf.cache / 'promtool'
        self.tool = folder / 'usr' / 'bin' / 'promtool'
        if not self.tool.exists():
            apt.unpack('prometheus', folder)

    def test_alerts(self) -> None:
        """All rules can be read, and each scene raises what it should."""
        processes.run([self.tool, 'check', 'rules', self.checkout / RULES])
        processes.run([self.tool, 'test', 'rules', PLAYED])
