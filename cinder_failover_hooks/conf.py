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

Importing this module registers nothing. The program that owns the
configuration calls :func:`register_opts`.
"""

from oslo_config import cfg

from cinder_failover_hooks import notifications

GROUP = cfg.OptGroup(
    'failover_hooks',
    title='Failover hooks',
    help="""
Options of the volume manager that reports the failovers of a backend. The
option ``[DEFAULT] volume_manager`` loads this manager.

Notifications use the transport of ``[oslo_messaging_notifications]``: its
``transport_url`` or, if that is not set, the one of ``[DEFAULT]``. The
``driver`` option of that group has no effect on them.
""")

OPTS = [
    cfg.BoolOpt(
        'enabled',
        default=True,
        help="""
Report the failovers of the backends of this service.

Possible values:

* ``true``: The service sends a notification when a failover starts, ends or
  fails. It announces the state of the backend when it starts.
* ``false``: The service sends nothing and behaves like Cinder's own volume
  manager. Recovery then depends on the periodic scans of the engine.

Related options:

* ``follow_cluster``: has no effect if this option is false.
"""),
    cfg.ListOpt(
        'topics',
        default=[notifications.TOPIC],
        help="""
Topics of the failover notifications.

Each topic has one queue for the priority info and one for the priority error.
The queues of a topic without a listener fill up, so list only topics that have
a listener.

Possible values:

* A list of topic names. The default is the topic on which nova-failover-engine
  listens.

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

A notification with more volumes is sent in parts. The service reads the
volumes from the database in pages of the same size, so this option limits both
the size of a message and the use of memory.

Possible values:

* An integer from 1 to 10000. Each volume adds about 1 KiB to a message.
"""),
    cfg.IntOpt(
        'retry_timeout',
        default=600,
        min=0,
        max=86400,
        help="""
Time in seconds after which the service stops retrying a notification.

Retries run in the background and never delay a failover. A notification that
could not be sent in this time is dropped and logged. The service then
announces the state of the backend as soon as the message bus is available, and
again when it starts. The engine also reads Cinder's records periodically.

Possible values:

* 0: The service sends the notification once, without a retry.
* An integer up to 86400, which is one day.

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
Time in seconds before the first retry. The interval doubles after each retry.

Related options:

* ``retry_max_interval``: limits the interval.
* ``retry_timeout``: limits the total time.
"""),
    cfg.FloatOpt(
        'retry_max_interval',
        default=30.0,
        min=0.01,
        max=3600,
        help="""
Longest time in seconds between two attempts to send a notification.

Related options:

* ``retry_interval``
"""),
    cfg.IntOpt(
        'completion_timeout',
        default=60,
        min=0,
        max=3600,
        help="""
Time in seconds to wait for the driver of this service after its cluster has
failed over.

Cinder tells the members of a cluster to switch their drivers with a message
that no member acknowledges. The member that runs the failover reports the end
after its own driver has switched. If the driver has not switched in this time,
the member reports that the failover failed.

Possible values:

* An integer from 0 to 3600. The option has no effect on a backend that is not
  clustered.
"""),
    cfg.BoolOpt(
        'follow_cluster',
        default=True,
        help="""
Start the driver of a clustered backend at the active site of its cluster.

A member that was down while its cluster failed over has missed the message to
switch its driver. When this member starts again, Cinder's own volume manager
uses the record of the member. The driver then serves the old site while the
other members serve the new site.

Possible values:

* ``true``: Before the driver starts, the service copies the active backend id,
  the replication status and the frozen flag from the record of the cluster to
  the record of the member. Cinder does the same when a member joins a cluster.
  The service changes nothing if the member is in error, or if the failover of
  the cluster is in progress or has failed.
* ``false``: The record of the member stays unchanged.

Related options:

* ``enabled``
"""),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register the options of this package.

    A second call with the same configuration has no effect.

    :param conf: the configuration of the program
    """
    # The group is given by name because a group object keeps values and would
    # share them between all configurations that register it.
    conf.register_opts(OPTS, group=GROUP.name)


def list_opts() -> list[tuple[cfg.OptGroup, list[cfg.Opt]]]:
    """Return the options for the configuration generator.

    :returns: pairs of a group and its options, in the form of the
        ``oslo.config.opts`` entry point
    """
    return [(GROUP, list(OPTS))]
