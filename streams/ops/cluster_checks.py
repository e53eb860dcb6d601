"""The checks of `nearline doctor` that ask the cluster."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from schemas import DecodeError, topics
from schemas.codec import decode_dead_letter, decode_event
from schemas.partitioner import partition_for
from streams.errors import BrokerError
from streams.kafka import scan as topic_scan
from streams.kafka.clients import ConfigResource, Consumer, ResourceType, TopicPartition, admin, consumer
from streams.kafka.topics import MISSING, TopicAdmin, is_embedded
from streams.ops.findings import Finding, Patient, Status
from streams.ops.state_checks import reach_of_the_log

__all__ = ["CLUSTER_CHECKS"]

BEHIND = 10_000
"""Records of lag that are worth a warning: a worker's second."""
SKEW_MS = 60_000
"""Clocks further apart than a minute are wrong, not slow."""
STALE_MS = 30 * 86_400_000
"""A catalog without a change for a month is no longer fed."""
LATELY_MS = 86_400_000
"""Dead letters of the last day are news."""
LETTERS = 1_000
"""Newest dead letters that are looked at."""


def broker(patient: Patient) -> Finding:
    """Say whether a cluster answers, which, and of which version."""
    try:
        found = patient.metadata
    except BrokerError as error:
        return Finding(Status.FAIL, f"{error.what}: {error.why}", error.next_step)
    what = f"{len(found.brokers)} broker(s) at {patient.settings.brokers}, cluster {found.cluster_id}"
    if is_embedded(found):
        return Finding(Status.OK, f"{what}: the embedded one, which keeps and isolates nothing")
    resource = ConfigResource(ResourceType.BROKER, str(next(iter(found.brokers))))
    client = admin(patient.settings)  # kept: what a client was asked dies with it
    answer = client.describe_configs([resource])[resource].result(topic_scan.TIMEOUT_S)
    what = f"{what}, {_version(answer)}"
    entry = answer.get("auto.create.topics.enable")
    if entry is not None and entry.value == "true":
        cause = f"{what}; it creates topics by itself, so a misspelt name is a new topic of the wrong shape"
        return Finding(Status.WARN, cause, "set auto.create.topics.enable=false on the brokers")
    return Finding(Status.OK, what)


def topic_table(patient: Patient) -> Finding:
    """Compare the cluster's topics with the product's table."""
    settings, partitions = patient.settings, patient.partitions(topics.EVENTS) or 4
    wanted = settings.topic_table(partitions=partitions)
    found = TopicAdmin(settings, wanted.values()).check()
    missing = [difference.topic for difference in found if difference.found == MISSING]
    advice = "run `nearline topics apply`; `nearline topics check` shows every difference"
    if missing:
        return Finding(Status.FAIL, f"missing: {', '.join(missing)}", advice)
    if found:
        first = found[0]
        one = f"{first.what} of {first.topic} is {first.found}, not {first.wanted}"
        cause = f"{len(found)} difference(s); {one}"
        return Finding(Status.WARN, cause, advice)
    return Finding(Status.OK, f"{len(wanted)} topics as the table has them")


def partitioner(patient: Patient) -> Finding:
    """Look for viewers who are in another partition than Java's murmur2 gives them."""
    partitions, seen = patient.partitions(topics.EVENTS), patient.newest_events
    if not seen:
        return Finding(Status.UNKNOWN, "there is no event yet")
    keys = [(message.key() or b"", message.partition()) for message in seen]
    keyless = sum(not key for key, _ in keys)
    astray = sum(bool(key) and partition_for(key, partitions) != place for key, place in keys)
    if keyless or astray:
        cause = f"of the newest {len(keys)} events {astray} are in a wrong partition, {keyless} have no key"
        step = "set partitioner=murmur2_random, key = viewer id in the producer; these are dead letters"
        return Finding(Status.FAIL, cause, step)
    return Finding(Status.OK, f"the newest {len(keys)} events are where murmur2 puts them")


def lag(patient: Patient) -> Finding:
    """Say how far the group is behind the events, as it last told the broker."""
    settings, partitions = patient.settings, patient.partitions(topics.EVENTS)
    name = settings.topic(topics.EVENTS)
    reader = consumer(settings, {"group.id": settings.consumer_group})
    try:
        places = [TopicPartition(name, partition) for partition in range(partitions)]
        told = reader.committed(places, timeout=topic_scan.TIMEOUT_S)
        behind = [_behind(reader, place) for place in told]
    finally:
        reader.close()
    if all(place.offset < 0 for place in told):
        cause = f"group {settings.consumer_group} has never told a position"
        return Finding(Status.UNKNOWN, cause, "start a worker with `nearline worker`")
    cause = f"group {settings.consumer_group} is {sum(behind)} records behind"
    if sum(behind) > BEHIND:
        return Finding(Status.WARN, cause, "start another worker, up to one a partition, or look at its log")
    return Finding(Status.OK, cause)


def clocks(patient: Patient) -> Finding:
    """Compare this machine's clock, the producers' and the devices'."""
    newest = max((message.timestamp()[1] for message in patient.newest_events), default=0)
    if not newest:
        return Finding(Status.UNKNOWN, "there is no event yet")
    if newest - patient.now_ms > SKEW_MS:
        cause = f"the newest event was sent {(newest - patient.now_ms) / 1000:.0f} s from now"
        return Finding(Status.FAIL, cause, "set the clocks of the producers and of this machine (NTP)")
    seen = patient.newest_events
    ahead = sum(_ahead_ms(message.value(), message.timestamp()[1]) > SKEW_MS for message in seen)
    if ahead:
        cause = f"{ahead} of the newest {len(seen)} events happened after they were sent"
        return Finding(Status.WARN, cause, "event_time_ms is UTC, in ms; look at the devices' clocks")
    age_s = max(0, patient.now_ms - newest) / 1000
    return Finding(Status.OK, f"the newest event was sent {age_s:.0f} s ago")


def catalog(patient: Patient) -> Finding:
    """Look whether there are titles with guards, and whether somebody still feeds them."""
    found = topic_scan.read_latest(
        patient.settings, topics.CATALOG, range(patient.partitions(topics.CATALOG))
    )
    titles = [message for message in found.values() if message.value() is not None]
    if not titles:
        cause = "the catalog is empty: no maturity limits, no windows, no names"
        return Finding(Status.WARN, cause, f"produce titles to {patient.settings.topic(topics.CATALOG)}")
    newest = max(message.timestamp()[1] for message in found.values())
    cause = f"{len(titles)} titles, the newest of {datetime.fromtimestamp(newest / 1000, UTC):%Y-%m-%d}"
    if patient.now_ms - newest > STALE_MS:
        return Finding(Status.WARN, cause, "look whether the catalog's owner still produces")
    return Finding(Status.OK, cause)


def dead_letters(patient: Patient) -> Finding:
    """Count what could not be used lately, by reason."""
    reasons: Counter[str] = Counter()
    for message in topic_scan.tail(patient.settings, topics.DEAD_LETTERS, LETTERS):
        if patient.now_ms - message.timestamp()[1] < LATELY_MS:
            reasons[_reason(message.value())] += 1
    if not reasons:
        return Finding(Status.OK, "none in the last day")
    counted = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
    step = f"read {patient.settings.topic(topics.DEAD_LETTERS)}: each names its field and source offset"
    return Finding(Status.WARN, f"in the last day: {counted}", step)


CLUSTER_CHECKS = (broker, topic_table, partitioner, lag, clocks, catalog, dead_letters, reach_of_the_log)
"""In the order in which they are shown."""


def _version(config: Mapping[str, Any]) -> str:
    """Tell the version by a broker's properties: the protocol does not say it, and Kafka 4 took one away."""
    spoken = config.get("inter.broker.protocol.version")
    return f"Kafka {spoken.value}" if spoken is not None else "Kafka 4.0 or newer"


def _behind(reader: Consumer, place: TopicPartition) -> int:
    low, high = reader.get_watermark_offsets(place, timeout=topic_scan.TIMEOUT_S, cached=False)
    return max(0, high - max(low, place.offset))


def _ahead_ms(value: bytes | None, sent_ms: int) -> int:
    try:
        return decode_event(value).event_time_ms - sent_ms
    except DecodeError:
        return 0


def _reason(value: bytes | None) -> str:
    try:
        return decode_dead_letter(value).reason.value
    except DecodeError:
        return "unreadable"
