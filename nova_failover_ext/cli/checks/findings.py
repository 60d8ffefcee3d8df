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

"""What a check has found, and what it means for all of them."""

from collections.abc import Iterable
import dataclasses
import enum

from nova_failover_ext.cli import exitcodes

COLUMNS = ('Check', 'Subject', 'Result', 'Detail')


class Result(str, enum.Enum):
    """How a check ended."""

    OK = 'ok'
    #: Recovery would work, but not as well as it could.
    WARN = 'warn'
    #: Servers would not be recovered.
    FAIL = 'fail'


@dataclasses.dataclass(frozen=True)
class Finding:
    """One line of the table.

    :ivar check: the kind of thing
    :ivar subject: which one of them
    :ivar detail: one sentence without secrets
    """

    check: str
    subject: str
    result: Result
    detail: str = ''

    @property
    def row(self) -> tuple[str, str, str, str]:
        """What the table shows, see COLUMNS."""
        return self.check, self.subject, self.result.value, self.detail


def good(check: str, subject: str, detail: str = '') -> Finding:
    """Return a finding that all is well."""
    return Finding(check, subject, Result.OK, detail)


def warning(check: str, subject: str, detail: str) -> Finding:
    """Return a finding that something is amiss."""
    return Finding(check, subject, Result.WARN, detail)


def failure(check: str, subject: str, detail: str) -> Finding:
    """Return a finding that something does not work."""
    return Finding(check, subject, Result.FAIL, detail)


def exit_code(found: Iterable[Finding]) -> int:
    """Return what monitoring is told."""
    results = {finding.result for finding in found}
    if Result.FAIL in results:
        return exitcodes.NOT_READY
    return exitcodes.DEGRADED if Result.WARN in results else exitcodes.OK
