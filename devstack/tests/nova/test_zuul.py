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

"""The jobs of Zuul name what is there."""

import configparser
import itertools
import pathlib
import re

from oslotest import base
import yaml

CHECKOUT = pathlib.Path(__file__).resolve().parents[3]
#: Defined in other repositories.
PARENTS = {'devstack-tempest', 'openstack-tox', 'openstack-tox-functional'}


def environments():
    """Name the environments of tox.ini."""
    parser = configparser.RawConfigParser()
    parser.read(CHECKOUT / 'tox.ini')
    for section in parser.sections():
        kind, _, name = section.partition(':')
        if kind == 'testenv' and name:
            parts = [part.strip('{}').split(',')
                     for part in re.findall(r'{[^}]*}|[^{}]+', name)]
            yield from map(''.join, itertools.product(*parts))


class TestZuul(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        loaded = yaml.safe_load((CHECKOUT / '.zuul.yaml').read_text())
        self.jobs = {one['job']['name']: one['job'] for one in loaded
                     if 'job' in one}
        [self.project] = [one['project'] for one in loaded
                          if 'project' in one]

    def test_environments(self):
        """Each job of tox runs environments that tox.ini has."""
        known = set(environments())
        self.assertIn('functional-cinder-threading', known)
        named = [name for job in self.jobs.values()
                 if job['parent'] != 'devstack-tempest'
                 for name in job.get('vars', {}).get(
                     'tox_envlist', 'functional').split(',')]
        self.assertEqual(set(), set(named) - known)

    def test_jobs(self):
        """Each job is run, and has a parent."""
        for queue in ('check', 'gate'):
            run = self.project[queue]['jobs']
            self.assertEqual(set(), set(self.jobs) - set(run))
            self.assertEqual(
                set(), {name for name in run
                        if not name.startswith('openstack-tox-')}
                - set(self.jobs))
        parents = {job['parent'] for job in self.jobs.values()}
        self.assertEqual(set(), parents - PARENTS - set(self.jobs))

    def test_python(self):
        """The versions of Python are those of the package."""
        text = (CHECKOUT / 'pyproject.toml').read_text()
        for version in re.findall(r'Python :: (3\.\d+)"', text):
            self.assertIn('openstack-tox-py' + version.replace('.', ''),
                          self.project['check']['jobs'])

    def test_devstack(self):
        """The devstack job has the plugin under the name it gives itself."""
        job = self.jobs['nova-cinder-failover-devstack']
        settings = (CHECKOUT / 'devstack' / 'settings').read_text()
        [name] = job['vars']['devstack_plugins']
        self.assertIn(f'define_plugin {name}\n', settings)
        for service in job['vars']['devstack_services']:
            self.assertIn(f'enable_service {service}\n', settings)
        self.assertTrue(re.match(job['vars']['tempest_test_regex'],
                                 'tempest.api.volume.test_volumes_get'))
        self.assertIn(f'openstack/{name}', job['required-projects'])
