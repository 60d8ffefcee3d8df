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

"""Names the step of a recovery in which something is raised."""

from collections.abc import Iterator
import contextlib

from nova_failover_ext import exception


@contextlib.contextmanager
def step(name: str) -> Iterator[None]:
    """Name the step in which something is raised.

    :param name: in the words of the documentation
    :raises RecoveryFailed: instead of whatever is not ours
    """
    try:
        yield
    except exception.FailoverException:
        raise
    # Whatever libvirt, os-brick, conductor or the virt driver raise has to
    # be named with its step and recorded, none may escape unseen.
    except Exception as error:
        raise exception.RecoveryFailed(
            step=name, reason=f'{type(error).__name__}: {error}') from error
