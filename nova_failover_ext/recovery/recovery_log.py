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

"""What nova-compute logs of one recovery, always without secrets."""

from collections.abc import Sequence
from typing import Any

from oslo_log import log as logging

from nova_failover_ext.recovery import masking
from nova_failover_ext.recovery import prepare
from nova_failover_ext.recovery import states
from nova_failover_ext.recovery import volume_places

LOG = logging.getLogger(__name__)


def begun(failover_id: str, instance: Any, stale: Sequence[prepare.Prepared],
          actions: Sequence[states.Action]) -> None:
    """Log which volumes are about to be changed, how, from where to where.

    :param failover_id: the request id
    :param instance: the nova.objects.Instance
    :param stale: the volumes
    :param actions: how, for each of them
    """
    for item, action in zip(stale, actions, strict=True):
        LOG.info('Recovering volume %(volume)s (%(device)s) for failover '
                 '%(id)s: %(action)s, %(move)s',
                 {'volume': item.volume.volume_id,
                  'device': item.volume.device_name, 'id': failover_id,
                  'action': action.value, 'move': _move(item)},
                 instance=instance)


def power_cycle(instance: Any, reason: str) -> None:
    """Log why the guest is about to be power-cycled."""
    LOG.info('A power cycle is needed: %s', reason, instance=instance)


def _move(item: prepare.Prepared) -> str:
    saved = item.volume.connection_info
    old = volume_places.describe(saved)
    if not item.fresh:
        text = f'from {old}'
    elif item.record_stale:
        text = f'from {old} to {volume_places.describe(item.fresh)}'
    else:
        text = f'at {old}'
    return masking.scrub(text, saved, item.fresh)
