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

"""Where a server stands, in the words of engine, command line and report."""

import enum


class ServerState(str, enum.Enum):
    """Where a server stands."""

    #: Its connections are those of the active backend.
    CONVERGED = 'converged'
    #: Its connections may be stale; an engine has to ask.
    UNKNOWN = 'unknown'
    #: It waits for its turn.
    WAITING = 'waiting'
    #: It is being recovered right now.
    RECOVERING = 'recovering'
    #: It cannot be recovered now; see the reason.
    DEFERRED = 'deferred'
    #: Its latest recovery failed and is tried again.
    FAILED = 'failed'
    #: It has used up its tries; only a slow timer or an operator tries again.
    RETRIES_EXHAUSTED = 'retries exhausted'
    #: A newer failover came before it was its turn.
    SUPERSEDED = 'superseded'
    #: A refresh cannot heal it, because of its backend's driver.
    BLOCKED = 'blocked'
    #: An operator has excluded it from recovery; it is left alone.
    EXCLUDED = 'excluded'
