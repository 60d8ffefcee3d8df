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

"""Options that compute hosts and the engine share, group ``[failover]``."""

from typing import Any

from oslo_config import cfg

from nova_failover_ext.recovery import policy

GROUP = 'failover'

OPTS = [
    cfg.StrOpt(
        'default_policy', default=policy.Policy.REATTACH.value,
        choices=[
            (policy.Policy.REATTACH.value,
             ('data volumes are replaced while the guest runs; the guest is '
              'power-cycled for its root volume, where it does not let go '
              'of a disk, and where its agent says that a file system of '
              'the disk is mounted')),
            (policy.Policy.POWER_CYCLE.value,
             'all stale volumes are replaced in one power cycle'),
            (policy.Policy.DETACH.value,
             ('data volumes are detached and left to the owner of the '
              'server; the root volume is replaced as with reattach')),
            (policy.Policy.REFRESH.value,
             ('a running guest is left alone and healed by its next power '
              'cycle')),
            (policy.Policy.NONE.value, 'nothing is done')],
        help="""
What is done with the stale volumes of a server that says nothing itself.

Related options:

* ``use_metadata``
"""),
    cfg.BoolOpt(
        'use_metadata', default=True,
        help="""
Whether the metadata key ``failover:policy`` of a server counts.

Owners of servers set it to one of the values of ``default_policy``; any
other value counts as none. If this is false, ``default_policy`` is applied
to every server.

Related options:

* ``default_policy``
"""),
]


def _group() -> cfg.OptGroup:
    # A group holds the values set for it: each ConfigOpts needs its own.
    return cfg.OptGroup(
        GROUP,
        title='Recovery of attached volumes after a failover',
        help='What is done with servers whose volumes Cinder has moved. The '
             'engine plans with these options and compute hosts act on them: '
             'they should be the same everywhere.')


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register the group and its options on ``conf``."""
    conf.register_group(_group())
    conf.register_opts(OPTS, group=GROUP)


def list_opts() -> list[tuple[cfg.OptGroup, list[Any]]]:
    """Return the options for the sample configuration generator."""
    return [(_group(), OPTS)]
