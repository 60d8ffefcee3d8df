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


class FailoverException(Exception):
    """Base of every error that this package raises.

    :param kwargs: values for the placeholders of ``msg_fmt``
    """

    msg_fmt = 'An unknown failover recovery error occurred.'

    def __init__(self, message: str | None = None, **kwargs: Any) -> None:
        self.kwargs = kwargs
        super().__init__(message or self.msg_fmt % kwargs)


class BackendNotFound(FailoverException):
    """Cinder has no such volume backend."""

    msg_fmt = ('Cinder has no volume backend named %(backend)s; '
               'known backends: %(known)s.')


class CinderUnavailable(FailoverException):
    """Cinder's API cannot be asked."""

    msg_fmt = 'The Cinder API cannot be used: %(reason)s.'


class EngineUnavailable(FailoverException):
    """No engine answered on the message bus."""

    msg_fmt = ('No nova-failover-engine answered within %(seconds)s seconds; '
               'is one running and connected to the same message bus?')


class BrokerUnavailable(FailoverException):
    """The message bus cannot be reached."""

    msg_fmt = 'The message bus cannot be reached: %(reason)s.'


class DatabaseUnavailable(FailoverException):
    """A Nova database cannot be read."""

    msg_fmt = 'The Nova database cannot be read: %(reason)s.'


class DecisionsUnavailable(FailoverException):
    """The database of operators' decisions cannot be used."""

    msg_fmt = 'The database of decisions cannot be used: %(reason)s.'


class RecoveryPaused(FailoverException):
    """An operator has paused what is asked for."""

    msg_fmt = '%(pause)s.'


class NotPaused(FailoverException):
    """There is no pause to end."""

    msg_fmt = '%(subject)s not paused; paused at present: %(paused)s.'


class AlreadyExcluded(FailoverException):
    """An operator has excluded that before."""

    msg_fmt = '%(exclusion)s.'


class NotExcluded(FailoverException):
    """There is no exclusion to end."""

    msg_fmt = ('The %(subject)s is not excluded; excluded at present: '
               '%(excluded)s.')


class ConfigurationInvalid(FailoverException):
    """A needed option is missing or has a bad value."""

    msg_fmt = 'The configuration cannot be used: %(reason)s.'


class RecoveryDeferred(FailoverException):
    """The server cannot be recovered now, but may be later.

    Nothing was changed: the guest and every record are as they were.
    """

    msg_fmt = 'Recovery is deferred: %(reason)s.'

    @property
    def reason(self) -> str:
        """Why, without saying again that it is deferred."""
        return str(self.kwargs.get('reason', self))


class AttachmentConflict(RecoveryDeferred):
    """Cinder does not update an attachment because of another one."""


class RecoveryFailed(FailoverException):
    """A step of a recovery failed; it is safe to try again.

    The step is named, so that an operator knows where it stands.
    """

    msg_fmt = 'Recovery failed in step %(step)s: %(reason)s.'


class StorageUnreachable(RecoveryDeferred):
    """The new storage target does not answer on the compute host."""

    msg_fmt = ('Volume %(volume_id)s: the storage it moved to cannot be '
               'reached from this host: %(reason)s.')

    @property
    def reason(self) -> str:
        """Why, without the volume, which the reader knows."""
        return ('the storage it moved to cannot be reached from this host: '
                f'{self.kwargs["reason"]}')
