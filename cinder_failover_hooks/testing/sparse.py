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
"""Copy volume files quickly: holes are neither read nor written."""

import collections.abc
import errno
import os
import pathlib

BLOCK = 1 << 20
Ranges = collections.abc.Iterator[tuple[int, int]]


def data_ranges(descriptor: int, size: int) -> Ranges:
    """Where a file has data.

    :param descriptor: the open file
    :param size: look no further than this
    :returns: pairs of start and end
    """
    position = 0
    while position < size:
        try:
            start = os.lseek(descriptor, position, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return
            raise
        end = os.lseek(descriptor, start, os.SEEK_HOLE)
        if start < size:
            yield start, min(end, size)
        position = end


def copy(source: pathlib.Path, target: pathlib.Path, tail: int = 0) -> None:
    """Make a file the same as another of the same size.

    :param source: the file to read
    :param target: the file to write
    :param tail: how many bytes at the end are left alone
    :raises OSError: when either cannot be reached
    """
    with open(source, 'rb', buffering=0) as reader, open(
            target, 'r+b', buffering=0) as writer:
        read, write = reader.fileno(), writer.fileno()
        size = os.fstat(read).st_size - tail
        for file in (write, read):
            for start, end in list(data_ranges(file, size)):
                _copy_range(read, write, start, end)


def _copy_range(read: int, write: int, start: int, end: int) -> None:
    """Copy one range, in blocks, where the two differ."""
    for position in range(start, end, BLOCK):
        length = min(BLOCK, end - position)
        data = os.pread(read, length, position)
        if os.pread(write, length, position) != data:
            os.pwrite(write, data, position)
