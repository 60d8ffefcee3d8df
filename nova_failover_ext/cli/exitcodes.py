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

"""The exit codes of ``nova-failover``; documented in its manual page."""

#: Done, and whatever was asked is true.
OK = 0
#: An error that is ours to mend; run again with --debug.
UNEXPECTED = 1
#: The command line makes no sense (set by argparse).
USAGE = 2
#: Something needed is missing or down; nothing was changed.
UNUSABLE = 3
#: ``recover --wait``: not everything has converged in time.
TIMED_OUT = 4
#: ``status --check``: not everything has converged.
NOT_CONVERGED = 5
