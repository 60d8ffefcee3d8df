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

"""What answers look like."""

from typing import Any
import uuid

from nova_failover_ext.testing.contract import talk as talk_module

Talk = talk_module.Talk
expect = talk_module.expect

_ATTACHMENT = {'id', 'status', 'instance', 'volume_id'}
_SERVICE = {'binary', 'host', 'zone', 'status', 'state', 'disabled_reason',
            'replication_status', 'active_backend_id', 'frozen'}
# What Nova, or a recovery, reads of a volume.
_VOLUME = {'id', 'name', 'description', 'size', 'status', 'bootable',
           'availability_zone', 'created_at', 'updated_at', 'metadata',
           'multiattach', 'encrypted', 'replication_status', 'volume_type',
           'snapshot_id', 'migration_status', 'attachments',
           'os-vol-host-attr:host'}
# What Cinder adds to a driver's connection_info.
_COMMON = {'qos_specs': None, 'access_mode': 'rw', 'encrypted': False,
           'cacheable': False, 'enforce_multipath': False}


def what_is_shown(talk: Talk) -> None:
    """The keys of attachments, services and volumes."""
    volume_id = talk.world.volume('replicated')
    made = talk.create(volume_id)
    detail = _ATTACHMENT | {'attached_at', 'detached_at', 'attach_mode',
                            'connection_info'}
    for shown in (made, talk.update(made['id']), talk.show(made['id'])):
        expect('attachment', detail, set(shown))
    row = talk.show_volume(volume_id)
    expect('volume', set(), _VOLUME - set(row))
    expect('types', (True, {}, False, False, 1), (
        row['bootable'] in ('true', 'false'), row['metadata'],
        row['multiattach'], row['encrypted'], row['size']))
    host = talk.host(volume_id)
    for microversion, more in (('3.0', set()), ('3.7', {'cluster'})):
        found = talk.services(microversion)[host]
        expect(f'service {microversion}', _SERVICE | more,
               set(found) - {'updated_at'})
    expect('service', ('cinder-volume', 'up', 'enabled', False), (
        found['binary'], found['state'], found['status'], found['frozen']))


def what_connection_info_has(talk: Talk) -> None:
    """Cinder adds to what the driver says; attachments keep it flat."""
    volume_id = talk.world.volume('replicated')
    asked = talk.ask(volume_id)
    expect('levels', {'driver_volume_type', 'data', 'enforce_multipath'},
           set(asked))
    expect('data', _COMMON, _common(asked['data']))
    made = talk.create(volume_id)
    kept = talk.update(made['id'], enforce_multipath=True)['connection_info']
    expect('kept', _COMMON | {'enforce_multipath': True}, _common(kept))
    expect('keys', {*asked['data'], 'driver_volume_type', 'attachment_id'},
           set(kept))


def what_a_read_only_volume_has(talk: Talk) -> None:
    """Its access mode, and the mode of its attachments, is ro."""
    volume_id = talk.world.volume('read-only')
    expect('asked', 'ro', talk.ask(volume_id)['data']['access_mode'])
    made = talk.create(volume_id)
    expect('POST', 'ro', made['attach_mode'])
    updated = talk.update(made['id'])
    expect('PUT', 'ro', updated['connection_info']['access_mode'])
    talk.complete(made['id'])
    shown = talk.show(made['id'])
    expect('attached', ('ro', 'ro'), (
        shown['attach_mode'], shown['connection_info']['access_mode']))


def _common(data: dict[str, Any]) -> dict[str, Any]:
    return {key: data.get(key, 'nothing') for key in _COMMON}


def how_errors_look(talk: Talk) -> None:
    """A name for each status, with its code and a message."""
    volume_id = talk.world.volume('replicated')
    server = str(uuid.uuid4())
    attachment_id = talk.attached(volume_id, server)
    talk.create(volume_id, server)
    update = {'attachment': {'connector': talk_module.CONNECTOR}}
    blocked = {'attachment': {'volume_uuid': volume_id, 'connector': None,
                              'instance_uuid': str(uuid.uuid4())}}
    for method, url, body, status, name in (
            ('PUT', f'/attachments/{attachment_id}', update, 409,
             'conflictingRequest'),
            ('PUT', f'/attachments/{uuid.uuid4()}', update, 404,
             'itemNotFound'),
            ('POST', '/attachments', blocked, 400, 'badRequest')):
        answer, found = talk.world.request(method, url, body, '3.44')
        expect(url, (status, [name]), (answer, list(found)))
        expect('code', status, found[name]['code'])
        expect('message', True, bool(found[name]['message']))


def what_lists_show(talk: Talk) -> None:
    """Attachments by volume and server; volumes by host, newest first."""
    volumes = [talk.world.volume('replicated') for _ in range(3)]
    server = str(uuid.uuid4())
    first, second = (talk.create(volume_id, server)['id']
                     for volume_id in volumes[:2])
    expect('of a volume', [first],
           talk.listed(f'/attachments?volume_id={volumes[0]}'))
    expect('of a server', {first, second}, set(
        talk.listed(f'/attachments?instance_id={server}')))
    query = f'/volumes/detail?all_tenants=1&host={talk.host(volumes[0])}'
    found = talk.listed(query)
    expect('of a host', set(), set(volumes) - set(found))
    born = {volume_id: talk.show_volume(volume_id)['created_at']
            for volume_id in volumes}
    mine = [each for each in found if each in volumes]
    expect('order', sorted(born.values(), reverse=True),
           [born[each] for each in mine])
    pages: list[str] = []
    while page := talk.listed(f'{query}&limit=2' + (
            f'&marker={pages[-1]}' if pages else '')):
        expect('page', True, len(page) <= 2)
        pages += page
    expect('pages', found, pages)
    expect('of no host', [], talk.listed(
        '/volumes/detail?all_tenants=1&host=nowhere@nothing'))


def what_a_call_leaves_behind(talk: Talk) -> None:
    """PUT and os-complete write the volume's row, a question does not."""
    volume_id = talk.world.volume('replicated')
    attachment_id = talk.create(volume_id)['id']
    moments = [talk.show_volume(volume_id)['updated_at']]
    talk.update(attachment_id)
    moments.append(talk.show_volume(volume_id)['updated_at'])
    talk.complete(attachment_id)
    expect('never back', sorted(moments), moments)
    before = talk.show_volume(volume_id)['updated_at']
    talk.ask(volume_id)
    expect('after the question', before,
           talk.show_volume(volume_id)['updated_at'])


CLAUSES = (
    what_is_shown,
    what_connection_info_has,
    what_a_read_only_volume_has,
    how_errors_look,
    what_lists_show,
    what_a_call_leaves_behind,
)
