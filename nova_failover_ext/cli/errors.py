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

"""What a command refuses, each with an exit code of its own."""

from collections.abc import Iterator
import contextlib

from nova_failover_ext.cli import exitcodes
from nova_failover_ext import exception


class UsageError(exception.FailoverException):
    """Arguments that make no sense together."""

    exit_code = exitcodes.USAGE


class NotFound(exception.FailoverException):
    """Nothing of that name is there."""

    exit_code = exitcodes.NOT_FOUND


class Paused(exception.FailoverException):
    """An operator has paused what is asked for."""

    exit_code = exitcodes.PAUSED


class Excluded(exception.FailoverException):
    """An operator has excluded what is asked for."""

    exit_code = exitcodes.EXCLUDED


class ProjectsUnavailable(exception.FailoverException):
    """Keystone does not tell of a project."""

    exit_code = exitcodes.UNUSABLE
    msg_fmt = ('Keystone cannot be asked for the project %(project)s '
               '(%(reason)s); name it by its id.')


class OutputUnwritable(exception.FailoverException):
    """A file cannot be written."""

    exit_code = exitcodes.UNUSABLE
    msg_fmt = 'The file %(name)s cannot be written: %(reason)s.'


@contextlib.contextmanager
def refusing_nonsense() -> Iterator[None]:
    """Turn what refuses the values of a request into a usage error.

    :raises UsageError: instead of a ValueError
    """
    try:
        yield
    except ValueError as exc:
        raise UsageError('The request makes no sense: %s.' % exc) from exc
