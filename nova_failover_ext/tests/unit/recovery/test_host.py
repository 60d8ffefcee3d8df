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

"""What a recovery asks of Nova's compute manager."""

from unittest import mock

from nova.compute import manager
from nova import context as nova_context
from nova.objects import instance as instance_object
from oslotest import base

from nova_failover_ext.recovery import upstream


class Host(base.BaseTestCase):

    def test_guest_is_not_asked_to_shut_down(self):
        nova = mock.create_autospec(manager.ComputeManager, instance=True)
        instance = mock.create_autospec(instance_object.Instance,
                                        instance=True)
        context = nova_context.get_admin_context()
        upstream.Host(nova).power_off(context, instance)
        nova._power_off_instance.assert_called_once_with(
            context, instance, clean_shutdown=False)
