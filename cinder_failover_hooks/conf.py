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

"""The options of the ``[failover_hooks]`` group.

Nothing is registered when this module is imported: the program that owns
the configuration calls :func:`register_opts`.
"""

from oslo_config import cfg

GROUP = cfg.OptGroup(
    'failover_hooks',
    title='Failover hooks',
    help="""
Options of the volume manager that reports failovers of a backend, loaded by
``[DEFAULT] volume_manager``.

Notifications are sent through the transport of
``[oslo_messaging_notifications]`` (its ``transport_url``, or that of
``[DEFAULT]``) whatever its ``driver`` option says.
""")

OPTS = [
    cfg.BoolOpt(
        'enabled',
        default=True,
        help="""
Report failovers of the backends of this service.

Possible values:

* ``true``: a notification is sent when a failover starts, ends or fails, and
  the state of the backend is announced when the service starts.
* ``false``: nothing is sent; the volume manager behaves as Cinder's own.
  Recovery then relies on the periodic reconcile of the engine alone.

Related options:

* ``follow_cluster``: without effect if this is false.
"""),
    cfg.ListOpt(
        'topics',
        default=['failover_notifications'],
        help="""
Topics to which failover notifications are sent.

Each has its own queue of info and one of error priority. A topic to which
nobody listens fills up, so name here only those that have a listener.

Possible values:

* A list of topic names, by default the one that nova-failover-engine
  listens to.

Related options:

* ``[oslo_messaging_notifications] transport_url``
"""),
    cfg.IntOpt(
        'part_size',
        default=200,
        min=1,
        max=10000,
        help="""
Largest number of volumes in one notification.

A notification about more volumes is sent in parts, and the volumes are read
from the database in pages of this size, so it bounds both the size of a
message and the memory used.

Possible values:

* An integer from 1 to 10000. A volume takes about 1 KiB of a message.
"""),
    cfg.IntOpt(
        'retry_timeout',
        default=600,
        min=0,
        max=86400,
        help="""
Seconds for which the emission of one notification is retried.

Retrying happens in the background and never delays a failover. What could
not be sent in this time is dropped with one log line. The state of the
backend is then announced as soon as the message bus is back, and at the next
start of the service, and listeners compare with that state from time to time.

Possible values:

* 0: try once.
* Any number of seconds up to a day.

Related options:

* ``retry_interval``
* ``retry_max_interval``
"""),
    cfg.FloatOpt(
        'retry_interval',
        default=1.0,
        min=0.01,
        max=3600,
        help="""
Seconds to wait before the first retry; the wait then doubles each time.

Related options:

* ``retry_max_interval``: where doubling ends.
* ``retry_timeout``: when retrying ends.
"""),
    cfg.FloatOpt(
        'retry_max_interval',
        default=30.0,
        min=0.01,
        max=3600,
        help="""
Longest wait in seconds between two attempts to emit a notification.

Related options:

* ``retry_interval``
"""),
    cfg.IntOpt(
        'completion_timeout',
        default=60,
        min=0,
        max=3600,
        help="""
Seconds for which the end of a clustered failover waits for this service.

Cinder tells each member of a cluster to switch its driver by a message that
nobody acknowledges. The member that has led the failover reports its end when
its own driver has switched. If it has not done so in this time, the failover
is reported as failed.

Possible values:

* Any number of seconds up to an hour. It has no effect on backends that are
  not clustered.
"""),
    cfg.BoolOpt(
        'follow_cluster',
        default=True,
        help="""
Start the driver of a clustered backend where its cluster is.

A member that was down, or was killed, while its cluster failed over has missed
the message to switch its driver. When it starts again, Cinder's own volume
manager goes by the record of the member: its driver then uses the old site,
while the others use the new one.

Possible values:

* ``true``: before its driver starts, the record of the member is given the
  active backend id, the replication status and the frozen flag of the
  cluster's, as Cinder does for a member that is added to a cluster. A member
  in error, and a cluster whose failover is in progress or has failed, are
  left alone.
* ``false``: the record stays as it is.

Related options:

* ``enabled``
"""),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register the options of this package.

    :param conf: the configuration of the program; registering twice is fine
    """
    # By its name: a group object keeps values, and would share them between
    # all configurations in which it is registered.
    conf.register_opts(OPTS, group=GROUP.name)


def list_opts() -> list[tuple[cfg.OptGroup, list[cfg.Opt]]]:
    """Return what the configuration generator has to know.

    :returns: pairs of a group and its options, as the ``oslo.config.opts``
        entry point wants them
    """
    return [(GROUP, list(OPTS))]
