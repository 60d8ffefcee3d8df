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

"""The exit codes of ``nova-failover``; documented in its manual pages."""

#: Done, and whatever was asked is true.
OK = 0
#: An error that is ours to mend; run again with --debug.
UNEXPECTED = 1
#: The command line makes no sense.
USAGE = 2
#: Something needed is missing or down; nothing was changed.
UNUSABLE = 3
#: ``recover --wait``: not everything has converged in time.
TIMED_OUT = 4
#: ``status --check``: not everything has converged, and the engine goes on.
NOT_CONVERGED = 5
#: ``check``: a failover would be recovered from, but something is amiss.
DEGRADED = 6
#: ``check``: servers would not be recovered.
NOT_READY = 7
#: There is no such failover, or none of the servers asked for is there.
NOT_FOUND = 8
#: An operator has paused what is asked for, or asked about.
PAUSED = 9
#: ``exclude`` and ``recover``: an operator has excluded that already.
EXCLUDED = 10
#: ``status --check``: what has not converged is deferred or excluded.
DEFERRED = 11
#: ``status --check``: servers have failed or are blocked.
FAILED = 12

_MEANINGS = {
    OK: 'done',
    UNEXPECTED: 'an unexpected error; --debug shows more',
    USAGE: 'the command line makes no sense; nothing was changed',
    UNUSABLE: 'something needed is missing or down; nothing was changed',
    TIMED_OUT: 'not everything has converged in time; the engine goes on',
    NOT_CONVERGED: 'not everything has converged; the engine goes on',
    DEGRADED: 'nothing has failed, but there are warnings',
    NOT_READY: 'something has failed',
    NOT_FOUND: 'nothing of that name is there; nothing was changed',
    PAUSED: 'recoveries are paused; nothing was changed',
    EXCLUDED: 'it is excluded from recovery already; nothing was changed',
    DEFERRED: 'what has not converged is deferred or excluded',
    FAILED: 'servers have failed, have exhausted their retries or are '
            'blocked',
}


def epilog(*codes: int) -> str:
    """Return what ``--help`` says of exit codes.

    :param codes: those of one command, besides those that all have
    """
    every = sorted({OK, UNEXPECTED, USAGE, UNUSABLE, *codes})
    return 'exit codes:\n%s' % '\n'.join(
        '  %d  %s' % (code, _MEANINGS[code]) for code in every)
