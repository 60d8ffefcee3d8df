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

"""The acting engine, and whether it hears of failovers."""

from collections.abc import Iterable, Mapping
from typing import Any
import uuid

from cinder_failover_hooks import notifications
from oslo_config import cfg
import oslo_messaging as messaging
import tenacity

from nova_failover_ext.cli.checks import findings
from nova_failover_ext.cli import engine_client
from nova_failover_ext.cli import excluding
from nova_failover_ext.cli import pausing
from nova_failover_ext import exception

ENGINE = 'engine'
PAUSE = 'pause'
EXCLUSION = 'exclusion'
NOTIFICATIONS = 'notifications'

#: What an engine that cannot agree with others names as its means.
ALONE = 'none'
#: What the listener of the engine lets through.
PUBLISHER = 'volume.nova-failover'
#: Seconds in which the engine has to hear of a probe, and between questions.
PATIENCE = 10
POLL = 0.5


def health(client: engine_client.EngineClient) -> tuple[
        list[findings.Finding], dict[str, Any] | None]:
    """Ask the engine how it fares.

    :returns: findings, and what it says, None if nothing
    """
    bus = findings.good('message bus', 'API')
    try:
        said = client.health()
    except exception.BrokerUnavailable as exc:
        return [findings.failure('message bus', 'API', str(exc))], None
    except exception.EngineUnavailable as exc:
        return [bus, findings.failure(ENGINE, '', str(exc))], None
    return [bus, _engine(said)], said


def paused(said: Mapping[str, Any]) -> list[findings.Finding]:
    """Return a warning for each thing that holds recoveries back.

    :param said: see ``EngineAPI.health``
    """
    return [findings.warning(PAUSE, '', sentence.rstrip('.'))
            for sentence in pausing.sentences(said)]


def excluded(said: Mapping[str, Any]) -> list[findings.Finding]:
    """Return a warning for each thing that recovery leaves alone.

    :param said: see ``EngineAPI.health``
    """
    return [findings.warning(EXCLUSION, '', sentence.rstrip('.'))
            for sentence in excluding.sentences(said)]


def last_notifications(said: Mapping[str, Any],
                       backends: Iterable[str]) -> list[findings.Finding]:
    """Return when Cinder last sent a notification, for each backend.

    Silence is no fault: cinder-volume announces itself at its
    start, and the engine may have begun to act since then.
    """
    times = said.get('last_notifications') or {}
    return [findings.good(
        NOTIFICATIONS, name,
        'last notification at %s' % times[name] if times.get(name) else
        'no notification since this engine acquired leadership; cinder-volume '
        'announces the backend when it starts') for name in backends]


def probe(conf: cfg.ConfigOpts,
          client: engine_client.EngineClient) -> findings.Finding:
    """Publish a probe as Cinder would, and see whether the engine hears it.

    :param conf: with the options of ``[failover_engine]``
    """
    options = conf.failover_engine
    topics = ', '.join(options.notification_topics)
    nonce = uuid.uuid4().hex
    try:
        publish(conf, nonce)
        _await(client, nonce)
    except tenacity.RetryError:
        return findings.warning(
            NOTIFICATIONS, topics,
            'the engine has not received a probe within '
            '%d seconds; failovers are noticed every %d seconds only'
            % (PATIENCE, options.reconcile_interval))
    except (messaging.InvalidTransportURL, messaging.DriverLoadFailure,
            exception.BrokerUnavailable, exception.EngineUnavailable) as exc:
        return findings.warning(
            NOTIFICATIONS, topics,
            'a probe could not be sent (%s)' % type(exc).__name__)
    return findings.good(NOTIFICATIONS, topics, 'the engine hears a probe')


def publish(conf: cfg.ConfigOpts, nonce: str) -> None:
    """Publish a probe on the topics, exchange and bus of the configuration.

    :param nonce: by which it is known
    :raises oslo_messaging.InvalidTransportURL: if the URL makes no sense
    """
    options = conf.failover_engine
    exchange = conf.control_exchange
    # A notifier takes the exchange that was the default when its transport
    # was made; there is no other way to name it.
    conf.set_override('control_exchange', options.notification_exchange)
    try:
        transport = messaging.get_notification_transport(
            conf, url=options.transport_url)
    finally:
        conf.set_override('control_exchange', exchange)
    notifier = messaging.Notifier(
        transport, publisher_id=PUBLISHER, driver='messagingv2', retry=1,
        topics=list(options.notification_topics))
    notifier.info({}, notifications.PROBE, {'nonce': nonce})


def _await(client: engine_client.EngineClient, nonce: str) -> None:
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_result(lambda known: not known),
        wait=tenacity.wait_fixed(POLL),
        stop=tenacity.stop_after_delay(PATIENCE))
    retrying(lambda: nonce in (client.health().get('nonces') or ()))


def _engine(said: Mapping[str, Any]) -> findings.Finding:
    host = str(said.get('host') or '')
    text = 'acts since %s, RPC %s' % (said.get('leading_since') or 'its start',
                                      said.get('version'))
    if said.get('coordination') in (None, '', ALONE):
        return findings.warning(
            ENGINE, host, '%s; it cannot agree with others: run no other'
            % text)
    return findings.good(ENGINE, host, '%s, agrees with others by %s' % (
        text, said['coordination']))
