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

"""The versioned objects of failover notifications.

Within a major version no field is removed, renamed or given another meaning.
Importing this package imports neither Cinder nor Nova.
"""

from cinder_failover_hooks.objects.base import FailoverObject
from cinder_failover_hooks.objects.failover import BackendFailoverPayload
from cinder_failover_hooks.objects.fields import Cause
from cinder_failover_hooks.objects.volume import AttachmentPayload
from cinder_failover_hooks.objects.volume import VolumePayload

__all__ = [
    'AttachmentPayload',
    'BackendFailoverPayload',
    'Cause',
    'FailoverObject',
    'VolumePayload',
]
