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

"""A series for releases that are made up."""

import pathlib

import fixtures
from oslotest import base

from tools.patches import export
from tools.patches import git
from tools.patches import projects
from tools.patches import source
from tools.patches import trailers

LINES = [f'line {number}\n' for number in range(40)]


def text(**changed):
    """Return lines of a file, some of which are others."""
    lines = dict(enumerate(LINES))
    lines.update((int(key[1:]), f'{line}\n')
                 for key, line in changed.items())
    return ''.join(lines.values())



def message(subject):
    """Return a commit message; the Change-Id is the hook's to give."""
    return (f'{subject}\n\nWhy.\n\n'
            f'{trailers.GENERATED_BY}: {trailers.PLACEHOLDER}')


class SeriesTestCase(base.BaseTestCase):
    """A series of two patches for a made-up release."""

    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        #: what the sdist of each release has
        self.releases = {'1.0.0': {'a': text(), 'b': text()}}
        self.useFixture(fixtures.MockPatchObject(
            source, 'commit', autospec=True, side_effect=self._release))
        self.project = projects.Project('made_up', 'made_up', {}, ())
        self.repository = git.Git(self.folder / 'tree')
        source.tree(self.repository, 'made_up', '1.0.0')
        source.install_hook(self.repository)
        self.commit('Change a', a=text(l10='ours'))
        self.commit('Change both', a=text(l10='ours', l30='ours'),
                     b=text(l10='ours'))
        self.patches = export.export(self.repository, self.folder / 'series')

    def _release(self, repository, name, release):
        for path in repository.tree.glob('[ab]'):
            path.unlink()
        self.write(repository, self.releases[release])
        repository('add', '--all')
        repository('commit', '--message', f'{name} {release}')

    def write(self, repository, files):
        for name, content in files.items():
            path = repository.tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)

    def commit(self, subject, **files):
        self.write(self.repository, files)
        self.repository('commit', '--all', '--message', message(subject))
