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
"""The NFS server of a site: that of its kernel, over the site's folder.

Runs within the site's agent. The folder is the machine's, which no kernel can
export: a FUSE file system over it can be. Only the standard library may be
imported here.
"""

import pathlib
import subprocess

#: Where the exports are, each named after its site.
ROOT = pathlib.Path('/srv/exports')
CONTROL = pathlib.Path('/proc/fs/nfsd')
STATE = pathlib.Path('/var/lib/nfs')
THREADS = 8
#: Seconds in which a new server waits for the clients of the one before, the
#: least that Linux takes.
GRACE = 10
OPTIONS = 'rw,sync,no_subtree_check,no_root_squash,insecure'


class Server:
    """The server of one site.

    :ivar folder: what it exports
    """

    def __init__(self, site: str, pool: str) -> None:
        """Only remembers.

        :param site: name of the site
        :param pool: folder of the volumes
        """
        self.folder = ROOT / site
        self._pool = pool

    def share(self) -> None:
        """Start it, unless it runs."""
        if self.folder.is_mount():
            return
        # The root of a host is an overlay, which cannot be exported either.
        ROOT.mkdir(parents=True, exist_ok=True)
        if not ROOT.is_mount():
            _run('mount', '-t', 'tmpfs', 'exports', ROOT)
        self.folder.mkdir(exist_ok=True)
        _run('modprobe', '-a', 'fuse', 'nfsd')
        _run('bindfs', '-o', 'noforget,direct_io', self._pool, self.folder)
        self._write_exports()
        self._serve()

    def _write_exports(self) -> None:
        """Say what is exported, and prepare what the server keeps."""
        for name in ('rpc_pipefs', 'v4recovery', 'sm'):
            (STATE / name).mkdir(parents=True, exist_ok=True)
        for name in ('etab', 'rmtab'):
            (STATE / name).touch()
        pathlib.Path('/etc/exports').write_text(
            f'{ROOT} *({OPTIONS},fsid=0)\n'
            f'{self.folder} *({OPTIONS},fsid=1)\n')

    @staticmethod
    def _serve() -> None:
        """Start it, by version 4 alone, which needs no portmapper."""
        if not CONTROL.is_mount():
            _run('mount', '-t', 'nfsd', 'nfsd', CONTROL)
        for name in ('nfsv4leasetime', 'nfsv4gracetime'):
            (CONTROL / name).write_text(str(GRACE))
        _run('exportfs', '-ra')
        _run('rpc.mountd', '-N', '3')
        _run('rpc.nfsd', '-N', '3', '-V', '4.2', THREADS)


def _run(*words: object) -> None:
    subprocess.run([str(word) for word in words], check=True, text=True,
                   stdin=subprocess.DEVNULL)
