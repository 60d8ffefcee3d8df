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
"""What the services have in common: files, a command, and a way to ask."""

import collections.abc
import dataclasses
import logging
import pathlib
import shutil
import urllib.error
import urllib.request

from cloud import processes
from cloud import render
from cloud import settings

LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Service:
    """A process of OpenStack, with its configuration file.

    :ivar name: name of the service, and of its log
    :ivar venv: the environment that it runs from
    :ivar program: the command in that environment
    :ivar config: name of the configuration file; its template has the
        suffix ``.j2``
    :ivar module: for an API, the module of its WSGI application
    :ivar port: for an API, the name of its port
    :ivar variables: more environment; ``{etc}`` stands for the folder of
        the configuration
    """

    name: str
    venv: str
    config: str
    program: str = 'gunicorn'
    module: str = ''
    port: str = ''
    variables: collections.abc.Mapping[str, str] = dataclasses.field(
        default_factory=dict)

    def etc(self, conf: settings.Settings) -> pathlib.Path:
        """The folder of its configuration."""
        return conf.etc / self.name

    def file(self, conf: settings.Settings) -> pathlib.Path:
        """Its configuration file."""
        return self.etc(conf) / self.config

    def daemon(self, conf: settings.Settings) -> processes.Daemon:
        """Its process."""
        return processes.Daemon(self.name, conf.run, conf.log)

    def configure(self, conf: settings.Settings, **values) -> None:
        """Write its configuration.

        :param conf: the settings
        :param values: more variables for the template
        """
        file = self.file(conf)
        render.render(self.config + '.j2', file, conf, name=self.name,
                      file=file, **values)
        if self.module:
            # Nova looks for it beside its configuration and nowhere else.
            paste = conf.venv(self.venv) / 'etc' / self.venv / 'api-paste.ini'
            if paste.exists():
                shutil.copy(paste, self.etc(conf))
            render.render('gunicorn.py.j2', self.etc(conf) / 'gunicorn.py',
                          conf, name=self.port, module=self.module,
                          configs=[file])

    def environment(self, conf: settings.Settings) -> dict[str, str]:
        """Its environment."""
        etc = str(self.etc(conf))
        path = f'{conf.venv(self.venv)}/bin:/usr/sbin:/usr/bin:/sbin:/bin'
        return {'PATH': path, 'PYTHONUNBUFFERED': '1', 'TZ': 'UTC',
                **{key: value.format(etc=etc)
                   for key, value in self.variables.items()}}

    def command(self, conf: settings.Settings) -> list[object]:
        """The command that runs it."""
        program = conf.venv(self.venv) / 'bin' / self.program
        if self.module:
            return [program, '--config', self.etc(conf) / 'gunicorn.py']
        return [program, '--config-file', self.file(conf)]

    def start(self, conf: settings.Settings) -> None:
        """Start it, unless it runs; does not wait."""
        self.daemon(conf).start(self.command(conf), self.environment(conf))

    def ready(self, conf: settings.Settings) -> None:
        """Wait until it answers; a service without an API only has to live.

        :param conf: the settings
        :raises processes.DaemonError: when it does not
        """
        self.daemon(conf).ready(lambda: self.answers(conf))

    def answers(self, conf: settings.Settings) -> bool:
        """Whether it answers on its port, if it has one."""
        if not self.port:
            return self.daemon(conf).process() is not None
        try:
            urllib.request.urlopen(conf.url(self.port) + '/', timeout=20)
        except urllib.error.HTTPError as error:
            return error.code < 500
        except OSError:
            return False
        return True

    def manage(self, conf: settings.Settings, tool: str,
               *words: object) -> str:
        """Run one of its management commands.

        :param conf: the settings
        :param tool: the command in its environment
        :param words: what follows the configuration file
        :returns: the output
        """
        return processes.run(
            [conf.venv(self.venv) / 'bin' / tool, '--config-file',
             self.file(conf), *words], self.environment(conf))
