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


"""How Cinder's replication drivers behave in a failover, as data.

Source: the drivers of Cinder 29 (``cinder/volume/drivers``). Nothing here was
tried on an array. The module imports neither Cinder nor Nova. The test driver
(``testing``) imitates the drivers listed here, and the recovery engine uses
the table to predict what a backend will do.
"""

from collections.abc import Mapping
import dataclasses
import enum
import types

from cinder_failover_hooks import statuses



@dataclasses.dataclass(frozen=True)
class Updates:
    """The model update of a volume that a driver returns.

    A field that is None is not part of the update. Where the replication
    status is missing, Cinder writes that of the service.

    :param status: the volume status
    :param replication_status: the replication status of the volume
    """

    status: str | None = None
    replication_status: str | None = None

    def as_dict(self) -> dict[str, str]:
        """Return the model update with the fields that are set."""
        return {name: value for name, value in vars(self).items() if value}


NOTHING = Updates()
ENABLED = Updates(replication_status=statuses.ENABLED)
FAILED_OVER = Updates(replication_status=statuses.FAILED_OVER)
ERROR = Updates(status=statuses.VOLUME_ERROR)
REPLICATION_ERROR = Updates(replication_status=statuses.ERROR)
FAILOVER_ERROR = Updates(replication_status=statuses.FAILOVER_ERROR)
BOTH_ERRORS = Updates(status=statuses.VOLUME_ERROR,
                      replication_status=statuses.FAILOVER_ERROR)
AVAILABLE_AND_ENABLED = Updates(status=statuses.VOLUME_AVAILABLE,
                                replication_status=statuses.ENABLED)
#: Cinder has no replication status "available". Some drivers write it anyway.
AVAILABLE = Updates(replication_status=statuses.VOLUME_AVAILABLE)


class OldSide(enum.Enum):
    """Whether a failover needs an answer from the site that it leaves."""

    #: The driver works while that site is down.
    NO = 'no'
    #: The driver contacts that site and continues without an answer.
    BEST_EFFORT = 'best effort'
    #: The driver refuses a failback while the primary does not answer.
    FAILBACK = 'for failback'
    #: Every failover fails without an answer.
    YES = 'yes'


class KnownIssue(enum.Enum):
    """Driver behaviour that leaves Cinder's records or volumes unusable.

    The value is the sentence that the plan shows to an operator.
    """

    #: The members get '' as the new active backend id.
    CLUSTERED_FAILBACK_REFUSED = (
        'failover_completed of a clustered failback raises '
        'InvalidReplicationTarget: the members stay at the replica, in error')
    #: The driver compares the new active backend id with its own word.
    MEMBERS_IGNORE_TARGET = (
        'failover_completed switches a member only for the target "failed '
        'over", which this driver returns only if no target was requested')
    #: Refreshing the connection does not help.
    CONNECTION_UNCHANGED = (
        'connection_info comes from the provider_location, which a failover '
        'does not change: a refreshed connection still uses the old site')
    #: The status "in-use" therefore does not identify attached volumes.
    WRITES_STATUS = (
        'a failover overwrites the volume status, even of attached volumes')
    #: See AVAILABLE.
    WRITES_AVAILABLE = (
        'a failback sets the replication status to "available", a value that '
        'Cinder does not define')
    #: Cinder rejects the whole list of updates.
    UPDATE_WITHOUT_ID = (
        'the update of a volume without a known replication group has no '
        'volume_id: Cinder reports that the failover failed although the '
        'array has failed over')
    #: Cinder always passes groups.
    TAKES_NO_GROUPS = (
        'failover_host accepts no groups and returns two values instead of '
        'three: every failover fails before anything moves')
    #: A volume that failed is indistinguishable from one that succeeded.
    RESULT_DISCARDED = (
        'the result of each volume is discarded: volumes that failed are '
        'recorded as failed over')
    #: The way back is not replicated.
    FAILBACK_SETS_ERROR = (
        'a failback sets volumes with asynchronous replication to error: an '
        'administrator has to restore them')
    #: The error is a TypeError of Python.
    FAILS_WITHOUT_PRIMARY = (
        'a failover fails while the primary does not answer, because a debug '
        'message reads attributes of a volume object that is None')
    #: The attachment cannot be deleted.
    TERMINATE_RAISES = (
        'terminate_connection raises an error if it cannot unmap the volume')
    #: Only the replication status shows the failure.
    ERROR_LEAVES_STATUS = (
        'a volume whose replication could not be broken stays in-use: only '
        'its replication status is error')
    #: A repeated request is not an error for this driver.
    SECOND_FAILOVER_IGNORED = (
        'a failover of a backend that has failed over, and a failback of one '
        'that has not, do nothing and report success')
    #: The record of the backend does not change.
    GROUP_IN_DRIVER_DATA = (
        'the location of a failed-over group is stored in the '
        'replication_driver_data of its volumes, not in the record of the '
        'backend')


#: The storage protocols of most arrays.
BLOCK = frozenset(('iscsi', 'fc'))
BLOCK_AND_NVME = BLOCK | {'nvme'}


def plain_protocol(name: str) -> str:
    """Return the common name for the variants of a storage protocol.

    :param name: ``storage_protocol`` in the capabilities of a driver
    :returns: the name in lower case: ``fc``, ``iscsi``, ``nvme``, ``nfs``, …
    """
    plain = name.strip().lower()
    if plain.startswith('nvme'):
        return 'nvme'
    return 'fc' if plain == 'fibre_channel' else plain


@dataclasses.dataclass(frozen=True)
class Driver:
    """The behaviour of one driver.

    :param name: short name, for instance ``rbd``
    :param title: product name
    :param module: module below ``cinder.volume.drivers``
    :param vendor: ``vendor_name`` in its capabilities
    :param active_active: whether it supports clusters, None if it does not
        declare it
    :param modes: supported replication modes
    :param changes: keys of connection_info that a failover changes; empty if
        it changes none
    :param old_side: whether a failover needs the site that it leaves
    :param groups: whether it can fail over a single replication group
    :param failed_over: update of a volume that has failed over
    :param failed_back: update of a volume that has failed back
    :param failover_error: update of a volume that could not fail over
    :param failback_error: update of a volume that could not fail back
    :param known_issues: behaviour that an operator has to know about
    :param protocols: possible values of ``storage_protocol`` in its
        capabilities, as :func:`plain_protocol` returns them
    :param proven: where a recovery after its failover was observed, '' for
        nowhere
    """

    name: str
    title: str
    module: str
    vendor: str
    active_active: bool | None
    modes: tuple[str, ...]
    changes: tuple[str, ...]
    old_side: OldSide = OldSide.NO
    groups: bool = False
    failed_over: Updates = FAILED_OVER
    failed_back: Updates = ENABLED
    failover_error: Updates = ERROR
    failback_error: Updates = ERROR
    known_issues: tuple[KnownIssue, ...] = ()
    protocols: frozenset[str] = BLOCK
    proven: str = ''


DRIVERS: tuple[Driver, ...] = (
    Driver(
        'rbd', 'Ceph RBD', 'rbd', 'Open Source', True, ('async',),
        ('hosts', 'ports', 'cluster_name', 'auth_username', 'secret_uuid'),
        failover_error=BOTH_ERRORS,
        failback_error=BOTH_ERRORS,
        known_issues=(KnownIssue.CLUSTERED_FAILBACK_REFUSED,),
        protocols=frozenset(('ceph',))),
    Driver(
        'pure', 'Pure FlashArray', 'pure', 'Pure Storage', True,
        ('async', 'sync', 'trisync'),
        ('target_portals', 'target_iqns', 'target_wwns', 'target_nqn'),
        groups=True, failed_back=ERROR,
        known_issues=(KnownIssue.FAILBACK_SETS_ERROR,
                      KnownIssue.GROUP_IN_DRIVER_DATA),
        protocols=BLOCK_AND_NVME),
    Driver(
        'pure-sync', 'Pure FlashArray with ActiveCluster', 'pure',
        'Pure Storage', True, ('sync',), (), groups=True,
        failed_back=NOTHING,
        protocols=BLOCK_AND_NVME),
    Driver(
        'netapp-san', 'NetApp ONTAP iSCSI, FC and NVMe',
        'netapp.dataontap.block_cmode', 'NetApp', True, ('async', 'sync'),
        ('target_portals', 'target_iqns', 'target_wwn'), OldSide.BEST_EFFORT,
        failover_error=REPLICATION_ERROR,
        known_issues=(KnownIssue.ERROR_LEAVES_STATUS,),
        protocols=BLOCK_AND_NVME),
    Driver(
        'netapp-nfs', 'NetApp ONTAP NFS', 'netapp.dataontap.nfs_cmode',
        'NetApp', True, ('async', 'sync'), (), OldSide.BEST_EFFORT,
        failover_error=REPLICATION_ERROR,
        known_issues=(KnownIssue.CONNECTION_UNCHANGED,
                      KnownIssue.ERROR_LEAVES_STATUS),
        protocols=frozenset(('nfs',))),
    Driver(
        'powermax', 'Dell PowerMax', 'dell_emc.powermax.common', 'Dell EMC',
        True, ('sync', 'async', 'metro'), ('array', 'device_id'), groups=True,
        failover_error=REPLICATION_ERROR, failback_error=REPLICATION_ERROR,
        known_issues=(KnownIssue.MEMBERS_IGNORE_TARGET,),
        protocols=BLOCK_AND_NVME),
    Driver(
        'powerstore', 'Dell PowerStore', 'dell_emc.powerstore.driver',
        'Dell EMC', True, ('async', 'sync', 'metro'),
        ('target_portals', 'target_iqns', 'target_wwn'),
        failed_over=NOTHING, failed_back=NOTHING,
        failover_error=FAILOVER_ERROR, failback_error=REPLICATION_ERROR,
        protocols=BLOCK_AND_NVME),
    Driver(
        'powerflex', 'Dell PowerFlex', 'dell_emc.powerflex.driver',
        'Dell EMC', True, ('async',), ('scaleIO_volume_id',),
        failed_over=NOTHING, failed_back=NOTHING,
        failover_error=FAILOVER_ERROR, failback_error=REPLICATION_ERROR,
        known_issues=(KnownIssue.UPDATE_WITHOUT_ID,),
        protocols=frozenset(('scaleio', 'nvme'))),
    Driver(
        'unity', 'Dell Unity', 'dell_emc.unity.driver', 'Dell EMC', False,
        ('async', 'sync'), ('target_portals', 'target_iqns', 'target_wwn'),
        groups=True, failover_error=FAILOVER_ERROR,
        failback_error=FAILOVER_ERROR),
    Driver(
        'dell-sc', 'Dell SC', 'dell_emc.sc.storagecenter_common', 'Dell EMC',
        False, ('async', 'live volume'),
        ('target_portals', 'target_iqns', 'target_wwn'), OldSide.FAILBACK,
        failed_back=AVAILABLE_AND_ENABLED,
        known_issues=(KnownIssue.WRITES_STATUS, KnownIssue.TERMINATE_RAISES)),
    Driver(
        'vnx', 'Dell VNX', 'dell_emc.vnx.driver', 'Dell EMC', False,
        ('async', 'sync'), ('target_portals', 'target_iqns', 'target_wwn'),
        groups=True, failover_error=FAILOVER_ERROR,
        failback_error=FAILOVER_ERROR),
    Driver(
        '3par', 'HPE 3PAR and Primera', 'hpe.hpe_3par_base',
        'Hewlett Packard Enterprise', False, ('async', 'sync'),
        ('target_portals', 'target_iqns', 'target_wwn'), groups=True,
        failed_back=AVAILABLE, failover_error=REPLICATION_ERROR,
        failback_error=REPLICATION_ERROR,
        known_issues=(KnownIssue.WRITES_AVAILABLE,)),
    Driver(
        'alletra', 'HPE Alletra MP', 'hpe.alletramp_driver',
        'Hewlett Packard Enterprise', False, ('async', 'sync'),
        ('target_portals', 'target_iqns', 'target_wwn'), groups=True,
        failed_over=NOTHING, failed_back=AVAILABLE, failover_error=NOTHING,
        failback_error=REPLICATION_ERROR,
        known_issues=(KnownIssue.RESULT_DISCARDED,
                      KnownIssue.WRITES_AVAILABLE),
        protocols=BLOCK_AND_NVME),
    Driver(
        'svf', 'IBM Spectrum Virtualize',
        'ibm.storwize_svc.storwize_svc_common', 'IBM', False,
        ('sync', 'async', 'hyperswap'),
        ('target_portals', 'target_iqns', 'target_wwn'), OldSide.FAILBACK,
        groups=True,
        failover_error=BOTH_ERRORS,
        failback_error=Updates(statuses.VOLUME_ERROR, statuses.ERROR)),
    Driver(
        'ds8k', 'IBM DS8000', 'ibm.ibm_storage.ds8k_proxy', 'IBM', False,
        ('sync',), ('target_wwn',), groups=True,
        known_issues=(KnownIssue.SECOND_FAILOVER_IGNORED,),
        protocols=frozenset(('fc',))),
    Driver(
        'xiv', 'IBM XIV and FlashSystem A9000',
        'ibm.ibm_storage.xiv_proxy', 'IBM', False, ('sync', 'async'),
        ('target_portals', 'target_iqns', 'target_wwn'), OldSide.YES,
        groups=True,
        failed_over=Updates(statuses.FAILED_OVER),
        failed_back=Updates(statuses.VOLUME_AVAILABLE),
        known_issues=(KnownIssue.WRITES_STATUS,
                      KnownIssue.SECOND_FAILOVER_IGNORED)),
    Driver(
        'huawei', 'Huawei OceanStor', 'huawei.common', 'Huawei', False,
        ('sync', 'async'), ('target_portals', 'target_iqns', 'target_wwn'),
        OldSide.FAILBACK, failed_back=AVAILABLE,
        failover_error=REPLICATION_ERROR, failback_error=REPLICATION_ERROR,
        known_issues=(KnownIssue.WRITES_AVAILABLE,)),
    Driver(
        'hitachi', 'Hitachi VSP', 'hitachi.hbsd_replication', 'Hitachi', None,
        ('async', 'gad'), ('target_portals', 'target_iqns', 'target_wwn'),
        OldSide.FAILBACK,
        failover_error=BOTH_ERRORS),
    Driver(
        'solidfire', 'NetApp SolidFire', 'solidfire', 'SolidFire Inc', True,
        ('sync', 'async'),
        ('target_portal', 'target_iqn', 'auth_username', 'auth_password'),
        OldSide.YES, known_issues=(KnownIssue.FAILS_WITHOUT_PRIMARY,),
        protocols=frozenset(('iscsi',))),
    Driver(
        'inspur', 'Inspur InStorage', 'inspur.instorage.instorage_common',
        'Inspur', False, ('sync', 'async'),
        ('target_portals', 'target_iqns', 'target_wwn'), OldSide.FAILBACK,
        known_issues=(KnownIssue.TAKES_NO_GROUPS,)),
)

#: The test driver. It can imitate any of the others.
TESTING = Driver(
    'testing', 'The test driver', 'cinder_failover_hooks.testing',
    'Open Source', True, ('async', 'sync'), ('device_path',),
    protocols=frozenset(('file',)), proven='the little cloud')

#: Every driver that the engine recognises.
KNOWN: tuple[Driver, ...] = (*DRIVERS, TESTING)

#: The drivers of Cinder by their short names.
BY_NAME: Mapping[str, Driver] = types.MappingProxyType(
    {driver.name: driver for driver in DRIVERS})
