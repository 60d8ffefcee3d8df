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

"""Nova and Cinder with the patch series, to be installed from."""

import hashlib
import pathlib
import shutil

from cloud import bootstrap
from cloud import settings
from tools.patches import git
from tools.patches import projects
from tools.patches import source


def require_series() -> None:
    """Refuse to go on where a project has no series.

    :raises bootstrap.BootstrapError: naming the projects, in one sentence
    """
    absent = [name for name in settings.PATCHED
              if not projects.PROJECTS[name].releases()]
    if absent:
        raise bootstrap.BootstrapError(
            f'--patched is switched off: there is no patch series for '
            f'{" or ".join(absent)} in patches/.')


def tree(name: str, conf: settings.Settings) -> pathlib.Path:
    """Make a release with its series, once for each state of the series.

    :param name: ``nova`` or ``cinder``
    :param conf: the settings
    :returns: the folder to install from
    :raises bootstrap.BootstrapError: if there is no series, if the release
        cannot be had, or if a patch does not apply
    """
    try:
        return _tree(name, conf)
    except (projects.Problem, git.GitError) as error:
        raise bootstrap.BootstrapError(str(error)) from error


def _tree(name: str, conf: settings.Settings) -> pathlib.Path:
    release, patches = projects.PROJECTS[name].patches(None)
    digest = hashlib.sha256(b''.join(
        patch.read_bytes() for patch in patches)).hexdigest()
    folder = conf.cache / 'patched' / f'{name}-{release}-{digest[:16]}'
    if folder.exists():
        return folder
    # Under another name until it is whole.
    unfinished = folder.with_suffix('.unfinished')
    shutil.rmtree(unfinished, ignore_errors=True)
    source.series(git.Git(unfinished), name, release, patches)
    unfinished.rename(folder)
    return folder
