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

"""Checks and completes the trailers of commit messages.

Nova and Cinder want ``Signed-off-by`` of the person who proposes a commit,
and ``Generated-By`` of the tool that wrote it. Neither is known here: a
committed series has a placeholder for the tool, and no person.
"""

import re

GENERATED_BY = 'Generated-By'
SIGNED_OFF_BY = 'Signed-off-by'
#: What ``export`` replaces by the name of the tool and its model.
PLACEHOLDER = '@TOOL@ [@MODEL@]'

_TRAILER = re.compile(r'([A-Za-z][\w-]*): (\S.*)')
_CHANGE_ID = re.compile(r'I[0-9a-f]{40}')
_WIDTH = 72


def parse(message: str) -> list[tuple[str, str]]:
    """Return the trailers of a commit message.

    :returns: keys and values of the last paragraph; none if that has a line
        which is not a trailer, as git interprets them
    """
    lines = message.strip().split('\n\n')[-1].splitlines()
    found = [_TRAILER.fullmatch(line) for line in lines]
    return [(match[1], match[2]) for match in found if match] \
        if all(found) else []


def faults(message: str, person: str | None = None,
           tool: str = PLACEHOLDER) -> list[str]:
    """Return what is wrong with a commit message, a sentence each.

    :param person: who may have signed it off, as ``NAME <ADDRESS>``
    :param tool: the value of Generated-By
    """
    lines = message.strip().splitlines()
    wrong = [f'A line has more than {_WIDTH} columns: {line}'
             for line in lines if len(line) > _WIDTH and '://' not in line]
    if len(lines) > 1 and lines[1]:
        wrong.append('The second line is not empty.')
    trailers = parse(message)
    ids = [value for key, value in trailers if key == 'Change-Id']
    if len(ids) != 1 or not _CHANGE_ID.fullmatch(ids[0]):
        wrong.append('It does not have one Change-Id as the hook makes it.')
    if [value for key, value in trailers if key == GENERATED_BY] != [tool]:
        wrong.append(f'It does not have one "{GENERATED_BY}: {tool}".')
    for line in lines:
        key, _, value = line.partition(': ')
        if key.lower() == 'co-authored-by':
            wrong.append('Co-Authored-By is not for tools.')
        if key.lower() == SIGNED_OFF_BY.lower() and value != person:
            wrong.append(f'{value} was not named as the person who signs it '
                         'off.')
    return wrong


def change_id(message: str) -> str | None:
    """Return the Change-Id of a commit message, if it has one."""
    return dict(parse(message)).get('Change-Id')


def fill(message: str, tool: str | None, person: str | None) -> str:
    """Return a commit message with what the proposer adds to it.

    :param tool: the tool and its model, as ``TOOL [MODEL]``, or None to keep
        the placeholder
    :param person: who signs it off, as ``NAME <ADDRESS>``, or None for nobody
    """
    message = message.rstrip('\n')
    if tool:
        message = message.replace(f'{GENERATED_BY}: {PLACEHOLDER}',
                                  f'{GENERATED_BY}: {tool}')
    line = f'{SIGNED_OFF_BY}: {person}'
    if person and line not in message.splitlines():
        message = f'{message}\n{line}'
    return f'{message}\n'
