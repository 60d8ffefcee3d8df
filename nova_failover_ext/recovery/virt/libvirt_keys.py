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


"""Keys and libvirt secrets without which a guest does not start.

Nova fetches the key of an encrypted volume, or of a vTPM, with the token of
whoever starts the server. A recovery has none of its owner. Whether the key
manager answers it nonetheless is found out by asking: Vault and a fixed key
do, Barbican only by its policy.

Read in Nova 31.0.0 to 34.0.0: ``LibvirtDriver._attach_encryptor``,
``_create_guest`` and ``_create_guest_with_network``, which deletes the
secrets of a guest that does not start.
"""

from collections.abc import Callable, Iterable, Iterator
import contextlib
from typing import Any

from castellan import key_manager
from cinderclient import exceptions as client_exceptions
from keystoneauth1 import exceptions as keystone_exceptions
import nova.conf
from nova import context as nova_context
from nova import exception as nova_exception
from nova.virt import hardware
from nova.virt.libvirt import guest as libvirt_guest
from os_brick import encryptors
from oslo_log import log as logging
import requests

from nova_failover_ext import exception
from nova_failover_ext.recovery import mapping
from nova_failover_ext.recovery import masking

LOG = logging.getLogger(__name__)

_CINDER_ERRORS = (client_exceptions.ClientException,
                  keystone_exceptions.ClientException,
                  nova_exception.NovaException)
#: A key manager that is down, or cannot be reached.
_UNANSWERED = (keystone_exceptions.ConnectFailure,
               keystone_exceptions.DiscoveryFailure,
               keystone_exceptions.EndpointNotFound,
               requests.exceptions.ConnectionError,
               requests.exceptions.Timeout, ConnectionError, TimeoutError)
_SERVER_ERROR = 500
#: What heals a server whose key only its owner gets.
_OWNER = ('have its owner stop the server, wait until it is recovered, and '
          'start it again')


class Keys:
    """The keys of one host's guests."""

    def __init__(self, driver: Any, volume_api: Any) -> None:
        """Remember whom to ask.

        :param driver: the nova.virt.libvirt.driver.LibvirtDriver
        :param volume_api: the nova.volume.cinder.API
        """
        self._driver = driver
        self._volume_api = volume_api

    def of_volume(self, context: Any, volume: mapping.Mapping) -> str:
        """Say why an encrypted volume could not be opened.

        A LUKS volume that QEMU itself decrypts is opened by libvirt's
        secret, which stays on the host. dm-crypt, which os-brick lays over
        the device, needs the key each time.

        :param context: an admin's
        :returns: a reason with what heals it, or an empty string
        :raises RecoveryDeferred: if Cinder or the key manager does not answer
        """
        data = volume.connection_info.get('data') or {}
        if not data.get('encrypted') or self._driver._host.find_secret(
                'volume', volume.volume_id):
            return ''
        try:
            encryption = encryptors.get_encryption_metadata(
                context, self._volume_api, volume.volume_id,
                volume.connection_info)
        except _CINDER_ERRORS as error:
            raise exception.RecoveryDeferred(
                reason='Cinder failed to answer show encryption metadata: '
                f'{error}') from error
        need = self._need(encryption)
        return need and _refusal(
            lambda: context, encryption['encryption_key_id'],
            f'it is encrypted and {need}')

    def _need(self, encryption: dict[str, Any]) -> str:
        if self._driver._allow_native_luksv1(encryption):
            return 'libvirt has no secret for it on this host'
        if _is_dm_crypt(encryption):
            return 'dm-crypt needs its key again for a new device'
        return ''

    def of_vtpm(self, context: Any, instance: Any) -> str:
        """Say why a server's vTPM could not be opened.

        :param context: an admin's
        :param instance: the nova.objects.Instance
        :returns: a reason with what heals it, or an empty string
        :raises RecoveryDeferred: if the key manager does not answer
        """
        key_id = instance.system_metadata.get('vtpm_secret_uuid')
        if not nova.conf.CONF.libvirt.swtpm_enabled or not key_id or (
                not hardware.get_vtpm_constraint(
                    instance.flavor, instance.image_meta)):
            return ''
        security = instance.flavor.extra_specs.get('hw:tpm_secret_security')
        if security == 'host' and self._driver._host.find_secret(
                'vtpm', instance.uuid):
            return ''
        make_context = (nova_context.get_nova_service_user_context
                        if security == 'deployment' else lambda: context)
        return _refusal(make_context, key_id,
                        'its vTPM needs its secret at each start')

    @contextlib.contextmanager
    def kept(self, instance: Any,
             volume_ids: Iterable[str]) -> Iterator[None]:
        """Define libvirt's secrets again if a start fails.

        Without its owner's token, the next try could not make them.

        :param instance: the server
        :param volume_ids: of all its volumes
        """
        before = list(self._readable([
            ('vtpm', instance.uuid),
            *(('volume', volume_id) for volume_id in volume_ids)]))
        try:
            yield
        except BaseException:
            for secret in before:
                self._define(instance, *secret)
            raise

    def _readable(self, usages: Iterable[tuple[str, str]]
                  ) -> Iterator[tuple[str, str, str, Any]]:
        for kind, usage_id in usages:
            secret = self._driver._host.find_secret(kind, usage_id)
            try:
                if secret:
                    yield kind, usage_id, secret.UUIDString(), secret.value()
            except libvirt_guest.libvirt.libvirtError as error:
                # One that is private is made anew at each start.
                LOG.debug('The libvirt secret of %(kind)s %(id)s cannot be '
                          'read: %(code)s',
                          {'kind': kind, 'id': usage_id,
                           'code': error.get_error_code()})

    def _define(self, instance: Any, kind: str, usage_id: str,
                secret_uuid: str, value: Any) -> None:
        host = self._driver._host
        # Nova 31 and 32 do not know these, and their vTPM secrets are private.
        readable = ({'ephemeral': False, 'private': False}
                    if kind == 'vtpm' else {})
        try:
            if host.find_secret(kind, usage_id) is None:
                host.create_secret(kind, usage_id, password=value,
                                   uuid=secret_uuid, **readable)
        except libvirt_guest.libvirt.libvirtError as error:
            LOG.error('The libvirt secret of %(kind)s %(id)s is lost: '
                      '%(code)s', {'kind': kind, 'id': usage_id,
                                   'code': error.get_error_code()},
                      instance=instance)


def _refusal(make_context: Callable[[], Any], key_id: str, need: str) -> str:
    try:
        key_manager.API(nova.conf.CONF).get(make_context(), key_id)
    # Each key manager raises what its own client does.
    except Exception as error:  # noqa: BLE001
        if _is_unanswered(error):
            raise exception.RecoveryDeferred(
                reason=f'{need}, and the key manager cannot be asked '
                f'({type(error).__name__}); it is tried again') from error
        return (f'{need}, which the key manager does not give to Nova '
                f'({type(error).__name__}: {masking.first_line(error)}): '
                f'{_OWNER}')
    return ''


def _is_unanswered(error: BaseException | None) -> bool:
    # castellan's own errors hide what the client of the key manager raised.
    while error is not None:
        status = getattr(error, 'status_code', None) or getattr(
            error, 'http_status', None)
        if isinstance(error, _UNANSWERED) or (
                isinstance(status, int) and status >= _SERVER_ERROR):
            return True
        error = error.__cause__ or error.__context__
    return False


def _is_dm_crypt(encryption: dict[str, Any]) -> bool:
    # As os_brick.encryptors.get_volume_encryptor decides.
    provider = encryption.get('provider')
    provider = encryptors.LEGACY_PROVIDER_CLASS_TO_FORMAT_MAP.get(
        provider, provider)
    where = str(encryption.get('control_location')).lower()
    return bool(provider) and where == 'front-end'
