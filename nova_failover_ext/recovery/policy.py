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

"""What a server's owner or the operator wants done with stale volumes."""

from collections.abc import Callable, Mapping
import enum
from typing import Any

#: Key of the server's metadata that names its policy.
METADATA_KEY = 'failover:policy'


class Policy(str, enum.Enum):
    """What is done with the stale volumes of one server."""

    #: Data volumes are replaced while the guest runs; it is power-cycled
    #: for its root volume, and where replacing would not heal it.
    REATTACH = 'reattach'
    #: All stale volumes are replaced in one power cycle.
    POWER_CYCLE = 'power-cycle'
    #: Data volumes are detached and left to the server's owner; the root
    #: volume, which cannot be detached, is replaced as with reattach.
    DETACH = 'detach'
    #: A running guest is left alone; its next power cycle heals it.
    REFRESH = 'refresh'
    #: Nothing is done.
    NONE = 'none'


def policy_of(metadata: Mapping[str, str], default: str,
              use_metadata: bool) -> Policy:
    """Choose a server's policy.

    :param metadata: the server's; a value that makes no sense is as none
    :param default: the operator's choice, a value of :class:`Policy`
    :param use_metadata: whether the server's owner may choose
    :returns: the policy
    """
    wanted = metadata.get(METADATA_KEY, '').strip().lower()
    if use_metadata and wanted in set(Policy):
        return Policy(wanted)
    return Policy(default)


def of_metadata(metadata: Mapping[str, str]) -> Policy:
    """Choose as an operator who has configured nothing does."""
    return policy_of(metadata, Policy.REATTACH.value, use_metadata=True)


def chooser(conf: Any) -> Callable[[Mapping[str, str]], Policy]:
    """Return what chooses a server's policy from its metadata.

    :param conf: the oslo.config options with the group ``[failover]``; they
        are read at each choice
    """
    def choose(metadata: Mapping[str, str]) -> Policy:
        return policy_of(metadata, conf.failover.default_policy,
                         conf.failover.use_metadata)

    return choose
