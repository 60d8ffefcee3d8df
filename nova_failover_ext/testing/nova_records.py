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

"""What Cinder asks Nova before it lets go of an attachment.

Cinder asks Nova's API for the server's volume (``cinder.compute.nova``); on
Nova's harness its database is nearer.
"""

from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects


def attachment_id(instance_uuid: str, volume_id: str) -> str | None:
    """Return the attachment that Nova has for a server and a volume.

    :param instance_uuid: the server
    :param volume_id: the volume
    :returns: its id, None if Nova has none or knows no such server
    """
    context = nova_context.get_admin_context()
    try:
        cell = objects.InstanceMapping.get_by_instance_uuid(
            context, instance_uuid).cell_mapping
        with nova_context.target_cell(context, cell) as targeted:
            mapping = (objects.BlockDeviceMapping.
                       get_by_volume_and_instance(
                           targeted, volume_id, instance_uuid))
    except nova_exception.NotFound:
        return None
    found: str | None = mapping.attachment_id
    return found
