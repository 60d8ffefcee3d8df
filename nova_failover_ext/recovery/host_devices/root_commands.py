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

"""Runs the commands that only root may run, each with a time-out.

They go through os-brick's privsep daemon, as those of its connectors do; a
nova-compute that can attach volumes can run them.
"""

from os_brick.privileged import rootwrap
from oslo_concurrency import processutils

from nova_failover_ext import exception


class CommandFailed(exception.FailoverException):
    """A command failed, could not be run, or did not end in time."""

    msg_fmt = '%(command)s: %(reason)s.'


def run(*command: str, timeout: float, given: str | None = None) -> str:
    """Run a command as root.

    Relies on ``os_brick.privileged.rootwrap.execute``, read in os-brick
    7.1.1: it passes ``timeout`` and ``process_input`` on, and kills a command
    that is late.

    :param command: the command and its arguments
    :param timeout: seconds
    :param given: what it reads from its standard input, None for nothing
    :returns: its standard output
    :raises CommandFailed: if it fails or is late
    """
    try:
        output, _ = rootwrap.execute(*command, run_as_root=True,
                                     timeout=timeout, process_input=given)
    except (processutils.ProcessExecutionError, OSError) as error:
        raise CommandFailed(
            command=' '.join(command),
            reason=' '.join(str(error).split())) from error
    return str(output)
