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

"""What Cinder does with attachments, written down once.

The same clauses are held against the fixture, in the functional tests, and
against real Cinder, on the little cloud. Where the two differ, real Cinder is
right. Nothing in here imports anything but the standard library.
"""

from nova_failover_ext.testing.contract import attachments
from nova_failover_ext.testing.contract import failovers
from nova_failover_ext.testing.contract import refusals
from nova_failover_ext.testing.contract import several
from nova_failover_ext.testing.contract import shapes

__all__ = ('CLAUSES',)

#: All clauses, by name. Each is called with a ``talk.Talk`` and raises
#: ``talk.Broken`` if Cinder does otherwise.
CLAUSES = {clause.__name__: clause for clauses in (
    attachments.CLAUSES, several.CLAUSES, refusals.CLAUSES, shapes.CLAUSES,
    failovers.CLAUSES) for clause in clauses}
