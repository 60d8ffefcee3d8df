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

import pathlib
import re
import shutil
import subprocess
import sys

import fixtures
from oslotest import base
import testscenarios

TOP = pathlib.Path(__file__).resolve().parents[2]
LINT = pathlib.Path(sys.executable).with_name('lint-imports')

#: Contract, package that gets a new module, and what that module imports.
BREACHES = (
    ('packages', 'nova_failover_ext/api',
     'import nova_failover_ext.history'),
    # A module whose place nobody has named.
    ('packages', 'nova_failover_ext', ''),
    ('engine', 'nova_failover_ext/engine/notifier',
     'import nova_failover_ext.engine.reconciler'),
    ('engine', 'nova_failover_ext/engine', ''),
    ('loops', 'nova_failover_ext/recovery/virt',
     'import nova_failover_ext.recovery.virt.back'),
    ('hooks', 'cinder_failover_hooks', 'from nova import objects'),
    ('hooks', 'cinder_failover_hooks', 'import nova_failover_ext.api'),
    ('extension', 'nova_failover_ext/api', 'from cinder import objects'),
    ('neutral', 'cinder_failover_hooks/objects', 'import cinder.objects'),
    ('neutral', 'cinder_failover_hooks/objects', 'import nova.objects'),
    ('shared', 'nova_failover_ext/engine/listener',
     'from cinder_failover_hooks import state'),
    *(('recovery', 'nova_failover_ext/recovery',
       f'import nova_failover_ext.{package}')
      for package in ('cli', 'compute', 'engine', 'report')),
    *(('planner', 'nova_failover_ext/engine/planner', f'import {module}')
      for module in ('nova.objects', 'oslo_messaging', 'requests',
                     'sqlalchemy', 'nova_failover_ext.engine.dispatcher',
                     'nova_failover_ext.engine.inventory',
                     'nova_failover_ext.engine.notifier',
                     'nova_failover_ext.engine.reconciler')),
)


def _name(contract, package, statement):
    return f'{contract},{package},{statement.replace(".", "-")}'


class TestContracts(testscenarios.WithScenarios, base.BaseTestCase):
    """Each contract of .importlinter is broken in a copy, and complains."""

    scenarios = [
        (_name(*breach),
         dict(zip(('contract', 'package', 'statement'), breach, strict=True)))
        for breach in BREACHES]

    def test_breach_is_found(self):
        tree = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        shutil.copy(TOP / '.importlinter', tree)
        for root in ('cinder_failover_hooks', 'nova_failover_ext'):
            shutil.copytree(TOP / root, tree / root,
                            ignore=shutil.ignore_patterns('__pycache__'))
        (tree / self.package / 'breach.py').write_text(
            f'{self.statement}\n')
        # The way back, for what imports it.
        (tree / self.package / 'back.py').write_text(
            f'import {self.package.replace("/", ".")}.breach\n')
        run = subprocess.run(
            [LINT, '--no-cache', '--no-logo', '--contract', self.contract],
            cwd=tree, stdout=subprocess.PIPE, text=True, check=False)
        self.assertEqual(1, run.returncode, run.stdout)
        self.assertIn('Contracts: 0 kept, 1 broken.', run.stdout)
        self.assertIn('breach', run.stdout)


class TestBreaches(base.BaseTestCase):

    def test_every_contract_is_tried(self):
        config = (TOP / '.importlinter').read_text()
        self.assertEqual(
            set(re.findall(r'^\[importlinter:contract:(.*)\]$', config,
                           re.MULTILINE)),
            {contract for contract, *_ in BREACHES})
