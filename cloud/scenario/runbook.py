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
"""The commands of a page, word by word, in the order of the text."""

import collections.abc
import dataclasses
import re

#: What an operator has to put in, such as ``HOST@BACKEND``.
_PLACEHOLDER = re.compile(r'(?<![\w.@/<-])[A-Z]{3,}(?:@[A-Z]+)?(?![\w.])')
#: A command within a sentence, not only its name. Line breaks in it are the
#: text's.
_INLINE = re.compile(r'``((?:nova-failover|cinder|openstack)\s\S+\s[^`]+)``')
_UNDERLINE = re.compile(r'([=\-~])\1{2,}$')
_PROMPT = re.compile(r'[$#] ')
_BORDER = re.compile(r'[+-]+')


@dataclasses.dataclass(frozen=True)
class Command:
    """A command, as it is printed.

    :ivar section: the title that it is below
    :ivar text: the command without a prompt
    :ivar shown: the output that the page shows, without the lines of tables
    """

    section: str
    text: str
    shown: tuple[str, ...] = ()

    @property
    def placeholders(self) -> list[str]:
        """What has to be put in."""
        return _PLACEHOLDER.findall(self.text)

    def filled(self, values: collections.abc.Mapping[str, str]) -> str:
        """The command for a real cloud.

        :param values: what to put in for each placeholder
        :returns: the command
        :raises KeyError: for a placeholder that is not known
        """
        return _PLACEHOLDER.sub(lambda match: values[match.group()],
                                self.text)

    def missing(self, printed: str) -> list[str]:
        """What the page shows and was not printed.

        :param printed: the real output
        :returns: the lines; in them, ``…`` stands for anything
        """
        lines = [' '.join(line.split()) for line in printed.splitlines()]
        return [line for line in self.shown if not any(
            re.fullmatch('.*'.join(map(re.escape, line.split('…'))), real)
            for real in lines)]


def commands(text: str) -> list[Command]:
    """Find all commands, in blocks and in sentences.

    :param text: reStructuredText
    :returns: the commands, in the order of the text
    """
    found: list[Command] = []
    for title, lines in _sections(text.splitlines()):
        prose: list[str] = []
        for block, part in _blocks(lines):
            if not block:
                prose += part
                continue
            found += _inline(title, prose)
            prose = []
            found += [Command(title, line, shown)
                      for line, shown in _typed(part)]
        found += _inline(title, prose)
    return found


def _sections(lines: list[str]) -> list[tuple[str, list[str]]]:
    """Split a text at its titles, which are underlined with ``=``."""
    sections: list[tuple[str, list[str]]] = [('', [])]
    for line in lines:
        last = sections[-1][1]
        if _UNDERLINE.match(line) and last and last[-1].strip():
            sections.append((last.pop(), []))
        elif not _UNDERLINE.match(line):
            last.append(line)
    return sections


def _blocks(lines: list[str]) -> list[tuple[bool, list[str]]]:
    """Tell literal blocks from the rest."""
    parts: list[tuple[bool, list[str]]] = []
    outer: int | None = None
    for line in lines:
        indent = len(line) - len(line.lstrip())
        inside = outer is not None and (not line.strip() or indent > outer)
        if not inside:
            outer = None
        if not parts or parts[-1][0] != inside:
            parts.append((inside, []))
        parts[-1][1].append(line.strip())
        if not inside and re.search(
                r'::$|^\s*\.\. code-block:: (console|shell)$', line):
            # A block in a list is indented more than its list's text.
            mark = re.match(r'\s*(?:#\.|\*)?\s*', line)
            outer = len(mark.group()) if mark else 0
    return parts


def _typed(lines: list[str]) -> list[tuple[str, tuple[str, ...]]]:
    """What is typed in a block, each with what is shown below it.

    Where there are prompts, the rest is output.
    """
    whole = '\n'.join(line for line in lines if line).replace('\\\n', '')
    rows = [' '.join(row.split()) for row in whole.splitlines()
            if not row.startswith(':')]
    at = [index for index, row in enumerate(rows) if _PROMPT.match(row)]
    if not at:
        return [(row, ()) for row in rows]
    return [(rows[index][2:], tuple(
        row for row in rows[index + 1:end] if not _BORDER.fullmatch(row)))
        for index, end in zip(at, [*at[1:], len(rows)], strict=True)]


def _inline(title: str, lines: list[str]) -> list[Command]:
    """The commands in sentences."""
    return [Command(title, ' '.join(match.split()))
            for match in _INLINE.findall('\n'.join(lines))]
