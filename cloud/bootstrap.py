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
"""Make the virtual environment that the tool itself runs in.

Only the standard library may be imported here.
"""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

from cloud import apt

CHECKOUT = pathlib.Path(__file__).resolve().parent.parent
CONSTRAINTS = CHECKOUT / 'constraints' / '2026.2.txt'
REQUIREMENTS = CHECKOUT / 'cloud' / 'requirements.txt'


class BootstrapError(Exception):
    """The machine lacks something that could not be installed."""


def cache_folder() -> pathlib.Path:
    """Where everything is kept that outlives a cloud.

    :returns: the folder, which need not exist yet
    """
    base = os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache'
    return pathlib.Path(base) / 'nova-cinder-failover'


def run(argv: list[str], **kwargs) -> subprocess.CompletedProcess:
    """Run a command, and show its output only when it fails.

    :param argv: the command
    :param kwargs: passed on to :func:`subprocess.run`
    :returns: the completed process
    :raises BootstrapError: when the command fails
    """
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, text=True,
                          check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          **kwargs)
    if done.returncode:
        tail = '\n'.join(done.stdout.splitlines()[-20:])
        raise BootstrapError(f'{" ".join(argv)} failed:\n{tail}')
    return done


def uv_command() -> str:
    """Find uv, or install it into an environment of its own.

    :returns: the path of the uv command
    :raises BootstrapError: when it cannot be installed
    """
    home = cache_folder() / 'uv'
    for found in (home / 'bin' / 'uv', shutil.which('uv')):
        if found and os.access(found, os.X_OK):
            return str(found)
    run([sys.executable, '-m', 'venv', str(home)])
    run([str(home / 'bin' / 'python'), '-m', 'pip', 'install', '-q', 'uv'])
    return str(home / 'bin' / 'uv')


def install(venv: pathlib.Path, requirements: list[str]) -> None:
    """Make a virtual environment hold just what is asked, once.

    A stamp with the hash of the request tells that nothing is to be done.

    :param venv: folder of the environment
    :param requirements: arguments for ``uv pip install``
    :raises BootstrapError: when uv fails
    """
    stamp = venv / '.installed'
    wanted = _digest(requirements)
    if stamp.exists() and stamp.read_text() == wanted:
        return
    uv = uv_command()
    venv.parent.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    run([uv, 'venv', '-q', '--allow-existing', '--python', sys.executable,
         str(venv)])
    run([uv, 'pip', 'install', '-q', '--python', str(venv / 'bin' / 'python'),
         '-c', str(CONSTRAINTS), *requirements], cwd=CHECKOUT)
    stamp.write_text(wanted)


def _digest(requirements: list[str]) -> str:
    """Hash a request together with the files it depends on.

    :param requirements: arguments for ``uv pip install``
    :returns: a hexadecimal digest
    """
    parts = [sys.version, *requirements, CONSTRAINTS.read_text()]
    names = ['requirements.txt']
    if any(part.startswith('.') or '[' in part for part in requirements):
        names += ['setup.cfg', 'pyproject.toml']
    files = [REQUIREMENTS, *(CHECKOUT / name for name in names)]
    parts += [file.read_text() for file in files if file.exists()]
    return hashlib.sha256('\n'.join(parts).encode()).hexdigest()


def prepare() -> pathlib.Path:
    """Install what the tool needs, and say which Python to run it with.

    :returns: the Python of the tool's environment
    :raises BootstrapError: when something cannot be installed
    """
    if os.geteuid() != 0:
        raise BootstrapError('the little cloud has to be run as root')
    try:
        apt.ensure()
    except apt.AptError as error:
        raise BootstrapError(str(error)) from error
    venv = cache_folder() / 'venvs' / 'tool'
    install(venv, ['-r', str(REQUIREMENTS)])
    return venv / 'bin' / 'python'
