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

"""What a failover changes, and what it leaves as it was."""

from typing import Any

from nova_failover_ext.testing.contract import talk as talk_module

Talk = talk_module.Talk
expect = talk_module.expect
expect_states = talk_module.expect_states


def _statuses(talk: Talk, volume_id: str) -> tuple[str, str]:
    row = talk.show_volume(volume_id)
    return row['status'], row['replication_status']


def _service(talk: Talk, volume_id: str) -> tuple[Any, ...]:
    found = talk.services()[talk.host(volume_id)]
    return (found['active_backend_id'] or '', found['replication_status'],
            found['status'], found['disabled_reason'] or '')


def a_failover_and_a_failback(talk: Talk) -> None:
    """Statuses change; connection_info changes only when asked for."""
    used, idle, left = [talk.world.volume(kind) for kind in (
        'replicated', 'replicated', 'unreplicated')]
    attachment_id, lost = talk.attached(used), talk.attached(left)
    here = talk.show(attachment_id)
    expect('service', ('', 'enabled', 'enabled', ''), _service(talk, used))
    expect('unreplicated', ('in-use', 'disabled'), _statuses(talk, left))

    talk.world.fail_over('secondary')
    expect('service', ('secondary', 'failed-over', 'disabled',
                       'failed-over'), _service(talk, used))
    expect('in use', ('in-use', 'failed-over'), _statuses(talk, used))
    expect('idle', ('available', 'failed-over'), _statuses(talk, idle))
    expect('unreplicated', ('error', 'not-capable'), _statuses(talk, left))
    _stays_then_moves(talk, used, attachment_id, here)
    talk.update(lost, 409)
    expect_states(talk, lost, 'attached', 'error', shown=True)
    there = talk.show(attachment_id)

    # To where it is already: Cinder takes the order, and nothing changes.
    talk.world.fail_over('secondary')
    expect('service', ('secondary', 'failed-over', 'disabled',
                       'failed-over'), _service(talk, used))
    expect('in use', ('in-use', 'failed-over'), _statuses(talk, used))
    expect('attachment', there, talk.show(attachment_id))

    talk.world.fail_over('default')
    expect('service', ('', 'enabled', 'enabled', ''), _service(talk, used))
    expect('in use', ('in-use', 'enabled'), _statuses(talk, used))
    expect('idle', ('available', 'enabled'), _statuses(talk, idle))
    expect('unreplicated', ('error', 'not-capable'), _statuses(talk, left))
    _stays_then_moves(talk, used, attachment_id, there)


def _stays_then_moves(talk: Talk, volume_id: str, attachment_id: str,
                      before: dict[str, Any]) -> None:
    """The record stays what it was until PUT; asking does not change it."""
    expect('attachment', before, talk.show(attachment_id))
    fresh = talk_module.place(talk.ask(volume_id))
    old = talk_module.place(before['connection_info'])
    expect('the answer names another place', True, fresh != old)
    expect('attachment', before, talk.show(attachment_id))
    updated = talk.update(attachment_id)['connection_info']
    expect('fresh connection_info', fresh, talk_module.place(updated))
    expect('kept', updated, talk.show(attachment_id)['connection_info'])
    expect_states(talk, attachment_id, 'attaching', 'attaching', shown=False)
    talk.complete(attachment_id)
    expect_states(talk, attachment_id, 'attached', 'in-use', shown=True)


def a_backend_that_cannot_fail_over_does_not(talk: Talk) -> None:
    """A backend without replication refuses it."""
    own = talk.host(talk.world.volume('replicated'))
    others = {host: each for host, each in talk.services().items()
              if host != own}
    expect('others', {('disabled', None)}, {
        (each['replication_status'], each['active_backend_id'])
        for each in others.values()})
    for host in others:
        talk.fail_over(host, 'secondary', 400)


CLAUSES = (a_backend_that_cannot_fail_over_does_not,
           a_failover_and_a_failback)
