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


"""What Cinder's drivers do when they fail over, as data.

Read in the drivers of Cinder 29 (``cinder/volume/drivers``); none of it was
tried on an array. It imports neither Cinder nor Nova: the driver to test with
(``testing``) behaves as told here, and whoever recovers volumes can say what
to expect of a backend.
"""

from collections.abc import Mapping
import dataclasses
import enum
import types

@dataclasses.dataclass(frozen=True)
class Updates:
    """What a driver writes into the record of a volume, None for nothing.

    Where it does not write the replication status, Cinder writes that of the
    service.
    """

    status: str | None = None
    replication_status: str | None = None

    def as_dict(self) -> dict[str, str]:
        """Return the model updates."""
        return {name: value for name, value in vars(self).items() if value}


NOTHING = Updates()
ENABLED = Updates(replication_status='enabled')
FAILED_OVER = Updates(replication_status='failed-over')
ERROR = Updates(status='error')
REPLICATION_ERROR = Updates(replication_status='error')
FAILOVER_ERROR = Updates(replication_status='failover-error')
BOTH_ERRORS = Updates(status='error', replication_status='failover-error')
#: Cinder has no such replication status.
AVAILABLE = Updates(replication_status='available')


class OldSide(enum.Enum):
    """Whether the driver asks the site that it leaves."""

    #: it works with that site dead
    NO = 'no'
    #: it tries, and goes on without an answer
    BEST_EFFORT = 'best effort'
    #: a failback is refused while the primary does not answer
    FAILBACK = 'for failback'
    #: every failover fails without an answer
    YES = 'yes'


class Landmine(enum.Enum):
    """What may surprise whoever relies on the records after a failover."""

    #: members of a cluster that fail back are told '' and refuse it
    CLUSTERED_FAILBACK_REFUSED = (
        'failover_completed of a clustered failback raises '
        'InvalidReplicationTarget: the members stay where they are, in error')
    #: members of a cluster switch only if no target was named
    MEMBERS_IGNORE_TARGET = (
        'failover_completed switches only for the target "failed over", which '
        'is what the driver calls a failover without a target')
    #: connection_info stays, and the record of the volume as well
    CONNECTION_UNCHANGED = (
        'connection_info is built of the provider_location, which is not '
        'rewritten: a fresh one still leads to the old site')
    #: a status that says in-use is not enough to know a volume in use
    WRITES_STATUS = (
        'the status of volumes is written, also of attached ones')
    #: not one of Cinder's
    WRITES_AVAILABLE = (
        'the replication status after a failback is "available", a value that '
        'Cinder does not have')
    #: one volume that fails makes the whole failover fail
    UPDATE_WITHOUT_ID = (
        'the update of a volume whose replication group is not known has no '
        'volume_id: Cinder takes the whole failover for failed, after the '
        'array has moved')
    #: Cinder always passes them
    TAKES_NO_GROUPS = (
        'failover_host takes no groups and returns two values where Cinder '
        'wants three: every failover fails, before anything has moved')
    #: failed volumes look as if they had come through
    RESULT_DISCARDED = (
        'how single volumes came through is thrown away: failed ones look '
        'failed over')
    #: the way back is not replicated
    FAILBACK_SETS_ERROR = (
        'volumes with asynchronous replication are set to error by a '
        'failback: an administrator has to bring them back')
    #: the error while the primary is dead is one of Python
    FAILS_WITHOUT_PRIMARY = (
        'a debug message reads the attributes of a volume of the primary, '
        'which is None if that does not answer')
    #: the attachment cannot be deleted
    TERMINATE_RAISES = (
        'terminate_connection raises if it cannot unmap')
    #: nothing but the replication status tells
    ERROR_LEAVES_STATUS = (
        'where replication cannot be broken, the volume is still in-use, only '
        'its replication status is error')
    #: the answer to a second failover
    SECOND_FAILOVER_IGNORED = (
        'a failover of what has failed over, and a failback of what has not, '
        'do nothing and report success')
    #: the group has its own location
    GROUP_IN_DRIVER_DATA = (
        'where a failed-over group is, is kept in replication_driver_data of '
        'its volumes; the backend stays')


#: How most arrays are reached.
BLOCK = frozenset(('iscsi', 'fc'))
BLOCK_AND_NVME = BLOCK | {'nvme'}


def plain_protocol(name: str) -> str:
    """Return one name for the variants of a storage protocol.

    :param name: ``storage_protocol`` in capabilities
    """
    plain = name.strip().lower()
    if plain.startswith('nvme'):
        return 'nvme'
    return 'fc' if plain == 'fibre_channel' else plain


@dataclasses.dataclass(frozen=True)
class Driver:
    """What one driver does.

    :param name: short, for instance ``rbd``
    :param title: as people call it
    :param module: below ``cinder.volume.drivers``
    :param vendor: ``vendor_name`` in its capabilities
    :param active_active: whether it may be clustered, None if it does not say
    :param modes: kinds of replication
    :param changes: what differs in a fresh connection_info after a failover;
        nothing if it is empty
    :param old_side: whether the site that is left has to answer
    :param groups: whether it can fail over a replication group alone
    :param failed_over: what it writes for a volume that has failed over
    :param failed_back: the same for a failback
    :param failover_error: what it writes for a volume that has not
    :param failback_error: the same for a failback
    :param landmines: what else to know
    :param protocols: what ``storage_protocol`` in its capabilities may be,
        as :func:`plain_protocol` has it
    :param proven: where a recovery after its failover was seen, '' for
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
    landmines: tuple[Landmine, ...] = ()
    protocols: frozenset[str] = BLOCK
    proven: str = ''


DRIVERS: tuple[Driver, ...] = (
    Driver(
        'rbd', 'Ceph RBD', 'rbd', 'Open Source', True, ('async',),
        ('hosts', 'ports', 'cluster_name', 'auth_username', 'secret_uuid'),
        failover_error=BOTH_ERRORS,
        failback_error=BOTH_ERRORS,
        landmines=(Landmine.CLUSTERED_FAILBACK_REFUSED,),
        protocols=frozenset(('ceph',))),
    Driver(
        'pure', 'Pure FlashArray', 'pure', 'Pure Storage', True,
        ('async', 'sync', 'trisync'),
        ('target_portals', 'target_iqns', 'target_wwns', 'target_nqn'),
        groups=True, failed_back=ERROR,
        landmines=(Landmine.FAILBACK_SETS_ERROR,
                   Landmine.GROUP_IN_DRIVER_DATA),
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
        landmines=(Landmine.ERROR_LEAVES_STATUS,),
        protocols=BLOCK_AND_NVME),
    Driver(
        'netapp-nfs', 'NetApp ONTAP NFS', 'netapp.dataontap.nfs_cmode',
        'NetApp', True, ('async', 'sync'), (), OldSide.BEST_EFFORT,
        failover_error=REPLICATION_ERROR,
        landmines=(Landmine.CONNECTION_UNCHANGED,
                   Landmine.ERROR_LEAVES_STATUS),
        protocols=frozenset(('nfs',))),
    Driver(
        'powermax', 'Dell PowerMax', 'dell_emc.powermax.common', 'Dell EMC',
        True, ('sync', 'async', 'metro'), ('array', 'device_id'), groups=True,
        failover_error=REPLICATION_ERROR, failback_error=REPLICATION_ERROR,
        landmines=(Landmine.MEMBERS_IGNORE_TARGET,),
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
        landmines=(Landmine.UPDATE_WITHOUT_ID,),
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
        failed_back=Updates('available', 'enabled'),
        landmines=(Landmine.WRITES_STATUS, Landmine.TERMINATE_RAISES)),
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
        landmines=(Landmine.WRITES_AVAILABLE,)),
    Driver(
        'alletra', 'HPE Alletra MP', 'hpe.alletramp_driver',
        'Hewlett Packard Enterprise', False, ('async', 'sync'),
        ('target_portals', 'target_iqns', 'target_wwn'), groups=True,
        failed_over=NOTHING, failed_back=AVAILABLE, failover_error=NOTHING,
        failback_error=REPLICATION_ERROR,
        landmines=(Landmine.RESULT_DISCARDED, Landmine.WRITES_AVAILABLE),
        protocols=BLOCK_AND_NVME),
    Driver(
        'svf', 'IBM Spectrum Virtualize',
        'ibm.storwize_svc.storwize_svc_common', 'IBM', False,
        ('sync', 'async', 'hyperswap'),
        ('target_portals', 'target_iqns', 'target_wwn'), OldSide.FAILBACK,
        groups=True,
        failover_error=BOTH_ERRORS,
        failback_error=Updates('error', 'error')),
    Driver(
        'ds8k', 'IBM DS8000', 'ibm.ibm_storage.ds8k_proxy', 'IBM', False,
        ('sync',), ('target_wwn',), groups=True,
        landmines=(Landmine.SECOND_FAILOVER_IGNORED,),
        protocols=frozenset(('fc',))),
    Driver(
        'xiv', 'IBM XIV and FlashSystem A9000',
        'ibm.ibm_storage.xiv_proxy', 'IBM', False, ('sync', 'async'),
        ('target_portals', 'target_iqns', 'target_wwn'), OldSide.YES,
        groups=True,
        failed_over=Updates('failed-over'),
        failed_back=Updates('available'),
        landmines=(Landmine.WRITES_STATUS,
                   Landmine.SECOND_FAILOVER_IGNORED)),
    Driver(
        'huawei', 'Huawei OceanStor', 'huawei.common', 'Huawei', False,
        ('sync', 'async'), ('target_portals', 'target_iqns', 'target_wwn'),
        OldSide.FAILBACK, failed_back=AVAILABLE,
        failover_error=REPLICATION_ERROR, failback_error=REPLICATION_ERROR,
        landmines=(Landmine.WRITES_AVAILABLE,)),
    Driver(
        'hitachi', 'Hitachi VSP', 'hitachi.hbsd_replication', 'Hitachi', None,
        ('async', 'gad'), ('target_portals', 'target_iqns', 'target_wwn'),
        OldSide.FAILBACK,
        failover_error=BOTH_ERRORS),
    Driver(
        'solidfire', 'NetApp SolidFire', 'solidfire', 'SolidFire Inc', True,
        ('sync', 'async'),
        ('target_portal', 'target_iqn', 'auth_username', 'auth_password'),
        OldSide.YES, landmines=(Landmine.FAILS_WITHOUT_PRIMARY,),
        protocols=frozenset(('iscsi',))),
    Driver(
        'inspur', 'Inspur InStorage', 'inspur.instorage.instorage_common',
        'Inspur', False, ('sync', 'async'),
        ('target_portals', 'target_iqns', 'target_wwn'), OldSide.FAILBACK,
        landmines=(Landmine.TAKES_NO_GROUPS,)),
)

#: What is used to prove recovery: it behaves like any of the others.
TESTING = Driver(
    'testing', 'The driver to test with', 'cinder_failover_hooks.testing',
    'Open Source', True, ('async', 'sync'), ('device_path',),
    protocols=frozenset(('file',)), proven='the little cloud')

#: Every driver that can be recognised.
KNOWN: tuple[Driver, ...] = (*DRIVERS, TESTING)

#: The same by name, but for the one to test with.
BY_NAME: Mapping[str, Driver] = types.MappingProxyType(
    {driver.name: driver for driver in DRIVERS})
