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
"""The libvirt secrets with the keys of both clusters."""

from cloud import hypervisor
from cloud import processes
from cloud.storage.ceph import site as sites

_XML = """\
<secret ephemeral='no' private='no'>
  <uuid>{site.secret}</uuid>
  <usage type='ceph'><name>client.{user} {site.name}</name></usage>
</secret>
"""


class SecretError(Exception):
    """libvirt did not take a secret."""


def define(machine: hypervisor.Hypervisor, site: sites.Site) -> None:
    """Give libvirt the key of Cinder's user at a site.

    :param machine: the libvirtd
    :param site: the site
    :raises SecretError: if it is not taken
    """
    file = site.folder / 'secret.xml'
    file.write_text(_XML.format(site=site, user=sites.USER))
    value = site.folder / 'secret.value'
    value.touch(mode=0o600)
    value.write_text(site.key(f'client.{sites.USER}'))
    try:
        for words in (['secret-define', file],
                      # Not with --plain: QEMU gets it in base64 once more.
                      ['secret-set-value', site.secret, '--file', value]):
            if machine.virsh(*words) is None:
                raise SecretError(f'virsh {words[0]} for {site.name}')
    finally:
        value.unlink()


def known(machine: hypervisor.Hypervisor) -> set[str]:
    """The secrets that libvirt has.

    :param machine: the libvirtd
    :returns: their UUIDs
    :raises processes.CommandError: if libvirtd does not answer
    """
    text = machine.virsh('secret-list')
    if text is None:
        raise processes.CommandError('virsh secret-list failed')
    return {line.split()[0] for line in text.splitlines() if line.strip()}
