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

"""What ``tools/wheel_matrix.py`` runs inside of an environment.

Usage: ``python wheel_probe.py modules PACKAGE [all]``,
``python wheel_probe.py manager`` or ``python wheel_probe.py tests PACKAGE
TEST...``. Needs nothing but what is installed there.
"""

import importlib
import importlib.metadata
import importlib.util
import pathlib
import sys
from typing import Any

DISTRIBUTION = 'nova-cinder-failover'
MANAGER = 'cinder_failover_hooks.manager.FailoverVolumeManager'
#: What needs the libraries of the tests.
FOR_TESTS = {'fixture', 'testing', 'tests'}
#: What needs the checkout: unit tests read documents.
FOR_CHECKOUT = {'unit'}
#: What needs a library that a cloud brings with its database.
FOR_DATABASE = {'session_lock': 'pymysql'}
#: What is no module: alembic runs it.
RUN_BY_ALEMBIC = {'env'}
#: Imported first, as by the service itself: it chooses eventlet or threads.
FIRST = {'nova_failover_ext': 'nova_failover_ext.compute.cmd',
         'cinder_failover_hooks': 'cinder.cmd.volume'}


def modules(package: str, everything: bool) -> list[str]:
    """Name the modules that the wheel has brought.

    :param package: of which package
    :param everything: also what needs the libraries of the tests
    :returns: dotted paths
    :raises SystemExit: if there are none
    """
    found = []
    for path in importlib.metadata.files(DISTRIBUTION) or ():
        parts = path.with_suffix('').parts
        if path.suffix != '.py' or parts[0] != package:
            continue
        left_out = FOR_CHECKOUT if everything else FOR_CHECKOUT | FOR_TESTS
        left_out = left_out | RUN_BY_ALEMBIC | {
            name for name, library in FOR_DATABASE.items()
            if importlib.util.find_spec(library) is None}
        if not left_out.intersection(parts):
            found.append('.'.join(parts).removesuffix('.__init__'))
    return sorted(found) or sys.exit(f'the wheel has nothing of {package}')


def import_modules(package: str, everything: bool) -> None:
    """Import the modules of the wheel, from the environment only.

    :param package: of which package
    :param everything: also what needs the libraries of the tests
    :raises SystemExit: if a module comes from elsewhere
    """
    importlib.import_module(FIRST[package])
    if package == 'cinder_failover_hooks':
        _register_objects()
    names = modules(package, everything)
    for name in names:
        path = pathlib.Path(str(importlib.import_module(name).__file__))
        if not path.is_relative_to(sys.prefix):
            sys.exit(f'{name} was imported from {path}')
    if package == 'nova_failover_ext':
        _render_report()
    print(f'{len(names)} modules')


def _render_report() -> None:
    # Its template is data, which a wheel may lack though all imports work.
    from nova_failover_ext import report
    page = report.render(report.collect('req-none', []))
    if '</html>' not in page:
        sys.exit('the report is not a page')


def load_manager() -> None:
    """Load the manager as cinder-volume does, by ``volume_manager``.

    ``cinder.service.Service`` imports the class that the option names (read
    in Cinder 26 to 29).

    :raises SystemExit: if it is not Cinder's manager
    """
    importlib.import_module(FIRST['cinder_failover_hooks'])
    _register_objects()
    from cinder.volume import manager
    from oslo_config import cfg
    from oslo_utils import importutils
    path = pathlib.Path('cinder.conf')
    path.write_text(f'[DEFAULT]\nvolume_manager = {MANAGER}\n')
    cfg.CONF(['--config-file', str(path)], project='cinder')
    loaded = importutils.import_class(cfg.CONF.volume_manager)
    if not issubclass(loaded, manager.VolumeManager):
        sys.exit(f'{loaded} is not a volume manager of Cinder')
    print(f'{loaded.__module__}.{loaded.__name__}')


def run_tests(package: str, names: list[str]) -> None:
    """Run tests after the modules that the service imports first.

    :param package: of which package
    :param names: dotted paths of tests
    :raises SystemExit: with their result
    """
    # Nova 31 imports webob and relies on others to import its submodules.
    importlib.import_module(FIRST[package])
    if package == 'nova_failover_ext':
        _name_disks()
    from testtools import run
    run.main([__file__, *names], sys.stdout)


def _name_disks() -> None:
    # libvirt gives each disk an alias, and our tests count on it. The fake one
    # of Nova's harness does so from Nova 33 on, and overwrites this.
    from nova.tests.fixtures import libvirt
    parse = libvirt._parse_disk_info

    def with_alias(element: Any) -> dict[str, Any]:
        alias = 'disk-' + element.find('./target').get('dev')
        return {'alias': alias, **parse(element)}

    libvirt._parse_disk_info = with_alias


def _register_objects() -> None:
    # cinder.cmd.volume does it in its main.
    from cinder import objects
    objects.register_all()


if __name__ == '__main__':
    if sys.argv[1] == 'manager':
        load_manager()
    elif sys.argv[1] == 'tests':
        run_tests(sys.argv[2], sys.argv[3:])
    else:
        import_modules(sys.argv[2], sys.argv[3:] == ['all'])
