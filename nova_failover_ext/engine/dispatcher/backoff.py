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

"""How long to wait before the next try: longer each time, with jitter."""

import tenacity

#: Each wait is this many times as long as the one before.
GROWTH = 1.5


class Backoff:
    """Waits that grow between two bounds."""

    def __init__(self, interval_min: float, interval_max: float) -> None:
        """Set the bounds.

        :param interval_min: about how long the first wait is, in seconds
        :param interval_max: the longest wait in seconds, but for the jitter
        """
        self._strategy = (
            tenacity.wait_exponential(multiplier=interval_min,
                                      max=interval_max, exp_base=GROWTH)
            + tenacity.wait_random(0, interval_min / 4))

    def seconds(self, count: int) -> float:
        """Return the wait in seconds after ``count`` tries, 1 or more."""
        state = tenacity.RetryCallState(
            tenacity.Retrying(), fn=None, args=(), kwargs={})
        state.attempt_number = count
        return float(self._strategy(state))
