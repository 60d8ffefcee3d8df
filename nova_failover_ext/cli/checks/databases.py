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

"""Nova's databases, and the buses of its cells."""

from collections.abc import Iterable
from typing import Any

from kombu import exceptions as kombu_exception
import nova.context
from nova import rpc
import oslo_messaging as messaging

from nova_failover_ext.api import wording
from nova_failover_ext.cli.checks import findings
from nova_failover_ext import exception
from nova_failover_ext.recovery import masking

DATABASE = 'database'
BUS = 'message bus'

#: No volume has this id: what is asked is whether a cell answers.
_NO_VOLUME = '00000000-0000-0000-0000-000000000000'
#: Nobody listens there, so that what is sent is dropped.
_NO_TOPIC = 'nova-failover-check'


def read(nova_reader: Any) -> tuple[list[findings.Finding], list[Any]]:
    """Check whether all databases can be read.

    :param nova_reader: a :class:`.engine.inventory.nova_reader.NovaReader`
    :returns: findings, and the cells
    """
    try:
        cells = nova_reader.cells()
        _none, problems = nova_reader.attachments([_NO_VOLUME])
    except exception.DatabaseUnavailable as exc:
        return [findings.failure(DATABASE, 'API', str(exc))], []
    reasons = {problem.cell: problem.reason for problem in problems}
    found = [findings.failure(DATABASE, 'cell %s' % name, reasons[name])
             if name in reasons
             else findings.good(DATABASE, 'cell %s' % name)
             for name in map(name_of, cells)]
    return [findings.good(DATABASE, 'API', wording.count(len(cells), 'cell')),
            *found], cells


def buses(cells: Iterable[Any]) -> dict[str, findings.Finding]:
    """Check whether the bus of each cell can be reached.

    :returns: findings by uuid of the cell
    """
    return {cell.uuid: _bus(cell) for cell in cells}


def name_of(cell: Any) -> str:
    """Return what a cell is called."""
    return str(cell.name or cell.uuid)


def _bus(cell: Any) -> findings.Finding:
    subject = 'cell %s' % name_of(cell)
    context = nova.context.get_admin_context()
    router = rpc.ClientRouter(rpc.get_client(
        messaging.Target(topic=_NO_TOPIC, version='1.0')))
    try:
        with nova.context.target_cell(context, cell) as cctxt:
            # Unlike a call, a cast does not wait for ever.
            router.client(cctxt).prepare(retry=1).cast(cctxt, 'ping')
    except (messaging.InvalidTransportURL,
            messaging.DriverLoadFailure) as exc:
        # Their text holds the URL, and that the password.
        return findings.failure(BUS, subject, 'its transport_url makes no '
                                'sense (%s)' % type(exc).__name__)
    except (messaging.MessagingException, kombu_exception.KombuError,
            OSError) as exc:
        return findings.failure(BUS, subject, masking.first_line(exc))
    return findings.good(BUS, subject)
