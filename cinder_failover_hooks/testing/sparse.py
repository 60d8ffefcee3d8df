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

"""Copies sparse volume files without reading or writing their holes."""

import collections.abc
import errno
import os
import pathlib

BLOCK = 1 << 20
Ranges = collections.abc.Iterator[tuple[int, int]]


def data_ranges(descriptor: int, size: int) -> Ranges:
    """Return the ranges of a file that have data.

    :param descriptor: the open file
    :param size: offset at which the search ends, in bytes
    :returns: pairs of start and end, in bytes
    """
    position = 0
    while position < size:
        try:
            start = os.lseek(descriptor, position, os.SEEK_DATA)
        except OSError as exc:
            if exc.errno == errno.ENXIO:
                return
            raise
        end = os.lseek(descriptor, start, os.SEEK_HOLE)
        if start < size:
            yield start, min(end, size)
        position = end


def copy(source: pathlib.Path, target: pathlib.Path, tail: int = 0,
         changed: list[tuple[int, int]] | None = None) -> None:
    """Copy the content of a file to another file of the same size.

    :param source: the file to read
    :param target: the file to write
    :param tail: number of bytes at the end that are not copied
    :param changed: pairs of start and end outside of which the two are the
        same; None if nothing is known
    :raises OSError: a file cannot be read or written
    """
    with open(source, 'rb', buffering=0) as reader, open(
            target, 'r+b', buffering=0) as writer:
        read, write = reader.fileno(), writer.fileno()
        size = os.fstat(read).st_size - tail
        if changed is not None:
            for start, end in merged(changed):
                _copy_range(read, write, start, min(end, size))
            return
        for file in (write, read):
            for start, end in list(data_ranges(file, size)):
                _copy_range(read, write, start, end)


def merged(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join ranges that touch or overlap.

    :param ranges: pairs of start and end
    :returns: pairs of start and end, sorted
    """
    found: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((start, end))
    return found


def note(file: pathlib.Path, start: int, end: int) -> None:
    """Note a range that the other site has missed.

    :param file: the volume's note
    :param start: where it starts
    :param end: where it ends
    """
    with open(file, 'a') as notes:
        notes.write(f'{start} {end}\n')


def noted(file: pathlib.Path) -> list[tuple[int, int]]:
    """Read the ranges that the other site has missed, and forget them.

    Whoever notes one meanwhile starts a new note.

    :param file: the volume's note
    :returns: pairs of start and end, none where there is no note
    """
    taken = file.with_name(f'.{file.name}')
    try:
        file.rename(taken)
    except FileNotFoundError:
        return []
    ranges = []
    for line in taken.read_text().splitlines():
        start, _space, end = line.partition(' ')
        ranges.append((int(start), int(end)))
    taken.unlink()
    return ranges


def _copy_range(read: int, write: int, start: int, end: int) -> None:
    """Copy the blocks of a range that differ."""
    for position in range(start, end, BLOCK):
        length = min(BLOCK, end - position)
        data = os.pread(read, length, position)
        if os.pread(write, length, position) != data:
            os.pwrite(write, data, position)
