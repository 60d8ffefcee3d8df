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

"""What to expect of a backend's driver when it fails over.

Told from what Cinder says of the driver and from the table in
:mod:`cinder_failover_hooks.drivers`, which is data and imports neither
Cinder nor Nova.
"""

import dataclasses

from cinder_failover_hooks import drivers

Driver = drivers.Driver

_BLOCKS = ('the driver %s gives out the old connection after a failover: a '
           'refresh cannot heal it')
_UNCHANGED = 'a failover with the driver %s changes no connection'
_NO_CHANGE = 'a failover changes no connection'
_MAYBE = 'if the driver is %s: %s'


@dataclasses.dataclass(frozen=True, slots=True)
class Expectation:
    """What is known of a backend's driver.

    :ivar drivers: those that it may be, none if it is not known
    :ivar blocks: why a refresh cannot heal its volumes after a failover, ''
        if it can or if that is not certain
    :ivar unchanged: why there is nothing to heal after a failover, '' if
        there is or if that is not certain
    :ivar doubts: what may keep a refresh from healing its volumes
    :ivar notes: what an operator has to know before a failover
    """

    drivers: tuple[Driver, ...] = ()
    blocks: str = ''
    unchanged: str = ''
    doubts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def certain(self) -> bool:
        """Whether it is known which driver it is."""
        return len(self.drivers) == 1

    @property
    def proven(self) -> str:
        """Where a recovery after its failover was seen, '' for nowhere."""
        return self.drivers[0].proven if self.certain else ''


#: Nothing is known of the driver; Cinder is asked about every volume.
UNKNOWN = Expectation()


def recognise(vendor: str | None, protocol: str | None,
              named: str | None = None) -> Expectation:
    """Tell what to expect.

    Several drivers of a vendor say the same of themselves; then only what
    an operator says is certain, and what is not certain is but noted.

    :param vendor: ``vendor_name`` in the driver's capabilities
    :param protocol: ``storage_protocol`` there
    :param named: what an operator calls the driver, None for nothing; a name
        that is not in the table says that none of the table's is meant
    """
    if named is not None:
        found = tuple(d for d in drivers.KNOWN if d.name == named)
    else:
        plain = drivers.plain_protocol(protocol or '')
        found = tuple(d for d in drivers.KNOWN
                      if d.vendor == vendor and plain in d.protocols)
    if len(found) == 1:
        return _certain(found[0])
    return Expectation(
        found, doubts=tuple(_MAYBE % (driver.title, _NO_CHANGE)
                            for driver in found if not driver.changes),
        notes=tuple(_MAYBE % (driver.title, note)
                    for driver in found for note in _notes(driver)))


def _certain(driver: Driver) -> Expectation:
    blocks = unchanged = ''
    if drivers.KnownIssue.CONNECTION_UNCHANGED in driver.known_issues:
        blocks = _BLOCKS % driver.title
    elif not driver.changes:
        unchanged = _UNCHANGED % driver.title
    return Expectation((driver,), blocks, unchanged, notes=_notes(driver))


def _notes(driver: Driver) -> tuple[str, ...]:
    notes = [issue.value for issue in driver.known_issues]
    if not driver.changes and not notes:
        notes.append(_NO_CHANGE)
    if driver.old_side is not drivers.OldSide.NO:
        notes.append('the site that is left has to answer: %s'
                     % driver.old_side.value)
    return tuple(notes)
