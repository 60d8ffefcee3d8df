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

GROUP = cfg.OptGroup(
    'failover_compute',
    title='Recovery of attached volumes on the compute host',
    help='How nova-compute-failover brings the attached volumes of its '
         'servers to where Cinder has moved them.')

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
        'disconnect_timeout', default=120, min=1, max=3600,
        help="""
Seconds in which the old connection must be gone from this host.

Flushing a dead multipath device or unmounting a dead share can hang for
ever. When the time is up the recovery fails with that reason, to be tried
again; the old connection stays recorded, so that it is not leaked.

Possible values:

* 1 to 3600 seconds
"""),
    cfg.IntOpt(
        'connect_timeout', default=180, min=1, max=3600,
        help="""
Seconds in which the new connection must be up on this host.

Possible values:

* 1 to 3600 seconds

Related options:

* ``[libvirt] num_iscsi_scan_tries`` and its kin bound the same work from
  below.
"""),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register the group and its options on ``conf``."""
    conf.register_group(GROUP)
    conf.register_opts(OPTS, group=GROUP)


def list_opts() -> list[tuple[cfg.OptGroup, list[Any]]]:
    """Return the options for the sample configuration generator."""
    return [(GROUP, OPTS)]
