"""Delete a viewer: produce a forget event, and wait until the worker has applied it.

The request is in the log after all events that it concerns, so that live workers and replays delete at the
same offset. What is deleted and what stays: deploy/adr/0033.
"""

import time
import uuid
from typing import Final, NamedTuple

from schemas import Forget, topics
from schemas.codec import decode_event, encode
from schemas.errors import SchemaError
from schemas.partitioner import partition_for
from streams.clock import now_ms
from streams.config.settings import Settings
from streams.engine.applied import newest_applied, unpack_applied
from streams.engine.changelog import RESTORER, ends
from streams.errors import BrokerUnreachableError, DeliveryError, SettingsError
from streams.kafka import clients as kafka_clients
from streams.kafka.clients import KafkaException
from streams.kafka.produce import put
from streams.kafka.scan import newest, partitions_of
from streams.kafka.topics import require_topics
from streams.stages.wire.events import SEPARATOR, account_of

__all__ = ["ForgetRequest", "await_forgotten", "is_known", "new_event_id", "request"]

READ_EVERY_S: Final = 0.1
"""Wait between two reads of the changelog."""


class ForgetRequest(NamedTuple):
    """Position of a request in the events' topic."""

    event_id: str
    partition: int
    offset: int


def new_event_id() -> str:
    """Return the id of a new request."""
    return f"forget-{uuid.uuid4().hex}"


def request(settings: Settings, viewer_id: str, event_id: str | None = None) -> ForgetRequest:
    """Produce a request to delete a viewer; return its position.

    Parameters
    ----------
    settings
        Cluster, and whether accounts have profiles.
    viewer_id
        The viewer; if accounts have profiles, a profile is a viewer, as ``account:profile``.
    event_id
        Id of the event. Default: a new one.

    Raises
    ------
    SettingsError
        It is not a valid viewer id.
    StreamError
        The broker does not answer, a topic is missing, or the event was rejected.
    """
    account = account_of(viewer_id, profiles=settings.profiles)
    profile = viewer_id.partition(SEPARATOR)[2] if account != viewer_id else None
    event = Forget(
        event_id=event_id or new_event_id(),
        viewer_id=account,
        event_time_ms=now_ms(),
        profile_id=profile,
        tenant_id=settings.tenant,
    )
    try:
        value = encode(event)
        decode_event(value)
    except SchemaError as error:
        advice = "give the id as in the events; check it with `nearline inspect viewer ID`"
        what = "this is not a valid viewer id"
        raise SettingsError(what, why=str(error), next_step=advice) from None
    require_topics(settings, (topics.EVENTS, topics.VIEWER_STATE))
    return ForgetRequest(event.event_id, *put(settings, topics.EVENTS, account.encode(), value))


def is_known(settings: Settings, viewer_id: str) -> bool:
    """Return whether the live version has state of a viewer; reads a partition of it."""
    key = viewer_id.encode(errors="replace")
    partition = partition_for(key, partitions_of(settings, topics.VIEWER_STATE))
    return newest(settings, topics.VIEWER_STATE, partition, key) is not None


def await_forgotten(settings: Settings, sent: ForgetRequest, *, timeout_s: float) -> float:
    """Wait until the worker has applied a request; return the seconds that it took.

    Raises
    ------
    DeliveryError
        It was not applied within `timeout_s` seconds.
    """
    begun, changelog = time.monotonic(), settings.topic(topics.VIEWER_STATE)
    what = f"the request is in the log, but no worker applied it within {timeout_s:g} s"
    why = "no worker has this partition, or it lags behind"
    advice = "start a worker, or see its lag in `nearline doctor`; do not repeat the request"
    consumer = kafka_clients.consumer(settings, RESTORER)
    try:
        while (waited := time.monotonic() - begun) < timeout_s:
            left_s = max(timeout_s - waited, READ_EVERY_S)
            span = {sent.partition: ends(consumer, changelog, sent.partition, timeout_s=left_s)}
            found = newest_applied(consumer, changelog, span, silence_s=left_s)
            applied = found.get(sent.partition)
            if applied is not None and unpack_applied(applied) >= sent.offset:
                return waited
            time.sleep(READ_EVERY_S)
    except (KafkaException, BrokerUnreachableError) as error:
        why = f"the broker does not answer any more: {error}"
    finally:
        consumer.close()
    raise DeliveryError(what, why=why, next_step=advice)
