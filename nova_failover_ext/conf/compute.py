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

"""Options of the compute side, group ``[failover_compute]``."""

from typing import Any

from oslo_config import cfg

GROUP = 'failover_compute'

OPTS = [
    cfg.IntOpt(
        'reach_timeout', default=10, min=1, max=600,
        help="""
Seconds in which the new storage target must answer from this host.

It is tried before the guest or any record is touched; if it does not answer,
the recovery is deferred and the server stays as it was.

Possible values:

* 1 to 600 seconds
"""),
    cfg.IntOpt(
        'release_timeout', default=15, min=1, max=3600,
        help="""
Seconds in which a running guest must let go of a disk.

A guest does so within a second, also where its storage fails. One whose
storage hangs does not, and would write to the old site when that comes back:
when the time is up the server is powered off, without a clean shutdown, and
on again. A disk that cannot be unplugged at all (SATA, IDE, CD-ROM) leads to
this at once.

Possible values:

* 1 to 3600 seconds
"""),
    cfg.IntOpt(
        'disconnect_timeout', default=120, min=1, max=3600,
        help="""
Seconds in which the old connection must be gone from this host.

Flushing a dead multipath device or unmounting a dead share can hang for
ever. When the time is up the volume gets its new connection all the same,
for the guest has let go of the old one by then; the old one stays recorded,
and later passes of the engine remove it once that no longer hangs.

Possible values:

* 1 to 3600 seconds
"""),
    cfg.IntOpt(
        'connect_timeout', default=180, min=1, max=3600,
        help="""
Seconds in which the new connection must be up on this host.

It also bounds the power on of a guest by Nova, once for each of its volumes,
and the commands that make the connector of this host.

Possible values:

* 1 to 3600 seconds

Related options:

* ``[libvirt] num_iscsi_scan_tries`` and its kin bound the same work from
  below.
"""),
    cfg.IntOpt(
        'guest_agent_timeout', default=5, min=1, max=600,
        help="""
Seconds in which the QEMU guest agent must say what is mounted.

It is asked only for servers whose image has ``hw_qemu_guest_agent``. An agent
that does not answer counts as one that is not there.

Possible values:

* 1 to 600 seconds
"""),
    cfg.IntOpt(
        'max_concurrent_recoveries', default=8, min=1, max=1000,
        help="""
Servers of this host that may be at work at the same time.

Others wait for their turn. Each takes one of nova-compute's RPC workers
while it waits and works.

Related options:

* ``[failover_engine] max_in_flight_per_host`` limits what one engine sends.
* ``[DEFAULT] rpc_response_timeout`` and ``executor_thread_pool_size`` of
  nova-compute.
"""),
]


def _group() -> cfg.OptGroup:
    # A group holds the values set for it: each ConfigOpts needs its own.
    return cfg.OptGroup(
        GROUP,
        title='Recovery of attached volumes on the compute host',
        help='How nova-compute-failover brings the attached volumes of its '
             'servers to where Cinder has moved them.')


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register the group and its options on ``conf``."""
    conf.register_group(_group())
    conf.register_opts(OPTS, group=GROUP)


def list_opts() -> list[tuple[cfg.OptGroup, list[Any]]]:
    """Return the options for the sample configuration generator."""
    return [(_group(), OPTS)]
