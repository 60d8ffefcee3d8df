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

"""The exceptions of this package."""

from typing import Any


class FailoverHooksException(Exception):
    """Base of every exception of this package.

    :param message: replaces ``msg_fmt`` when given
    :param kwargs: values for the placeholders of ``msg_fmt``
    """

    msg_fmt = 'An unknown failover hooks error occurred.'

    def __init__(self, message: str | None = None, **kwargs: Any) -> None:
        self.kwargs = kwargs
        super().__init__(message or self.msg_fmt % kwargs)


class InvalidNotification(FailoverHooksException):
    """Base of the errors of a received payload."""

    msg_fmt = 'Not a failover notification: %(reason)s'


class MalformedPayload(InvalidNotification):
    """The payload is not one of the hooks, or has an unreadable field."""

    msg_fmt = 'Malformed failover notification payload: %(reason)s'


class UnsupportedPayload(InvalidNotification):
    """The payload has an unsupported major version."""

    msg_fmt = ('Failover notification %(name)s has version %(version)s; '
               'this release supports version %(supported)s.')


class DeliveryStopped(FailoverHooksException):
    """The service stops before a notification is sent."""

    msg_fmt = 'The service stops: sending was abandoned.'


class InvalidOption(FailoverHooksException):
    """An option has a wrong value."""

    msg_fmt = '%(option)s: %(reason)s'
