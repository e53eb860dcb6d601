"""The single-process replay that workers are compared with: the same steps, no broker, no restarts.

The viewers' oracle replays the event log; the titles' oracle replays the committed signals, in the order in
which the log holds them. What is promised exactly is compared byte by byte; learned vectors are not, because
what they were learned from depends on how old the replica was.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from online_models.titles import TitleTable, row_dtype
from online_models.viewers import head_dtype
from schemas import topics
from schemas.codec import decode_home
from streams import title_rows, viewer_rows
from streams.changelog import APPLIED_KEY, unpack_applied
from streams.kafka_clients import KafkaError, Message, TopicPartition, consumer
from streams.metrics import Metrics
from streams.replica import Replica
from streams.session import WorkerProcess
from streams.settings import Settings
from streams.signals import unpack
from streams.titles import TitlesStep
from streams.viewers import ViewersStage

PARTITIONS = 4
VIEWER_FACTS = ("limit", "country", "known", "positives", "last_at", "ring_n", "ring")
TITLE_FACTS = ("watches", "trend", "trend_at", "counts", "nbr", "nbr_w")


class Rows(dict[bytes, bytes]):
    """A store in memory."""

    applied = -1

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the rows of many keys."""
        return [self.get(key) for key in keys]

    def scan(self, prefix: bytes = b"") -> Iterable[tuple[bytes, bytes]]:
        """Yield the rows whose keys begin with a prefix."""
        return [(key, value) for key, value in sorted(self.items()) if key.startswith(prefix)]


@dataclass
class Facts:
    """What is promised exactly, in a form that can be compared."""

    viewers: dict[bytes, bytes] = field(default_factory=dict)
    titles: dict[bytes, bytes] = field(default_factory=dict)
    signals: list[tuple[Any, ...]] = field(default_factory=list)
    last_cause: dict[str, int] = field(default_factory=dict)
    """Offset of the last event that moved each viewer."""


def read(settings: Settings, topic: str) -> list[Message]:
    """Read every committed record of a topic, partition by partition, in order."""
    client = consumer(settings, {"enable.partition.eof": True, "group.id": "oracle"})
    found: list[Message] = []
    parts = client.list_topics(settings.topic(topic), timeout=10).topics[settings.topic(topic)].partitions
    client.assign([TopicPartition(settings.topic(topic), p, 0) for p in parts])
    open_parts = set(parts)
    while open_parts:
        for message in client.consume(5_000, 1.0):
            error = message.error()
            if error is None:
                found.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                open_parts.discard(message.partition())
    client.close()
    return found


def replayed(settings: Settings, events: list[Message], signals: list[Message]) -> Facts:
    """Replay both logs in this process."""
    facts = Facts()
    metrics = Metrics()
    replica = Replica(settings, partitions=PARTITIONS, viewer_partitions=PARTITIONS, metrics=metrics)
    replica.wait = lambda: None  # type: ignore[method-assign] - nothing to catch up with
    stage = ViewersStage(settings, replica, partitions=PARTITIONS, metrics=metrics)
    for partition in range(PARTITIONS):
        records = [_record(message) for message in events if message.partition() == partition]
        _replay_viewers(stage, partition, records, facts)
    for shard in range(settings.title_shards):
        titles = Rows()
        step = TitlesStep(settings, shard, titles)  # type: ignore[arg-type] - a store of this test's
        for message in signals:
            if message.partition() == shard:
                titles.update(_kept(step([_record(message)]).rows))
        facts.titles |= _title_facts(titles, settings)
    return facts


def observed(settings: Settings) -> Facts:
    """Read what the workers committed."""
    facts = Facts()
    facts.viewers = _viewer_facts(_newest(read(settings, topics.VIEWER_STATE)), settings)
    facts.titles = _title_facts(_newest(read(settings, topics.TITLE_MODEL)), settings)
    sent = [m.value() or b"" for m in read(settings, topics.SIGNALS) if m.partition() == 0]
    facts.signals = _signal_facts(sent, settings)  # every shard is sent all of them
    return facts


def await_answers(settings: Settings, workers: Sequence[WorkerProcess], timeout_s: float = 90.0) -> None:
    """Wait until every event is applied and everything that was signalled is learned."""
    deadline = time.monotonic() + timeout_s
    wanted = {"ready": PARTITIONS + settings.title_shards, "behind": 0}
    state: dict[str, float] = {}
    while time.monotonic() < deadline:
        for worker in workers:
            worker.check()
        shown = [worker.exposition() for worker in workers]
        state = {
            "ready": sum(one.value("nearline_partitions", state="ready") for one in shown),
            "behind": sum(one.value("nearline_replica_age_events") for one in shown),
        }
        if state == wanted and _settled(settings):
            return
        time.sleep(1.0)
    pytest.fail(f"not answered in {timeout_s} s: {state}")


def _settled(settings: Settings) -> bool:
    """Whether the applied records in the changelogs have reached the ends of the sources."""
    pairs = ((topics.EVENTS, topics.VIEWER_STATE), (topics.SIGNALS, topics.TITLE_MODEL))
    return all(_last(settings, source) == _applied(settings, log) for source, log in pairs)


def _last(settings: Settings, topic: str) -> dict[int, int]:
    return {message.partition(): message.offset() for message in read(settings, topic)}


def _applied(settings: Settings, topic: str) -> dict[int, int]:
    marks = [m for m in read(settings, topic) if m.key() == APPLIED_KEY]
    return {mark.partition(): unpack_applied(mark.value() or b"") for mark in marks}


def _replay_viewers(stage: ViewersStage, partition: int, records: list[Any], facts: Facts) -> None:
    rows = Rows()
    step = stage.step(partition, rows)  # type: ignore[arg-type] - a store of this test's
    sent: list[bytes] = []
    for start in range(0, len(records), 200):
        outcome = step(records[start : start + 200])
        rows.update(_kept(outcome.rows))
        for (topic, to), messages in outcome.outputs.items():
            if topic.endswith(topics.SIGNALS) and to == 0:
                sent += [message["value"] or b"" for message in messages]
            if topic.endswith(topics.HOME):
                pages = [decode_home(message["value"]) for message in messages]
                facts.last_cause |= {page.viewer_id: page.source.offset for page in pages}
    facts.viewers |= _viewer_facts(rows, stage.settings)
    facts.signals += _signal_facts(sent, stage.settings)


def _record(message: Message) -> Any:
    return SimpleNamespace(
        topic=message.topic(),
        partition=message.partition(),
        offset=message.offset(),
        timestamp=message.timestamp()[1],
        key=message.key(),
        value=message.value(),
        headers=(),
    )


def _kept(rows: Iterable[tuple[bytes, bytes | None]]) -> dict[bytes, bytes]:
    return {key: value for key, value in rows if value is not None}


def _newest(messages: Iterable[Message]) -> dict[bytes, bytes]:
    return {m.key() or b"": m.value() or b"" for m in messages if (m.key() or b"\0")[:1] != b"\0"}


def _viewer_facts(rows: dict[bytes, bytes], settings: Settings) -> dict[bytes, bytes]:
    dtype = head_dtype(settings.model)
    facts = {}
    for key, value in rows.items():
        if key != viewer_rows.SENT:
            head = np.frombuffer(value[: dtype.itemsize], dtype)[0]
            facts[key] = b"".join(head[name].tobytes() for name in VIEWER_FACTS) + value[dtype.itemsize :]
    return facts


def _title_facts(rows: dict[bytes, bytes], settings: Settings) -> dict[bytes, bytes]:
    dtype = row_dtype(settings.model)
    facts = {}
    for key, value in rows.items():
        if not title_rows.is_reserved(key):
            row = np.frombuffer(value, dtype)[0]
            facts[key] = b"".join(row[name].tobytes() for name in TITLE_FACTS)
    return facts


def _signal_facts(values: Iterable[bytes], settings: Settings) -> list[tuple[Any, ...]]:
    table = TitleTable(settings.model)
    facts = []
    for value in values:
        batch = unpack(value, table)
        s = batch.signals
        for n in range(s.title.size):
            history = tuple(table.ids[t] for t in s.history[n, : s.depth[n]].tolist())
            what = (int(s.action[n]), table.ids[s.title[n]], float(s.weight[n]), int(s.at[n]))
            facts.append((batch.partition, *what, history))
    return facts
