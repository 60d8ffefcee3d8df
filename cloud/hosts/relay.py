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
"""Passes bytes on between network namespaces, and into hosts.

On the machine it is run as ``python -m cloud.hosts.relay NAMESPACE ADDRESS
PORTS FOLDER HOSTS``. Each of the ports at the address in the namespace leads
to the same port of the machine's 127.0.0.1. In the folder there is a Unix
socket for each host, which leads to its address and port in the namespace.
Within the hosts the agent uses :func:`listen`. Only the standard library may
be imported here.
"""

import asyncio
import collections.abc
import contextlib
import ctypes
import json
import os
import socket
import sys

_CLONE_NEWNET = 0x40000000
_CHUNK = 1 << 16
Connect = collections.abc.Callable[
    [], collections.abc.Awaitable[tuple[asyncio.StreamReader,
                                        asyncio.StreamWriter]]]


class Namespace:
    """A network namespace in which sockets can be made.

    A socket stays in the namespace that it was made in.
    """

    def __init__(self, file: str) -> None:
        """Open it.

        :param file: the file that stands for it
        """
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._home = os.open('/proc/self/ns/net', os.O_RDONLY)
        self._there = os.open(file, os.O_RDONLY)

    def _enter(self, descriptor: int) -> None:
        if self._libc.setns(descriptor, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), 'setns failed')

    def socket(self) -> socket.socket:
        """Make a TCP socket in there.

        :returns: the socket, which does not block
        :raises OSError: if the namespace cannot be entered
        """
        self._enter(self._there)
        try:
            made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        finally:
            self._enter(self._home)
        made.setblocking(False)
        return made


async def _pump(reader: asyncio.StreamReader,
                writer: asyncio.StreamWriter) -> None:
    """Pass on what comes, and that it ends."""
    with contextlib.suppress(OSError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


def handler(connect: Connect) -> collections.abc.Callable:
    """What serves the connections to one listening socket.

    :param connect: connects to the other side
    :returns: for :func:`asyncio.start_server`
    """
    async def handle(reader: asyncio.StreamReader,
                     writer: asyncio.StreamWriter) -> None:
        try:
            other_reader, other_writer = await connect()
        except OSError:
            writer.close()
            return
        try:
            await asyncio.gather(_pump(reader, other_writer),
                                 _pump(other_reader, writer))
        finally:
            writer.close()
            other_writer.close()
    return handle


def to(address: str, port: int) -> Connect:
    """Connect to a port, in the namespace that the process is in.

    :param address: the address
    :param port: the port
    :returns: a function that connects
    """
    return lambda: asyncio.open_connection(address, port)


async def listen(address: str, ports: list[int], target: str) -> None:
    """Serve ports within one namespace; returns once they are open.

    :param address: the address to listen at
    :param ports: the ports, which are the same on both sides
    :param target: the address that they lead to
    """
    for port in ports:
        await asyncio.start_server(handler(to(target, port)), address, port)


async def serve(file: str, address: str, ports: list[int],
                folder: str, hosts: dict[str, list]) -> None:
    """Serve until the process ends; see the module.

    :param file: the namespace
    :param address: the address in there
    :param ports: the ports
    :param folder: where the Unix sockets are made
    :param hosts: the address and port of each, by its name
    """
    namespace = Namespace(file)
    for port in ports:
        server = namespace.socket()
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((address, port))
        await asyncio.start_server(handler(to('127.0.0.1', port)),
                                   sock=server)
    for name, (host, port) in hosts.items():
        async def connect(host=host, port=port):
            link = namespace.socket()
            await asyncio.wait_for(asyncio.get_running_loop().sock_connect(
                link, (host, port)), 10)
            return await asyncio.open_connection(sock=link)
        await asyncio.start_unix_server(handler(connect),
                                        f'{folder}/{name}')
    await asyncio.Event().wait()


if __name__ == '__main__':
    asyncio.run(serve(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]),
                      sys.argv[4], json.loads(sys.argv[5])))
