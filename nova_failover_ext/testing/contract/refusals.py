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

"""What Cinder refuses, and what it does although one might think not."""

import uuid

from nova_failover_ext.testing.contract import talk as talk_module

Talk = talk_module.Talk
expect = talk_module.expect
expect_states = talk_module.expect_states


def a_volume_in_error_is_not_updated(talk: Talk) -> None:
    """PUT is 409, POST 400; os-complete does not look at the status."""
    volume_id = talk.world.volume('replicated')
    attachment_id = talk.attached(volume_id)
    for status in ('error', 'error_restoring'):
        talk.reset(volume_id, status)
        talk.update(attachment_id, 409)
        talk.create(volume_id, status=400)
        expect_states(talk, attachment_id, 'attached', status, shown=True)
        expect('place', talk_module.place(
            talk.show(attachment_id)['connection_info']),
            talk_module.place(talk.ask(volume_id)))
    talk.complete(attachment_id)
    expect_states(talk, attachment_id, 'attached', 'in-use', shown=True)


def a_question_in_maintenance_is_refused(talk: Talk) -> None:
    """os-initialize_connection refuses this status only."""
    volume_id = talk.world.volume('replicated')
    talk.reset(volume_id, 'maintenance')
    talk.ask(volume_id, 400)


def what_is_not_there_is_not_found(talk: Talk) -> None:
    """404 for each call about an attachment that does not exist."""
    nobody = str(uuid.uuid4())
    talk.show(nobody, 404)
    talk.update(nobody, 404)
    talk.complete(nobody, 404)
    talk.delete(nobody, 404)


def attachments_need_a_microversion(talk: Talk) -> None:
    """3.27 for attachments, 3.44 for their completion."""
    attachment_id = talk.attached(talk.world.volume('replicated'))
    url = f'/attachments/{attachment_id}'
    for method, microversion, status in (
            ('GET', '3.0', 404), ('GET', '3.26', 404), ('GET', '3.27', 200)):
        expect(f'{method} {microversion}', status, talk.world.request(
            method, url, None, microversion)[0])
    body = {'os-complete': attachment_id}
    for microversion, status in (('3.43', 404), ('3.44', 204)):
        expect(f'os-complete {microversion}', status, talk.world.request(
            'POST', f'{url}/action', body, microversion)[0])


def nova_alone_deletes_what_it_uses(talk: Talk) -> None:
    """Without a service token 409, if Nova says that it has it."""
    volume_id, attachment_id = talk.world.used()
    before = talk.show(attachment_id)
    talk.delete(attachment_id, 409)
    expect('unchanged', before, talk.show(attachment_id))
    expect('volume', 'in-use', talk.show_volume(volume_id)['status'])
    # What is of no server that Nova knows may be deleted by anybody.
    talk.delete(talk.attached(talk.world.volume('replicated')))
    talk.delete(talk.attached(talk.world.volume('replicated')), service=True)


def a_driver_that_fails_changes_nothing(talk: Talk) -> None:
    """Both calls that ask it answer 500; the export is removed."""
    volume_id = talk.world.volume('replicated')
    attachment_id = talk.attached(volume_id)
    before = talk.show_volume(volume_id), talk.show(attachment_id)
    removed = talk.world.removed_exports(volume_id)
    talk.world.break_driver(volume_id)
    talk.ask(volume_id, 500)
    talk.update(attachment_id, 500)
    expect('removed', removed + 2, talk.world.removed_exports(volume_id))
    expect('records', before, (talk.show_volume(volume_id),
                               talk.show(attachment_id)))


def a_volume_without_encryption(talk: Talk) -> None:
    """Its encryption is an answer, too, that names no key."""
    volume_id = talk.world.volume('replicated')
    status, body = talk.world.request(
        'GET', f'/volumes/{volume_id}/encryption')
    expect('encryption', (200, {'encryption_key_id': None}), (status, body))
    asked = talk_module.place(talk.ask(volume_id))
    expect('encrypted', False, asked['encrypted'])


CLAUSES = (
    a_volume_in_error_is_not_updated,
    a_question_in_maintenance_is_refused,
    what_is_not_there_is_not_found,
    attachments_need_a_microversion,
    nova_alone_deletes_what_it_uses,
    a_driver_that_fails_changes_nothing,
    a_volume_without_encryption,
)
