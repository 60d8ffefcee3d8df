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
"""Start the little cloud's command line from nothing but Python.

Installs what is missing (packages of the machine, then a virtual environment
with the libraries the tool is written with) and runs itself again in there.
Only the standard library may be imported here.
"""

import os
import sys

from cloud import bootstrap

#: Set for the second run, the one inside the tool's own environment.
INSIDE = 'FAILOVER_CLOUD_TOOL'


def main() -> None:
    """Prepare the tool's environment, or run the command in it."""
    if os.environ.get(INSIDE) == str(os.getpid()):
        from cloud import cli
        sys.exit(cli.main(sys.argv[1:]))
    try:
        python = bootstrap.prepare()
    except bootstrap.BootstrapError as error:
        sys.exit(f'cloud: {error}')
    os.environ[INSIDE] = str(os.getpid())
    os.execv(python, [str(python), '-m', 'cloud', *sys.argv[1:]])


if __name__ == '__main__':
    main()
