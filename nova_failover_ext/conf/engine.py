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

"""The options of ``[failover_engine]``; nothing registers at import."""

from typing import Any

from oslo_config import cfg

from nova_failover_ext.conf import pacing

GROUP = cfg.OptGroup(
    'failover_engine',
    title='Failover engine options',
    help="""
Options of nova-failover-engine, which runs on controllers, and of the
nova-failover command. Both read nova.conf.
""")

#: The value of ``automatic`` with which a few servers are tried first.
CANARY = 'canary'
#: The value with which servers are recovered only if an operator asks.
ON_REQUEST = 'false'
_RECOVER = '``nova-failover recover``'
_RESUME = '``nova-failover resume``'

_BUS_OPTS = [
    cfg.StrOpt(
        'transport_url',
        secret=True,
        help="""
The message bus on which Cinder emits failover notifications.

Possible values:

* A transport URL such as ``rabbit://user:password@host:5672/``
* Unset (default): the bus of this deployment's notifications

Related options:

* ``[oslo_messaging_notifications] transport_url``
* ``[DEFAULT] transport_url``
"""),
    cfg.ListOpt(
        'notification_topics',
        default=['failover_notifications'],
        help="""
Topics on which failover notifications are awaited.

Possible values:

* A list of topic names

Related options:

* ``[failover_hooks] topics`` in cinder.conf must name at least one of them.
"""),
    cfg.StrOpt(
        'notification_exchange',
        default='openstack',
        help="""
The exchange to which Cinder publishes its notifications.

Possible values:

* The value of ``[DEFAULT] control_exchange`` in cinder.conf, whose default
  is ``openstack``
"""),
    cfg.StrOpt(
        'notification_pool',
        help="""
Name of a pool of listeners that shares one copy of each notification.

Without it all engines share the queues that Cinder writes to. With it they
get a copy of their own, and the queues that Cinder writes to must have
another reader, or they fill up.

Possible values:

* Unset (default): nobody else reads ``notification_topics``
* Any name, the same for all engines
"""),
    cfg.IntOpt(
        'recovery_timeout',
        default=900,
        min=10,
        max=86400,
        help="""
Seconds after which a compute host that still shows signs of life is no
longer waited for in the recovery of one server.

Possible values:

* An integer of 10 or more

Related options:

* ``heartbeat_timeout``
"""),
    cfg.IntOpt(
        'heartbeat_timeout',
        default=30,
        min=4,
        max=600,
        help="""
Seconds without a response after which a compute host is no longer
waited for. The server's recovery is then tried again later.

Possible values:

* An integer of 4 or more

Related options:

* ``recovery_timeout``
"""),
]

_HA_OPTS = [
    cfg.StrOpt(
        'automatic',
        mutable=True,
        default='true',
        ignore_case=True,
        choices=[
            ('true', 'all servers are recovered'),
            (ON_REQUEST, f'only what {_RECOVER} asks for is recovered'),
            (CANARY, f'after the first servers, the others await {_RESUME}')],
        help="""
Whether servers are recovered as soon as Cinder has settled a failover.

Related options:

* ``canary_servers``
"""),
    cfg.IntOpt(
        'canary_servers',
        mutable=True,
        default=2,
        min=1,
        max=100,
        help="""
Number of servers that are tried first in each failover of a backend, the most
urgent of them.

Related options:

* ``automatic`` has to be ``canary``.
"""),
    cfg.BoolOpt(
        'priority_barrier',
        default=False,
        help="""
Whether less urgent servers of a backend start only once the recovery of all
more urgent ones has ended, be it that they are recovered, have failed or are
deferred. If not, the priority (metadata ``failover:priority`` of the server)
is only the order of starts. Which servers are more urgent is known once all
volumes of the backend have been read, so that no server starts before that.
"""),
    cfg.StrOpt(
        'coordination_url',
        secret=True,
        help="""
Where the engines agree on which of them acts.

Possible values:

* Unset (default): the server of ``[api_database] connection``, if it is MySQL
  or MariaDB; nothing is stored there. With another database, each engine
  acts as if it were alone.
* A URL of a driver of tooz that has locks, such as
  ``etcd3+http://controller:2379``
"""),
    cfg.IntOpt(
        'leader_timeout',
        default=20,
        min=4,
        max=600,
        help="""
Seconds after which an engine that cannot prove that it is the acting one
stops acting.
"""),
]

_DECISIONS_OPTS = [
    cfg.StrOpt(
        'connection',
        default='sqlite:///$state_path/nova-failover.sqlite',
        secret=True,
        help="""
The database in which the engine remembers what operators have decided with
``nova-failover pause`` and ``exclude``, and who has done what. The acting
engine creates its tables and upgrades them. What is lost with this database
are decisions and history, never a recovery.

Where several engines run, they have to share one: name a database of its own
on the cloud's MariaDB then, never one of Nova's.

Possible values:

* A file of SQLite (default), for a single engine; it has to outlive the
  engine's container, if it has one
* A URL of SQLAlchemy, such as
  ``mysql+pymysql://user:password@controller/nova_failover?charset=utf8mb4``

Related options:

* ``[DEFAULT] state_path``
"""),
    cfg.IntOpt(
        'history_retention',
        default=365,
        min=1,
        max=36500,
        help="""
Days for which the engine remembers what operators have done, for
``nova-failover history --acts``. What is older is deleted when the next act is
written.

Related options:

* ``connection``
"""),
]

_METRICS_OPTS = [
    cfg.HostAddressOpt(
        'metrics_address',
        default='127.0.0.1',
        help="""
Address on which metrics are served for Prometheus.

Possible values:

* An IP address or the name of a host; ``0.0.0.0`` for every address

Related options:

* ``metrics_port``
"""),
    cfg.PortOpt(
        'metrics_port',
        default=0,
        help="""
Port on which metrics are served for Prometheus.

Possible values:

* 0 (default): metrics are not served
* Any port number
"""),
]

_READ_OPTS = [
    cfg.IntOpt(
        'batch_size',
        default=500,
        min=1,
        max=1000,
        help="""
Number of volumes or servers that one request to Cinder or one database query
is about. Queries grow with batches, never with volumes.
"""),
    cfg.DictOpt(
        'drivers',
        default={},
        help="""
Drivers of backends, where Cinder does not tell them apart.

Several drivers of a vendor say the same of themselves, such as those of Pure
FlashArray with and without ActiveCluster. The plan then asks Cinder about
every volume and notes the doubt. A name here takes the place of what Cinder
says.

Possible values:

* Empty (default): what Cinder says of a driver counts
* Backends, ``host@backend``, and names of drivers in
  ``cinder_failover_hooks.drivers``, such as
  ``node@pure:pure-sync,node@nfs:none``; a name that is not there says that
  nothing is known of the driver
"""),
    cfg.IntOpt(
        'scan_workers',
        default=4,
        min=1,
        max=64,
        help="""
Number of backends that are scanned at the same time.
"""),
    cfg.IntOpt(
        'cell_timeout',
        default=15,
        min=1,
        max=600,
        help="""
Seconds for which the database of a cell may leave a query unanswered. Then
the servers of that cell are left for later, and those of the other cells are
recovered. A connection to MySQL or MariaDB is given up after four times as
long, if ``[database] connection_parameters`` says nothing else.
"""),
    cfg.IntOpt(
        'cinder_timeout',
        default=30,
        min=1,
        max=600,
        help="""
Seconds after which a request to Cinder or Keystone is out of retries, if
``[cinder] timeout`` says nothing else.

Related options:

* ``[cinder] timeout``
"""),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register the engine's options on ``conf``.

    :param conf: the configuration of the program; registering twice is fine
    """
    conf.register_group(GROUP)
    conf.register_opts(_all_opts(), group=GROUP)


def list_opts() -> list[tuple[cfg.OptGroup, list[Any]]]:
    """Return the options for the sample configuration generator."""
    return [(GROUP, _all_opts())]


def _all_opts() -> list[Any]:
    return [*_BUS_OPTS, *pacing.PACE_OPTS, *pacing.LOAD_OPTS, *_HA_OPTS,
            *_DECISIONS_OPTS, *_METRICS_OPTS, *_READ_OPTS]
