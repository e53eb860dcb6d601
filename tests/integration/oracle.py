"""The single-process replay that workers are compared with: the same steps, no broker, no restarts.

The viewers' oracle replays the event log, with a page for every batch: its last page of a viewer is of the
last event that moved him. So the workers' has to be, whatever pages they left out in between. The titles'
oracle replays the committed signals, in the order in which the log holds them. What is promised exactly is
compared byte by byte; learned vectors are not, because what they were learned from depends on how old the
replica was.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest

from online_models.tables.rows import TITLE_ROWS, VIEWER_ROWS
from online_models.tables.titles import TitleTable
from schemas import topics
from schemas.codec import decode_home
from schemas.versions import MARKER_KEY
from streams.config.settings import Settings
from streams.engine.applied import APPLIED_KEY, unpack_applied
from streams.engine.stage import Outcome
from streams.kafka.clients import Message, admin
from streams.ops.runs.worker_process import WorkerProcess
from streams.stages.titles.step import TitlesStep
from streams.stages.viewers.replica import Replica
from streams.stages.viewers.step import ViewersStage
from streams.stages.wire.partition_rows import WATCH_TIME, is_reserved
from streams.stages.wire.signals import unpack
from streams.telemetry.metrics import Metrics
from tests.integration.committed import committed
from tests.waiting import PATIENCE_S

PARTITIONS = 4
VIEWER_FACTS = (
    "limit", "country", "device", "language", "stated_tags", "stated_at", "known", "positives", "last_at",
    "ring_n", "ring",
    "rejected", "rejected_at", "rejected_weight", "interaction_title", "interaction", "shown", "shown_n",
    "shown_on", "shown_odds", "chosen",
)  # fmt: skip
TITLE_FACTS = ("watches", "trend", "trend_at", "counts", "sets")


class Rows(dict[bytes, bytes]):
    """A store in memory."""

    applied = -1

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the rows of many keys."""
        return [self.get(key) for key in keys]

    def scan(self, prefix: bytes = b"") -> Iterable[tuple[bytes, bytes]]:
        """Yield the rows whose keys begin with a prefix."""
        return [(key, value) for key, value in sorted(self.items()) if key.startswith(prefix)]


class Fact(NamedTuple):
    """What is promised exactly of one row."""

    amount: int
    """Events that it counts: tells what was lost from what was doubled."""
    packed: bytes


@dataclass
class Facts:
    """What is promised exactly, in a form that can be compared."""

    viewers: dict[bytes, Fact] = field(default_factory=dict)
    titles: dict[bytes, Fact] = field(default_factory=dict)
    signals: list[tuple[Any, ...]] = field(default_factory=list)
    watch_times: dict[int, bytes] = field(default_factory=dict)
    """How long titles are watched, by viewers partition."""
    last_cause: dict[str, int] = field(default_factory=dict)
    """Offset of the last event that moved each viewer."""
    causes: list[tuple[int, int]] = field(default_factory=list)
    """Partition and offset of the event behind each page."""
    rejected: list[tuple[int, int]] = field(default_factory=list)
    """Partition and offset of every event that becomes a dead letter."""
    handed_over: list[tuple[bytes, bytes]] = field(default_factory=list)
    """Key and value of every `history` event of an anonymous viewer who signed in."""


def read(settings: Settings, *names: str) -> list[Message]:
    """Read every committed record of topics, each partition's in order."""
    there = admin(settings).list_topics(timeout=60).topics
    chosen = [settings.topic(name) for name in names]
    return committed(settings, [(topic, part) for topic in chosen for part in there[topic].partitions])


class Replay:
    """The replay, which goes on wherever it was left.

    Parameters
    ----------
    settings
        Model, topics and shards of the workers.
    partitions
        Of the events' topic.

    Attributes
    ----------
    facts
        What holds after everything that was given so far.
    """

    def __init__(self, settings: Settings, partitions: int = PARTITIONS) -> None:
        self.facts = Facts()
        self._settings = settings = settings.model_copy(update={"page_interval_s": 0.0})
        metrics = Metrics()
        replica = Replica(settings, partitions=partitions, viewer_partitions=partitions, metrics=metrics)
        replica.wait = lambda: None  # type: ignore[method-assign] - nothing to catch up with
        stage = ViewersStage(settings, replica, partitions=partitions, metrics=metrics)
        self._stores = [Rows() for _ in range(partitions)]
        self._viewers = [stage.step(n, store) for n, store in enumerate(self._stores)]  # type: ignore[arg-type]
        self._titles = [TitlesStep(settings, n, Rows()) for n in range(settings.title_shards)]  # type: ignore[arg-type]

    def events(self, messages: Sequence[Message]) -> None:
        """Replay events, those of a partition in its order; markers of switches are none."""
        given = [message for message in messages if message.key() != MARKER_KEY]
        for partition, step in enumerate(self._viewers):
            records = [_record(message) for message in given if message.partition() == partition]
            for start in range(0, len(records), 200):
                self._take(partition, step(records[start : start + 200]))

    def signals(self, messages: Sequence[Message]) -> None:
        """Replay committed signals in the order of the log."""
        for message in messages:
            outcome = self._titles[message.partition() or 0]([_record(message)])
            self.facts.titles |= title_facts(_kept(outcome.rows), self._settings)

    def _take(self, partition: int, outcome: Outcome) -> None:
        facts, rows = self.facts, _kept(outcome.rows)
        self._stores[partition].update(rows)
        for key in dict(outcome.rows).keys() - rows.keys():
            self._stores[partition].pop(key, None)
            facts.viewers.pop(key, None)
        facts.viewers |= viewer_facts(rows, self._settings)
        if WATCH_TIME.key in rows:
            facts.watch_times[partition] = rows[WATCH_TIME.key]
        facts.rejected += [(letter.source.partition, letter.source.offset) for letter in outcome.dead_letters]
        for (topic, to), messages in outcome.outputs.items():
            if topic == self._settings.topic(topics.SIGNALS) and to == 0:
                facts.signals += signal_facts([m["value"] or b"" for m in messages], self._settings)
            if topic == self._settings.topic(topics.HOME):
                for message in messages:
                    self._take_page(partition, (message["key"] or b"").decode(), message["value"])
            if topic == self._settings.topic(topics.EVENTS):
                facts.handed_over += [(m["key"] or b"", m["value"] or b"") for m in messages]

    def _take_page(self, partition: int, viewer: str, value: bytes | None) -> None:
        """Take a page, or the deletion of the viewer's page."""
        if value is None:
            self.facts.last_cause.pop(viewer, None)
            return
        offset = decode_home(value).source.offset
        self.facts.last_cause[viewer] = offset
        self.facts.causes.append((partition, offset))


def replayed(settings: Settings, events: list[Message], signals: list[Message]) -> Facts:
    """Replay both logs in this process."""
    replay = Replay(settings)
    replay.events(events)
    replay.signals(signals)
    return replay.facts


def observed(settings: Settings) -> Facts:
    """Read what the workers committed."""
    facts = Facts()
    changelog = read(settings, topics.VIEWER_STATE)
    facts.viewers = viewer_facts(newest(changelog), settings)
    facts.watch_times = {m.partition() or 0: m.value() or b"" for m in changelog if m.key() == WATCH_TIME.key}
    facts.titles = title_facts(newest(read(settings, topics.TITLE_MODEL)), settings)
    sent = [m.value() or b"" for m in read(settings, topics.SIGNALS) if m.partition() == 0]
    facts.signals = signal_facts(sent, settings)  # every shard is sent all of them
    return facts


def await_answers(settings: Settings, workers: Sequence[WorkerProcess]) -> None:
    """Wait until every event is applied, all that was signalled is learned, and no page is owed."""
    deadline = time.monotonic() + PATIENCE_S
    wanted = {"ready": PARTITIONS + settings.title_shards, "behind": 0, "owed": 0}
    state: dict[str, float] = {}
    while time.monotonic() < deadline:
        for worker in workers:
            worker.check()
        shown = [worker.exposition() for worker in workers]
        state = {
            "ready": sum(one.value("nearline_partitions", state="ready") for one in shown),
            "behind": sum(one.value("nearline_replica_age_events") for one in shown),
            "owed": sum(one.value("nearline_pages_pending") for one in shown),
        }
        if state == wanted and _settled(settings):
            return
        time.sleep(0.3)
    pytest.fail(f"not answered in {PATIENCE_S:g} s: {state}")


def _settled(settings: Settings) -> bool:
    """Whether what is applied reaches the ends of the sources, which are read first."""
    pairs = ((topics.EVENTS, topics.VIEWER_STATE), (topics.SIGNALS, topics.TITLE_MODEL))
    return all(_last(settings, source) == _applied(settings, log) for source, log in pairs)


def _last(settings: Settings, topic: str) -> dict[int, int]:
    return {message.partition(): message.offset() for message in read(settings, topic)}


def _applied(settings: Settings, topic: str) -> dict[int, int]:
    marks = [m for m in read(settings, topic) if m.key() == APPLIED_KEY]
    return {mark.partition(): unpack_applied(mark.value() or b"") for mark in marks}


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
    """Return the last values of rows, without the rows that are deleted in the end."""
    return {key: value for key, value in dict(rows).items() if value is not None}


def newest(messages: Iterable[Message]) -> dict[bytes, bytes]:
    """Return the last value of each row of a changelog, empty where it was deleted."""
    return {m.key() or b"": m.value() or b"" for m in messages if (m.key() or b"\0")[:1] != b"\0"}


def viewer_facts(rows: dict[bytes, bytes], settings: Settings) -> dict[bytes, Fact]:
    """Take what is promised exactly out of viewers' rows; of one that is deleted (empty) there is nothing."""
    dtype = VIEWER_ROWS.dtype(settings.model)
    facts = {}
    for key, value in rows.items():
        if value and not is_reserved(key):
            head = np.frombuffer(value[: dtype.itemsize], dtype)[0]
            packed = b"".join(head[name].tobytes() for name in VIEWER_FACTS) + value[dtype.itemsize :]
            facts[key] = Fact(int(head["positives"]), packed)
    return facts


def title_facts(rows: dict[bytes, bytes], settings: Settings) -> dict[bytes, Fact]:
    """Take what is promised exactly out of titles' rows; of titles that nobody met there is nothing."""
    dtype = TITLE_ROWS.dtype(settings.model)
    facts = {}
    for key, value in rows.items():
        if not is_reserved(key):
            row = np.frombuffer(value[: dtype.itemsize], dtype)[0]
            packed = b"".join(row[name].tobytes() for name in TITLE_FACTS) + value[dtype.itemsize :]
            if row["counts"].any():
                facts[key] = Fact(int(row["counts"].sum()), packed)
    return facts


def signal_facts(values: Iterable[bytes], settings: Settings) -> list[tuple[Any, ...]]:
    """Take what is promised exactly out of records of signals."""
    table = TitleTable(settings.model)
    facts = []
    for value in values:
        batch = unpack(value, table)
        s = batch.signals
        for n in range(s.title.size):
            met = s.history[n, : s.depth[n]].tolist()
            history = tuple((table.ids[max(t, ~t)], t >= 0) for t in met)
            what = (int(s.action[n]), table.ids[s.title[n]], float(s.weight[n]), float(s.change[n]))
            facts.append((batch.partition, *what, int(s.at[n]), history))
    return facts
