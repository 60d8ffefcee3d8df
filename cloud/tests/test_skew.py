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

"""The patch series in the midst of a rolling upgrade."""

import dataclasses

from cloud import bootstrap
from cloud.services import base as services
from cloud.services import registry
from cloud import settings
from cloud.tests import base
from cloud import venvs
from cloud import waiting


class SkewTest(base.OwnServersTestCase):
    """Some services of Nova have the series, and others do not."""

    series = True

    def setUp(self) -> None:
        """Make a server, and what it takes to run a stock Nova."""
        super().setUp()
        self.make(lambda: self.cast.make_one('image'))
        conf = self.stage.conf
        self.stock = dataclasses.replace(conf, patched=False)
        bootstrap.install(self.stock.venv('nova'),
                          venvs.requirements('nova', self.stock))

    def test_old_compute(self) -> None:
        """The API sends it nothing, and says so once."""
        self.swap(registry.NOVA_COMPUTE, 'nova-compute')
        self.stage.stack.wait_ready()
        self.assert_left_alone(registry.NOVA_API, 'volume-connection-changed')

    def test_old_api(self) -> None:
        """Cinder is refused, says so once, and fails over all the same."""
        self.swap(registry.NOVA_API, 'nova-osapi_compute')
        self.stage.stack.wait_ready()
        self.assert_left_alone(registry.CINDER_VOLUME,
                               'goes on with the old ones')

    def swap(self, service: services.Service, binary: str) -> None:
        """Run a stock service, as if it had not been upgraded yet.

        :param service: the patched one, which comes back in the end
        :param binary: its name in Nova's records
        """
        self.addCleanup(self.run_as, service, self.stage.conf)
        self.stage.stack.stop_one(service.name)
        # Nova starts none that is older than what it has a record of.
        self.stage.stack.database.execute(
            'UPDATE services SET version = version - 1 '
            f"WHERE `binary` = '{binary}'", 'nova')
        self.run_as(service, self.stock)

    def run_as(self, service: services.Service,
               conf: settings.Settings) -> None:
        """Stop a service and start it as settings say.

        :param service: the service
        :param conf: settings with or without the series
        """
        self.stage.stack.stop_one(service.name)
        service.configure(conf, failover=False)
        service.start(conf)
        service.ready(conf)

    def assert_left_alone(self, teller: services.Service, what: str) -> None:
        """A failover succeeds, changes no server, and the reason is logged.

        :param teller: who logs the reason, once for all volumes
        :param what: a part of the line
        """
        log = teller.daemon(self.stage.conf).log
        seen = log.stat().st_size
        before = self.snapshot()
        self.world.failover('secondary')

        def lines() -> list[str]:
            with log.open(errors='replace') as file:
                file.seek(seen)
                return [line for line in file
                        if ' WARNING ' in line and what in line]

        waiting.wait_for(f'{teller.name} to say why', lines, 180)
        self.assert_calm(before)
        self.assertEqual(1, len(lines()), str(lines()))
