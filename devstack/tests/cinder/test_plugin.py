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

"""What the plugin does to Cinder, by the options of Cinder."""

from cinder.common import config
from cinder import objects
from oslo_config import cfg
import oslo_messaging
from oslo_utils import importutils

from devstack.tests import base

CONF = config.CONF


class TestCinder(base.PluginTestCase):
    """The options of cinder-volume."""

    def test_volume(self):
        """The manager is loaded, and told the bus; all else stays."""
        self.phase('stack', 'post-config')
        self.assertEqual(
            {'DEFAULT': {'my_ip': '192.0.2.1',
                         'volume_manager': base.MANAGER},
             'lvmdriver-1': {'volume_group': 'stack-volumes'},
             'oslo_messaging_notifications': {'transport_url': base.URL}},
            self.ini('cinder.conf'))

    def test_no_volume(self):
        """Where no cinder-volume runs, its file is left alone."""
        before = self.ini('cinder.conf')
        self.services = 'n-cpu'
        self.phase('stack', 'post-config')
        self.assertEqual(before, self.ini('cinder.conf'))

    def configure(self):
        """Let Cinder and oslo.messaging read the file."""
        CONF(['--config-file', str(self.stand / 'cinder.conf')],
             project='cinder', default_config_dirs=[])
        self.addCleanup(CONF.reset)
        transport = oslo_messaging.get_notification_transport(CONF)
        self.addCleanup(transport.cleanup)

    def test_options(self):
        """Cinder and oslo.messaging know every option."""
        self.phase('stack', 'post-config')
        self.configure()
        written = self.ini('cinder.conf')
        del written['lvmdriver-1']
        for section, options in written.items():
            group = CONF if section == 'DEFAULT' else CONF[section]
            self.assertEqual(options, {name: group[name] for name in options})

    def test_unknown_option_is_found(self):
        """The check of options can fail."""
        self.configure()
        self.assertRaises(cfg.NoSuchOptError,
                          lambda: CONF.oslo_messaging_notifications['url'])

    def test_manager(self):
        """Cinder finds the manager by the option."""
        objects.register_all()
        from cinder.volume import manager
        self.phase('stack', 'post-config')
        self.configure()
        loaded = importutils.import_class(CONF.volume_manager)
        self.assertTrue(issubclass(loaded, manager.VolumeManager), loaded)
