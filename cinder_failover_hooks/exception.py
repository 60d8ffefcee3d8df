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

"""The errors of this package, all under one base."""

from typing import Any


class FailoverHooksException(Exception):
    """Base of every error that this package raises.

    :param message: replaces ``msg_fmt`` when given
    :param kwargs: values for the placeholders of ``msg_fmt``
    """

    msg_fmt = 'An unknown failover hooks error occurred.'

    def __init__(self, message: str | None = None, **kwargs: Any) -> None:
        self.kwargs = kwargs
        super().__init__(message or self.msg_fmt % kwargs)


class InvalidNotification(FailoverHooksException):
    """Base of what can be wrong with a payload that was received."""

    msg_fmt = 'Not a failover notification: %(reason)s'


class MalformedPayload(InvalidNotification):
    """The payload is not one of ours, or a field of it cannot be read."""

    msg_fmt = 'Malformed failover notification payload: %(reason)s'


class UnsupportedPayload(InvalidNotification):
    """The payload is of another major version than the one known here."""

    msg_fmt = ('Failover notification %(name)s has version %(version)s, '
               'version %(supported)s is known here.')


class DeliveryStopped(FailoverHooksException):
    """The process ends: what was still to be sent is given up."""

    msg_fmt = 'Emission was stopped.'
