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


"""Reaches the compute hosts of a cell, on the bus of that cell.

Upstream relied on, read in Nova 31 to 34: ``nova.rpc.get_client``,
``nova.rpc.ClientRouter`` (picks the transport of the cell that a context is
targeted at) and ``nova.context.target_cell``.
"""

import collections.abc
import contextlib
from typing import Any

import nova.context
from nova import objects
from nova import rpc

from nova_failover_ext.api import rpcapi


class CellBus:
    """The buses of all cells; nothing is sent by itself."""

    def __init__(self) -> None:
        """Make the client; nothing is connected to yet."""
        #: by uuid; Nova itself keeps a cell's addresses until it ends
        self._cells: dict[str, Any] = {}
        self._router = rpc.ClientRouter(
            rpc.get_client(rpcapi.ComputeFailoverAPI.target()))

    @contextlib.contextmanager
    def api(self, cell_id: str, context: Any) -> collections.abc.Iterator[
            tuple[rpcapi.ComputeFailoverAPI, Any]]:
        """Provide the interface to a cell's hosts, with a context for it.

        :param cell_id: uuid of the cell
        :param context: a nova RequestContext
        :raises nova.exception.NovaException: if the cell is not known
        """
        cell = self._cells.get(cell_id)
        if cell is None:
            cell = objects.CellMapping.get_by_uuid(context, cell_id)
            self._cells[cell_id] = cell
        with nova.context.target_cell(context, cell) as cctxt:
            yield rpcapi.ComputeFailoverAPI(self._router.client(cctxt)), cctxt
