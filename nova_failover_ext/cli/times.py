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

"""Points in time, as an operator writes and reads them; always UTC."""

import argparse
import datetime
import re

_UNITS = {'m': 'minutes', 'h': 'hours', 'd': 'days'}


def moment(text: str) -> datetime.datetime:
    """Return the time that an argument means.

    :param text: how long ago, such as ``90m``, ``12h`` or ``30d``; or an
        ISO time, in UTC unless it says otherwise
    :raises argparse.ArgumentTypeError: if it is neither
    """
    return _time(text, -1)


def deadline(text: str) -> datetime.datetime:
    """Return the time that an argument means.

    :param text: how long from now, or an ISO time, as for :func:`moment`
    :raises argparse.ArgumentTypeError: if it is neither
    """
    return _time(text, 1)


def seconds(text: str) -> float:
    """Return a positive number of seconds.

    :raises argparse.ArgumentTypeError: if it is not
    """
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float('inf'):
        raise argparse.ArgumentTypeError('%s is not positive' % text)
    return value


def _time(text: str, direction: int) -> datetime.datetime:
    while_ = re.fullmatch(r'(\d{1,5})([mhd])', text)
    try:
        if while_:
            return (datetime.datetime.now(datetime.UTC)
                    + direction * datetime.timedelta(
                        **{_UNITS[while_[2]]: int(while_[1])}))
        when = datetime.datetime.fromisoformat(text)
    except (ValueError, OverflowError) as exc:
        raise argparse.ArgumentTypeError(
            '%s is neither a time such as 2026-11-23T14:05:00 nor a while '
            'such as 90m, 12h or 30d' % text) from exc
    return (when.astimezone(datetime.UTC) if when.tzinfo
            else when.replace(tzinfo=datetime.UTC))


def shown(when: datetime.datetime | None) -> str:
    """Return a time as tables show it, '' for none."""
    return when.isoformat(timespec='seconds') if when else ''
