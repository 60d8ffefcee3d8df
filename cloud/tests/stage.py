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
"""The one cloud that all tests share, and how it is brought in order."""

import logging

from cloud.scenario import cast as casts
from cloud.scenario import checks
from cloud.scenario import facts
from cloud.scenario import world as worlds
from cloud.services import registry
from cloud import settings
from cloud import stack
from cloud import waiting

LOG = logging.getLogger(__name__)

#: How long a backend's servers may take to be healthy.
PATIENCE = 300


class Stage:
    """A cloud with servers on it, shared by the tests.

    :ivar conf: the settings
    :ivar stack: the cloud
    :ivar world: hands and eyes
    :ivar cast: the servers
    """

    def __init__(self, conf: settings.Settings) -> None:
        """Log in; the servers are made when they are needed.

        :param conf: the settings
        """
        self.conf = conf
        self.stack = stack.Stack(conf)
        self.world = worlds.World(conf)
        self.cast = casts.Cast(self.world)

    def settle(self) -> None:
        """Bring everything to where a test can start, with the least work.

        The guests use the primary. Servers are made anew where they do not.
        """
        self.tidy()
        if not self.cast.cases or not self._healthy_in_time():
            self.rebuild()

    def tidy(self) -> None:
        """All parts run, the sites are up, and the backend is at home."""
        self.stack.database.start()
        for service in registry.all_of(self.conf):
            if not service.daemon(self.conf).process():
                self.stack.start_one(service.name)
        self.stack.broker.start()
        if self.conf.hosted:
            self.world.fleet.start_nova()
        for site in settings.SITES:
            self.world.kind.bring_back(site)
        if self.world.backend()['active_backend_id']:
            self.world.failover('default')

    def empty(self) -> None:
        """Remove all servers; those that tests share are made when needed."""
        self.world.clean()
        self.cast = casts.Cast(self.world)

    def _healthy_in_time(self) -> bool:
        """Whether the servers that are there become healthy."""
        try:
            self.wait_healthy('primary', timeout=90)
        except waiting.WaitTimeout as error:
            LOG.warning('making the servers anew: %s', error)
            return False
        return True

    def rebuild(self) -> None:
        """Make the servers anew."""
        self.empty()
        self.cast.make(stopped=False, spare=False)

    def affected(self) -> list[facts.Case]:
        """The cases that fail over."""
        return [case for case in self.cast.cases if case.replicated]

    def wait_healthy(self, site: str, timeout: float = PATIENCE) -> None:
        """Wait until every volume is used at a site.

        :param site: the active site
        :param timeout: the bound in seconds
        :raises waiting.WaitTimeout: saying what is not so
        """
        wrong: list[str] = []

        def look() -> bool:
            wrong.clear()
            for case in self.affected():
                now = self.cast.look(case)
                wrong.extend(checks.failures(
                    checks.recovered(case, now, now, site)))
            return not wrong

        try:
            waiting.wait_for(f'all volumes to be healthy on {site}', look,
                             timeout, interval=0.5)
        except waiting.WaitTimeout as error:
            raise waiting.WaitTimeout(f'{error}: {"; ".join(wrong)}') from None


_STAGE: list[Stage] = []


def get() -> Stage:
    """The stage of this process.

    :returns: the same one each time
    """
    return _STAGE[0]


def use(conf: settings.Settings) -> None:
    """Set the cloud that the tests run on.

    :param conf: the settings
    """
    _STAGE[:] = [Stage(conf)]
