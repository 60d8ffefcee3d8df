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

"""Several attachments of one volume."""

import uuid

from nova_failover_ext.testing.contract import talk as talk_module

Talk = talk_module.Talk
expect = talk_module.expect
expect_states = talk_module.expect_states


def a_blank_attachment_blocks_updates(talk: Talk) -> None:
    """Two attachments, one of them connected: PUT on either is 409."""
    volume_id = talk.world.volume('replicated')
    server = str(uuid.uuid4())
    attachment_id = talk.attached(volume_id, server)
    blank = talk.create(volume_id, server)['id']
    expect_states(talk, blank, 'reserved', 'in-use', shown=False)
    before = talk.show(attachment_id)
    for each in (attachment_id, blank):
        talk.update(each, 409)
    expect('unchanged', before, talk.show(attachment_id))
    expect_states(talk, attachment_id, 'attached', 'in-use', shown=True)
    expect('rest', [attachment_id],
           [each['id'] for each in talk.delete(blank)])
    talk.update(attachment_id)
    talk.complete(attachment_id)
    expect_states(talk, attachment_id, 'attached', 'in-use', shown=True)


def a_connector_in_post_is_not_compared(talk: Talk) -> None:
    """POST with a connector makes a second connection, as migrations do."""
    volume_id = talk.world.volume('replicated')
    server = str(uuid.uuid4())
    first = talk.attached(volume_id, server)
    second = talk.create(volume_id, server, talk_module.CONNECTOR)['id']
    expect_states(talk, second, 'attaching', 'attaching', shown=False)
    expect_states(talk, first, 'attached', 'attaching', shown=True)
    talk.update(second, 409)
    talk.delete(first)
    expect_states(talk, second, 'attaching', 'attaching', shown=False)
    talk.complete(second)
    expect_states(talk, second, 'attached', 'in-use', shown=True)


def a_volume_is_reserved_once(talk: Talk) -> None:
    """POST for another server, or while attaching, is refused."""
    volume_id = talk.world.volume('replicated')
    server = str(uuid.uuid4())
    attachment_id = talk.attached(volume_id, server)
    talk.create(volume_id, status=400)
    talk.update(attachment_id)
    talk.create(volume_id, server, status=400)
    talk.complete(attachment_id)
    blank = talk.create(volume_id, server)['id']
    talk.delete(attachment_id)
    expect_states(talk, blank, 'reserved', 'reserved', shown=False)
    talk.delete(blank)
    expect('volume', 'available', talk.show_volume(volume_id)['status'])


def a_multiattach_volume_has_several_servers(talk: Talk) -> None:
    """Each attachment lives for itself; the volume shows the last call."""
    volume_id = talk.world.volume('multiattach')
    first = talk.attached(volume_id)
    second = talk.create(volume_id)['id']
    expect_states(talk, second, 'reserved', 'reserved', shown=False)
    # The first is connected, yet the second may be.
    talk.update(second)
    expect_states(talk, first, 'attached', 'attaching', shown=True)
    talk.complete(second)
    expect_states(talk, second, 'attached', 'in-use', shown=True)
    talk.update(first)
    expect_states(talk, first, 'attaching', 'attaching', shown=False)
    expect_states(talk, second, 'attached', 'attaching', shown=True)
    talk.complete(first)
    # Of those that are left, the one that has come furthest counts.
    blank = talk.create(volume_id)['id']
    expect_states(talk, second, 'attached', 'reserved', shown=True)
    talk.delete(first)
    expect_states(talk, second, 'attached', 'in-use', shown=True)
    expect_states(talk, blank, 'reserved', 'in-use', shown=False)


def an_old_detach_says_which(talk: Talk) -> None:
    """os-detach needs the attachment's id where there are several."""
    volume_id = talk.world.volume('replicated')
    server = str(uuid.uuid4())
    attachment_id = talk.attached(volume_id, server)
    blank = talk.create(volume_id, server)['id']
    talk.act(volume_id, 'os-detach', 400)
    talk.act(volume_id, 'os-detach', attachment_id=blank)
    talk.show(blank, 404)
    expect_states(talk, attachment_id, 'attached', 'in-use', shown=True)


CLAUSES = (
    a_blank_attachment_blocks_updates,
    a_connector_in_post_is_not_compared,
    a_volume_is_reserved_once,
    a_multiattach_volume_has_several_servers,
    an_old_detach_says_which,
)
