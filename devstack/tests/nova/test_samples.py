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

"""The samples for deployers below etc/ start what there is to start."""

import importlib.metadata
import json
import pathlib
import re
import shutil
import subprocess

import fixtures
import jinja2
from oslo_config import cfg
from oslotest import base
from packaging import requirements
import yaml

from nova_failover_ext import conf as own_conf

CHECKOUT = pathlib.Path(__file__).resolve().parents[3]
ETC = CHECKOUT / 'etc'
SYSTEMD = ETC / 'systemd'
KOLLA = ETC / 'kolla'
BIN = '/opt/nova/bin/'
ENGINE = SYSTEMD / 'nova-failover-engine.service'
DROP_IN = SYSTEMD / 'nova-compute.service.d' / 'failover.conf'


def programs():
    """Name the console scripts of this project."""
    found = importlib.metadata.distribution(
        'nova-cinder-failover').entry_points.select(group='console_scripts')
    return {one.name for one in found}


class TestSystemd(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path)

    def place(self, path, folder):
        """Copy a unit whose programs are below the folder of the test."""
        text = path.read_text()
        bin_ = self.folder / 'bin'
        bin_.mkdir(exist_ok=True)
        for program in re.findall(re.escape(BIN) + r'(\S+)', text):
            self.assertIn(program, programs())
            (bin_ / program).write_text('#!/bin/sh\n')
            (bin_ / program).chmod(0o755)
        folder.mkdir(exist_ok=True)
        (folder / path.name).write_text(text.replace(BIN, f'{bin_}/'))

    def verify(self, unit):
        """Let systemd read a unit and its drop-ins."""
        if not shutil.which('systemd-analyze'):
            self.skipTest('systemd is not installed')
        done = subprocess.run(
            ['systemd-analyze', 'verify', self.folder / unit],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False)
        return done.returncode, done.stdout.strip()

    def test_engine(self):
        self.place(ENGINE, self.folder)
        self.assertEqual((0, ''), self.verify(ENGINE.name))

    def write_nova_compute(self):
        (self.folder / 'nova-compute.service').write_text(
            '[Service]\nExecStart=/nowhere/nova-compute\n')

    def test_drop_in(self):
        """What the unit itself would start is not looked for any more."""
        self.write_nova_compute()
        code, said = self.verify('nova-compute.service')
        self.assertIn('/nowhere/nova-compute', said)
        self.place(DROP_IN, self.folder / 'nova-compute.service.d')
        self.assertEqual((0, ''), self.verify('nova-compute.service'))

    def test_mistake_is_found(self):
        """The check of units can fail."""
        self.write_nova_compute()
        self.place(DROP_IN, self.folder / 'nova-compute.service.d')
        path = self.folder / 'nova-compute.service.d' / DROP_IN.name
        path.write_text(path.read_text().replace('ExecStart=\n', ''))
        self.assertIn('more than one ExecStart',
                      self.verify('nova-compute.service')[1])


class TestKolla(base.BaseTestCase):

    def test_engine_container(self):
        """What kolla_set_configs wants is there, and the program ours."""
        config = json.loads(
            (KOLLA / 'nova-failover-engine' / 'config.json').read_text())
        program, *arguments = config['command'].split()
        self.assertIn(program, programs())
        self.assertEqual([], arguments)
        [file] = config['config_files']
        self.assertEqual('/etc/nova/nova.conf', file['dest'])
        self.assertLessEqual({'source', 'dest', 'owner', 'perm'}, set(file))

    def test_playbook(self):
        """The container gets the files that the playbook has written."""
        [play] = yaml.safe_load(
            (KOLLA / 'nova-failover-engine.yml').read_text())
        text = json.dumps(play)
        self.assertIn('nova-failover-engine/config.json', text)
        self.assertEqual(
            ['nova-failover-engine'],
            [task['community.docker.docker_container']['name'].replace(
                '_', '-') for task in play['tasks']
             if 'community.docker.docker_container' in task])
        # What operators have paused outlives the container.
        self.assertIn('nova_failover_engine:/var/lib/nova/', text)

    def test_image_overrides(self):
        """Images get their side, and start it as nova-compute."""
        environment = jinja2.Environment(loader=jinja2.DictLoader({
            'override': (KOLLA / 'template-overrides.j2').read_text(),
            'parent': ''.join(
                f'FROM {image}\n{{% block {image}_footer %}}{{% endblock %}}'
                for image in ('cinder_volume', 'nova_api', 'nova_compute',
                              'nova_conductor'))}), autoescape=True)
        text = environment.get_template('override').render(
            parent_template='parent')
        images = {part.split()[0]: part for part in text.split('FROM ')[1:]}
        self.assertEqual('nova_api', images.pop('nova_api').strip())
        for image, part in images.items():
            extra = image.split('_')[0]
            [wanted] = re.findall(r"'(nova-cinder-failover.*)'", part)
            requirement = requirements.Requirement(wanted)
            self.assertEqual({extra}, requirement.extras)
            # By its name alone it could be anybody's.
            self.assertRegex(requirement.url, '^https://.+#sha256=')
            self.assertIn(extra, importlib.metadata.metadata(
                'nova-cinder-failover').get_all('Provides-Extra'))
        [(program, link)] = re.findall(
            r'ln -sf (\S+) \\\n +/var/lib/kolla/venv/bin/(\S+)',
            images['nova_compute'])
        self.assertEqual(text.count('ln -sf'), 1)
        self.assertIn(program, programs())
        self.assertEqual('nova-compute', link)

    def test_options(self):
        """The samples of configuration name our options."""
        conf = cfg.ConfigOpts()
        own_conf.register_opts(conf)
        conf(['--config-file', str(KOLLA / 'config' / 'nova.conf')])
        self.assertEqual('reattach', conf.failover.default_policy)
        text = (KOLLA / 'config' / 'nova.conf').read_text()
        self.assertEqual(['failover'], re.findall(r'^\[(\w+)\]$', text, re.M))
        self.assertEqual(['default_policy'],
                         re.findall(r'^(\w+) =', text, re.M))
        text = (KOLLA / 'config' / 'cinder' / 'cinder-volume.conf').read_text()
        manager = 'cinder_failover_hooks.manager.FailoverVolumeManager'
        self.assertIn(f'[DEFAULT]\nvolume_manager = {manager}\n', text)
