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


"""An engine that writes down where its threads spend their time.

Every few milliseconds it notes where each thread that works is. Nothing is
traced, so that the engine is about as fast as ever.
"""

import atexit
import collections
import sys
import threading
import traceback

from nova_failover_ext.engine import cmd

_EVERY = 0.01
_SHOWN = 40
_IDLE = ('wait', 'select', 'poll', 'recv', 'recv_into', 'accept', 'get',
         '_wait_for_tstate_lock', 'sleep', 'readinto', 'run')


class Sampler(threading.Thread):
    """Counts the places where threads are busy."""

    def __init__(self) -> None:
        """Count nothing yet."""
        super().__init__(daemon=True)
        self._ended = threading.Event()
        self.leaves: collections.Counter[str] = collections.Counter()
        self.ours: collections.Counter[str] = collections.Counter()
        self.samples = 0

    def run(self) -> None:
        """Look until told to stop."""
        while not self._ended.wait(_EVERY):
            self.samples += 1
            for ident, frame in list(sys._current_frames().items()):
                if ident != self.ident:
                    self._note(traceback.extract_stack(frame))

    def _note(self, stack: traceback.StackSummary) -> None:
        if stack[-1].name in _IDLE:
            return
        self.leaves[_place(stack[-1])] += 1
        ours = [one for one in stack if 'nova_failover_ext' in one.filename]
        if ours:
            self.ours[_place(ours[-1])] += 1

    def stop(self) -> None:
        """Stop, and print the places with the most samples."""
        self._ended.set()
        for title, counter in (('innermost', self.leaves),
                               ('innermost of ours', self.ours)):
            print(f'{title}, of {self.samples} samples')
            for place, number in counter.most_common(_SHOWN):
                print(f'{number:8d} {place}')


def _place(frame: traceback.FrameSummary) -> str:
    module = '/'.join(frame.filename.split('/')[-3:])
    return f'{module}:{frame.lineno} {frame.name}'


def main() -> int:
    """Run an engine; its profile goes to the standard output at the end."""
    sampler = Sampler()
    atexit.register(sampler.stop)
    sampler.start()
    return cmd.main()
