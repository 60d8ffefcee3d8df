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

"""The configuration options of this package; nothing registers at import."""

from typing import Any

from oslo_config import cfg

from nova_failover_ext.conf import compute
from nova_failover_ext.conf import engine
from nova_failover_ext.conf import policies


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register the options of all groups on ``conf``."""
    policies.register_opts(conf)
    compute.register_opts(conf)
    engine.register_opts(conf)


def list_opts() -> list[tuple[cfg.OptGroup, list[Any]]]:
    """Return the options for the sample configuration generator."""
    return [*policies.list_opts(), *compute.list_opts(),
            *engine.list_opts()]
