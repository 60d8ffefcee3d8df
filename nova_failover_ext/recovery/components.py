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

"""What a recovery works with, the same for all servers of the host."""

import dataclasses

from oslo_config import cfg

from nova_failover_ext.recovery import bounded
from nova_failover_ext.recovery import cinder_api
from nova_failover_ext.recovery import upstream
from nova_failover_ext.recovery.virt import interface


@dataclasses.dataclass(frozen=True)
class Components:
    """The host's parts.

    :ivar conf: with the groups ``[failover]`` and ``[failover_compute]``
    :ivar host: this compute host
    :ivar virt: its hypervisor and storage
    :ivar cinder: Cinder
    :ivar calls: those of which one may hang
    """

    conf: cfg.ConfigOpts
    host: upstream.Host
    virt: interface.VirtHost
    cinder: cinder_api.CinderAPI
    calls: bounded.Calls = dataclasses.field(default_factory=bounded.Calls)
