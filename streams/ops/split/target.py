"""The new topics of a split: created, marked while they are written, finished at once.

The mark is the applied record of a changelog with :data:`streams.engine.applied.BEING_WRITTEN` in place of a
number of partitions.
"""

import time
from collections.abc import Mapping
from enum import Enum
from typing import Final

from schemas.topics import EVENTS, TOPICS
from streams.config.settings import Settings
from streams.engine.applied import APPLIED_KEY, BEING_WRITTEN, Origin, newest_applied, origin_of, pack_applied
from streams.errors import DeliveryError, TopicError
from streams.kafka import scan
from streams.kafka.clients import admin, consumer, producer
from streams.kafka.produce import CLIENT
from streams.kafka.topics import TIMEOUT_S, TopicAdmin, describe_topics, require_topics
from streams.ops.split.sources import STAGES, StageTopics

__all__ = ["Condition", "condition", "finish", "prepare"]

POLL_S: Final = 0.1
"""Seconds between two looks at topics that are being deleted."""
Applied = Mapping[str, Mapping[int, int]]
"""Applied offsets by stage and partition."""


class Condition(Enum):
    """What is there under the new prefix."""

    ABSENT = "absent"
    EMPTY = "empty"
    """Topics without a record."""
    BEING_WRITTEN = "being written"
    """A split was begun, and not finished."""
    IN_USE = "in use"
    """Records of somebody else, or of a finished split."""


def condition(new: Settings) -> Condition:
    """Return what is there under the new prefix."""
    names = {name: new.topic(name) for name in TOPICS}
    there = describe_topics(new, names.values())
    existing = [name for name, full in names.items() if full in there]
    if not existing:
        return Condition.ABSENT
    for stage in STAGES:
        if stage.changelog in existing:
            reader = consumer(new, scan.READER)
            try:
                found = newest_applied(reader, new.topic(stage.changelog), scan.spans(new, stage.changelog))
            finally:
                reader.close()
            if any(origin_of(value).parts == BEING_WRITTEN for value in found.values()):
                return Condition.BEING_WRITTEN
    written = any(high > low for name in existing for low, high in scan.spans(new, name).values())
    return Condition.IN_USE if written else Condition.EMPTY


def prepare(new: Settings, partitions: int, replication: int | None) -> None:
    """Create the topics anew, and mark their changelogs.

    Raises
    ------
    TopicError
        The topics are in use, or the cluster refused.
    """
    if condition(new) is Condition.IN_USE:
        what = f"there are topics with records under the prefix {new.topic_prefix!r}"
        why = "they were split to before, or belong to somebody else"
        raise TopicError(what, why=why, next_step="give another --to-prefix, or delete them yourself")
    _delete(new)
    TopicAdmin(new, new.topic_table(partitions=partitions).values(), replication=replication).apply()
    mark = pack_applied(-1, Origin(BEING_WRITTEN))
    client, refused = producer(new, CLIENT), list[str]()
    for stage, count in _changelogs(new).items():
        for partition in range(count):
            client.produce(
                new.topic(stage.changelog), key=APPLIED_KEY, value=mark, partition=partition,
                on_delivery=lambda error, _: refused.append(error.str()) if error else None,
            )  # fmt: skip
    if client.flush(TIMEOUT_S) or refused:
        what = "the new changelogs could not be marked"
        why = refused[0] if refused else "no answer in time"
        raise DeliveryError(what, why=why, next_step="check the brokers, then repeat")


def finish(new: Settings, applied: Applied, *, partitions: int) -> None:
    """Write the positions of all stages in one transaction: from then on workers may start.

    Parameters
    ----------
    new
        Of the new topics.
    applied
        Applied offsets in the new sources.
    partitions
        Of the events.
    """
    sources = require_topics(new, [stage.source for stage in STAGES])
    client = producer(new, {"transactional.id": f"{new.topic_prefix}nearline-split"})
    client.init_transactions(TIMEOUT_S)
    client.begin_transaction()
    for stage, count in _changelogs(new).items():
        parts = partitions if stage.source == EVENTS else new.title_shards if stage.name == "titles" else 1
        origin = Origin(parts, sources[stage.source].topic_id)
        for partition in range(count):
            offset = applied.get(stage.name, {}).get(partition, -1)
            client.produce(
                new.topic(stage.changelog), key=APPLIED_KEY, value=pack_applied(offset, origin),
                partition=partition,
            )  # fmt: skip
    client.commit_transaction(TIMEOUT_S)


def _changelogs(new: Settings) -> dict[StageTopics, int]:
    """Return each stage with the number of partitions of its changelog."""
    found = require_topics(new, [stage.changelog for stage in STAGES])
    return {stage: found[stage.changelog].partitions for stage in STAGES}


def _delete(new: Settings) -> None:
    """Delete the topics, and wait until the cluster has none of them."""
    names = [new.topic(name) for name in TOPICS]
    client = admin(new)
    there = list(describe_topics(new, names, client))
    for future in client.delete_topics(there, request_timeout=TIMEOUT_S).values() if there else ():
        future.result(TIMEOUT_S)
    deadline = time.monotonic() + TIMEOUT_S
    while left := describe_topics(new, names, client):
        if time.monotonic() > deadline:
            what = f"topic {next(iter(left))} is not deleted"
            raise TopicError(
                what, why=f"{TIMEOUT_S:.0f} s passed", next_step="check the brokers, then repeat"
            )
        time.sleep(POLL_S)
