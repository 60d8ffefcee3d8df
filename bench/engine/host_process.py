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


"""The process of the simulated compute hosts; see bench.engine.hosts.serve."""

import sys

from nova_failover_ext import startup


def main() -> None:
    """Serve on native threads."""
    startup.choose_threads()
    # Only now, because what it imports must not come before.
    from bench.engine import hosts
    hosts.serve(sys.argv[1:])


if __name__ == '__main__':
    main()
