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

"""The options of the test driver, in the section of the backend."""

from oslo_config import cfg

OPTS: list[cfg.Opt] = [
    cfg.StrOpt(
        'file_pool_path',
        help='Folder of the volumes at the primary site.'),
    cfg.StrOpt(
        'file_site_name',
        default='primary',
        help='Name of the primary site in the mark at the end of each volume '
             'and in file_replication_path.'),
    cfg.StrOpt(
        'file_replication_path',
        help='Folder with one file per replicated volume. The driver writes '
             'the name of the active site into the file, for the program '
             'that replicates the writes. Unset: the driver writes no file.'),
    cfg.StrOpt(
        'file_missed_path',
        help='Folder in which whoever replicates the writes notes what a '
             'site has missed, a file per volume with ranges; only that is '
             'copied when it returns. Unset: the whole volume is.'),
    cfg.StrOpt(
        'file_replication_mode',
        default='async',
        choices=[('sync', 'a write completes when every site has it'),
                 ('async', 'the other sites receive writes later')],
        help='Replication mode in the capabilities of the backend. The '
             'program that replicates the writes has to implement it.'),
    cfg.StrOpt(
        'file_control_path',
        help='Folder with the instructions of a test, see '
             'cinder_failover_hooks.testing.script. If it has a file '
             'failover-delay, a failover takes the number of seconds in that '
             'file. During this time a file failing-over exists. Unset: the '
             'driver has no instructions.'),
    cfg.StrOpt(
        'file_connection_type',
        default='gpfs',
        choices=[('gpfs', 'a plain file'), ('local', 'a loop device')],
        help='The driver_volume_type of each connection_info.'),
    cfg.StrOpt(
        'file_management',
        help='Unix socket of the management interface of the site that is '
             'primary, for the driver with iSCSI targets. A replication '
             'device has its own, as management.'),
    cfg.StrOpt(
        'file_export',
        help='NFS export of the site that is primary, as HOST:PATH, for the '
             'driver of NFS. A replication device has its own, as export.'),
    cfg.StrOpt(
        'file_auth_password',
        secret=True,
        help='A secret in each connection_info, for tests that search for '
             'leaked secrets.'),
]


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """Return the options for the configuration generator.

    :returns: pairs of a group and its options
    """
    return [('backend_defaults', OPTS)]
