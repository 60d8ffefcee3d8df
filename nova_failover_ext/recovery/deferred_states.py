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

"""The vm_states in which a server is deferred, and until when."""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class DeferredState:
    """Why a server is deferred.

    :ivar reason: what an administrator reads
    :ivar until: what the recovery is blocked on
    """

    reason: str
    until: str


#: By Nova's vm_state (nova.compute.vm_states).
DEFERRED_STATES = {
    'paused': DeferredState('the server is paused', 'it is unpaused'),
    'suspended': DeferredState('the server is suspended', 'it is resumed'),
    'rescued': DeferredState('the server is in rescue mode',
                             'it is unrescued'),
    'resized': DeferredState('a resize waits to be confirmed or reverted',
                             'the resize is confirmed or reverted'),
    'building': DeferredState('the server is being built', 'it is built'),
}
