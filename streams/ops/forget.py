"""Forgetting a viewer: an event that says so, and the look whether the worker has followed it.

The request stands in the log behind everything that it is about, so that whoever reads the log, now or in a
replay, forgets at the same place. Which rows go, and what stays: ``deploy/adr``.
"""

import time
import uuid
from typing import Final, NamedTuple

from schemas import Forget, topics
from schemas.codec import decode_event, encode
from schemas.errors import SchemaError
from streams.config.settings import Settings
from streams.engine.applied import newest_applied, unpack_applied
from streams.engine.changelog import RESTORER, ends
from streams.errors import DeliveryError, SettingsError
from streams.kafka import clients as kafka_clients
from streams.kafka.produce import put
from streams.kafka.topics import require_topics
from streams.stages.wire.events import SEPARATOR, account_of

__all__ = ["Request", "await_forgotten", "request"]

PAUSE_S: Final = 0.1
"""Seconds between two looks at the changelog."""


class Request(NamedTuple):
    """Where a request stands among the events."""

    event_id: str
    partition: int
    offset: int


def request(settings: Settings, viewer_id: str) -> Request:
    """Ask the workers to forget a viewer; return where the request stands.

    Parameters
    ----------
    settings
        Where Kafka is, and whether accounts have profiles.
    viewer_id
        Who; of accounts with profiles each profile is a viewer, as ``account:profile``.

    Raises
    ------
    SettingsError
        It cannot be a viewer's id.
    StreamError
        The broker does not answer, a topic is missing, or the event was refused.
    """
    account = account_of(viewer_id, profiles=settings.profiles)
    profile = viewer_id.partition(SEPARATOR)[2] if account != viewer_id else None
    event = Forget(
        event_id=f"forget-{uuid.uuid4().hex}",
        viewer_id=account,
        event_time_ms=time.time_ns() // 1_000_000,
        profile_id=profile,
        tenant_id=settings.tenant,
    )
    try:
        value = encode(event)
        decode_event(value)
    except SchemaError as error:
        advice = "give the id as it is in the events; `nearline inspect viewer ID` shows whom it knows"
        what = "this cannot be a viewer's id"
        raise SettingsError(what, why=str(error), next_step=advice) from None
    require_topics(settings, (topics.EVENTS, topics.VIEWER_STATE))
    return Request(event.event_id, *put(settings, topics.EVENTS, account.encode(), value))


def await_forgotten(settings: Settings, asked: Request, *, timeout_s: float) -> float:
    """Wait until the worker's state has passed a request; return the seconds that it took.

    Raises
    ------
    DeliveryError
        It has not in `timeout_s` seconds.
    """
    begun, changelog = time.monotonic(), settings.topic(topics.VIEWER_STATE)
    consumer = kafka_clients.consumer(settings, RESTORER)
    try:
        while (waited := time.monotonic() - begun) < timeout_s:
            span = {asked.partition: ends(consumer, changelog, asked.partition)}
            applied = newest_applied(consumer, changelog, span).get(asked.partition)
            if applied is not None and unpack_applied(applied) >= asked.offset:
                return waited
            time.sleep(PAUSE_S)
    finally:
        consumer.close()
    what = f"the request is in the log, and no worker has followed it in {timeout_s:g} s"
    why = "no worker has this partition, or it has not come so far"
    advice = "start a worker, or see in `nearline doctor` how far it is; the request need not be repeated"
    raise DeliveryError(what, why=why, next_step=advice)
