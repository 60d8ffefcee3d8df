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

"""The life of one attachment."""

import uuid

from nova_failover_ext.testing.contract import talk as talk_module

Talk = talk_module.Talk
expect = talk_module.expect
expect_states = talk_module.expect_states


def an_attachment_from_its_beginning_to_its_end(talk: Talk) -> None:
    """Reserved, attaching, attached, and gone; the volume goes with it."""
    volume_id = talk.world.volume('replicated')
    server = str(uuid.uuid4())
    made = talk.create(volume_id, server)
    expect('blank', ('reserved', {}, volume_id, server), (
        made['status'], made['connection_info'], made['volume_id'],
        made['instance']))
    expect_states(talk, made['id'], 'reserved', 'reserved', shown=False)
    updated = talk.update(made['id'])
    expect('id', made['id'], updated['id'])
    expect('its id in connection_info', made['id'],
           updated['connection_info']['attachment_id'])
    expect_states(talk, made['id'], 'attaching', 'attaching', shown=False)
    talk.complete(made['id'])
    expect_states(talk, made['id'], 'attached', 'in-use', shown=True)
    listed, = talk.show_volume(volume_id)['attachments']
    expect('listed', (server, '/dev/vdc', 'contract-host'), (
        listed['server_id'], listed['device'], listed['host_name']))
    expect('rest', [], talk.delete(made['id']))
    expect('volume', 'available', talk.show_volume(volume_id)['status'])
    talk.show(made['id'], 404)


def an_attached_attachment_is_updated_in_place(talk: Talk) -> None:
    """PUT keeps the id, is repeatable, and leaves attaching behind."""
    volume_id = talk.world.volume('replicated')
    attachment_id = talk.attached(volume_id)
    before = talk.show(attachment_id)
    # What the answer says of the status is what it was before.
    for stale in ('attached', 'attaching'):
        updated = talk.update(attachment_id)
        expect('id, status', (attachment_id, stale),
               (updated['id'], updated['status']))
        expect('connection_info', before['connection_info'],
               updated['connection_info'])
        expect_states(talk, attachment_id, 'attaching', 'attaching',
                      shown=False)
    talk.complete(attachment_id)
    expect_states(talk, attachment_id, 'attached', 'in-use', shown=True)
    # Once more finishes what is finished.
    talk.complete(attachment_id)
    expect_states(talk, attachment_id, 'attached', 'in-use', shown=True)


def the_first_answer_says_reserved(talk: Talk) -> None:
    """The status in the answer to PUT and POST is stale."""
    volume_id = talk.world.volume('replicated')
    made = talk.create(volume_id, connector=talk_module.CONNECTOR)
    expect('POST with a connector', 'reserved', made['status'])
    expect('it is connected', made['id'],
           made['connection_info'].get('attachment_id'))
    expect_states(talk, made['id'], 'attaching', 'attaching', shown=False)
    other = talk.create(talk.world.volume('replicated'))
    expect('PUT', 'reserved', talk.update(other['id'])['status'])


def a_mountpoint_left_out_is_lost(talk: Talk) -> None:
    """PUT without a mountpoint writes ``na``."""
    volume_id = talk.world.volume('replicated')
    attachment_id = talk.attached(volume_id)
    talk.update(attachment_id, mountpoint=None)
    talk.complete(attachment_id)
    expect('device', ['na'], [each['device'] for each in
                              talk.show_volume(volume_id)['attachments']])


def the_mode_of_an_attachment(talk: Talk) -> None:
    """That of POST stays; without one that of the connector, or rw."""
    for asked, connector, mode in (('ro', None, 'ro'), ('ro', 'rw', 'ro'),
                                   ('', 'ro', 'ro'), ('', None, 'rw')):
        made = talk.create(talk.world.volume('replicated'), mode=asked)
        expect('mode of POST', asked or 'null', made['attach_mode'])
        talk.update(made['id'], mode=connector)
        expect(f'mode {asked!r}, {connector!r}', mode,
               talk.show(made['id'])['attach_mode'])


def a_question_changes_no_record(talk: Talk) -> None:
    """os-initialize_connection answers, and nothing is written."""
    volume_id = talk.world.volume('replicated')
    asked = talk.ask(volume_id)
    expect('available', 'available', talk.show_volume(volume_id)['status'])
    attachment_id = talk.attached(volume_id)
    before = talk.show_volume(volume_id), talk.show(attachment_id)
    expect('answer', asked, talk.ask(volume_id))
    expect('records', before, (talk.show_volume(volume_id),
                               talk.show(attachment_id)))
    expect('place', talk_module.place(asked), talk_module.place(
        before[1]['connection_info']))


def detaching_begins_only_when_attached(talk: Talk) -> None:
    """os-begin_detaching is refused while the volume is attaching."""
    volume_id = talk.world.volume('replicated')
    talk.act(volume_id, 'os-begin_detaching', 400)
    attachment_id = talk.attached(volume_id)
    talk.update(attachment_id)
    talk.act(volume_id, 'os-begin_detaching', 400)
    talk.complete(attachment_id)
    talk.act(volume_id, 'os-begin_detaching')
    expect_states(talk, attachment_id, 'attached', 'detaching', shown=True)
    talk.act(volume_id, 'os-begin_detaching', 400)
    talk.act(volume_id, 'os-roll_detaching')
    expect_states(talk, attachment_id, 'attached', 'in-use', shown=True)
    # Nothing to roll back, nothing happens.
    talk.act(volume_id, 'os-roll_detaching')
    expect_states(talk, attachment_id, 'attached', 'in-use', shown=True)


def old_ways_to_detach(talk: Talk) -> None:
    """os-terminate_connection and os-detach, as for legacy attachments."""
    volume_id = talk.world.volume('replicated')
    attachment_id = talk.attached(volume_id)
    talk.act(volume_id, 'os-terminate_connection',
             connector=talk_module.CONNECTOR)
    expect_states(talk, attachment_id, 'attached', 'in-use', shown=True)
    talk.act(volume_id, 'os-detach')
    expect('volume', 'available', talk.show_volume(volume_id)['status'])
    talk.show(attachment_id, 404)


CLAUSES = (
    an_attachment_from_its_beginning_to_its_end,
    an_attached_attachment_is_updated_in_place,
    the_first_answer_says_reserved,
    a_mountpoint_left_out_is_lost,
    the_mode_of_an_attachment,
    a_question_changes_no_record,
    detaching_begins_only_when_attached,
    old_ways_to_detach,
)
