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
"""Options of the replicated test backend, all per backend section."""

from oslo_config import cfg

OPTS: list[cfg.Opt] = [
    cfg.StrOpt(
        'file_pool_path',
        help='Folder of the volumes of the site that is primary.'),
    cfg.StrOpt(
        'file_site_name',
        default='primary',
        help='What the site of file_pool_path is called in the mark at the '
             'end of each volume, and in file_replication_path.'),
    cfg.StrOpt(
        'file_replication_path',
        help='Folder in which the driver keeps one file per replicated '
             'volume; its content is the site that is active. Whoever '
             'replicates the writes reads it. Unset: nobody replicates.'),
    cfg.StrOpt(
        'file_replication_mode',
        default='async',
        choices=[('sync', 'a write is done when it is done at each site'),
                 ('async', 'the other sites lag behind')],
        help='What the backend says of its replication. Whoever copies the '
             'writes has to keep to it.'),
    cfg.StrOpt(
        'file_control_path',
        help='Folder for tests to reach into the driver, see '
             'cinder_failover_hooks.testing.script. Besides, a failover takes '
             'as many seconds as the file failover-delay in it says, and '
             'makes a file failing-over for as long. Unset: no such thing.'),
    cfg.StrOpt(
        'file_connection_type',
        default='gpfs',
        choices=[('gpfs', 'a plain file'), ('local', 'a loop device')],
        help='The volume type that Nova is given.'),
    cfg.StrOpt(
        'file_auth_password',
        secret=True,
        help='A secret to put into each connection_info, for tests that '
             'look for leaks.'),
]


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """The options, for the generator of configuration references.

    :returns: pairs of group and options
    """
    return [('backend_defaults', OPTS)]
