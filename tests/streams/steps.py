"""Both stages' steps without a broker: stores in memory, records made by hand, a fed replica."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from online_models.ranking.viewer_side import ViewerSide
from schemas import Event, Stop, Title, topics
from schemas.codec import decode_home, encode
from schemas.pages import Home
from streams.config.settings import Settings
from streams.engine.stage import Outcome
from streams.engine.table_records import UnusableRecords
from streams.stages.titles.step import TitlesStep
from streams.stages.viewers.replica import Replica
from streams.stages.viewers.stage_runner import StageRunner
from streams.stages.viewers.step import ViewersStage
from streams.telemetry.metrics import Metrics

T0 = 1_700_000_000_000
"""Event time at which every test begins, ms."""


class MemoryStore:
    """A partition's committed state in a dictionary."""

    def __init__(self, rows: dict[bytes, bytes] | None = None) -> None:
        self.rows = dict(rows or {})
        self.applied = -1

    def get(self, key: bytes) -> bytes | None:
        """Return a row."""
        return self.rows.get(key)

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return many rows."""
        return [self.rows.get(key) for key in keys]

    def scan(self, prefix: bytes = b"") -> Any:
        """Yield rows by key."""
        return iter(sorted(item for item in self.rows.items() if item[0].startswith(prefix)))

    def commit(self, outcome: Outcome) -> None:
        """Take an outcome's rows over."""
        for key, value in outcome.rows:
            if value is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = value


def record(value: bytes | None, key: bytes | None = None, *, offset: int = 0, **more: Any) -> Any:
    """Make a record of the events' topic."""
    rest = {"topic": topics.EVENTS, "partition": 0, "timestamp": -1, "headers": (), **more}
    return SimpleNamespace(value=value, key=key, offset=offset, **rest)


def message(
    key: bytes | None,
    value: bytes | None,
    *,
    partition: int = 0,
    offset: int = 0,
    topic: str = topics.CATALOG,
) -> Any:
    """Make a message as confluent-kafka hands it out."""
    return SimpleNamespace(
        key=lambda: key,
        value=lambda: value,
        topic=lambda: topic,
        partition=lambda: partition,
        offset=lambda: offset,
        timestamp=lambda: (0, -1),
    )


def watch(viewer: str, title: str, number: int = 0, **more: Any) -> Stop:
    """Make the event of a title that was watched to its end; its id comes from viewer, title and number."""
    fields = {
        "event_id": f"{viewer}.{title}.{number}",
        "event_time_ms": T0 + number,
        "watched_s": 3600,
        "position_s": 3600,
        "duration_s": 3600,
        **more,
    }
    return Stop(viewer_id=viewer, title_id=title, **fields)


def records_of(events: Iterable[Event], first: int = 0) -> list[Any]:
    """Make the records of events, with ascending offsets."""
    return [record(encode(e), e.viewer_id.encode(), offset=first + n) for n, e in enumerate(events)]


def pages_of(outcome: Outcome) -> list[Home]:
    """Read the pages of an outcome."""
    found = [messages for (topic, _), messages in outcome.outputs.items() if topic == topics.HOME]
    return [decode_home(page["value"]) for messages in found for page in messages]


@dataclass
class Line:
    """One partition of viewers, every title shard, and the replica between them.

    A batch comes whenever the last one's pages are old enough for others, unless `pause_s` says otherwise.
    """

    settings: Settings = field(default_factory=lambda: Settings(prequential_share=0.0))
    offset: int = 0
    pause_s: float = 60.0
    """Seconds that pass before each batch."""
    now: float = 0.0
    """The worker's clock, s."""
    wall_ms: int | None = None
    """Wall clock of the worker, ms; None: pages are made by the times of events."""
    letters: bool = False
    """Whether the partition writes the dead letters of tables."""

    def __post_init__(self) -> None:
        self.metrics = Metrics()
        unusable = UnusableRecords(self.metrics, letters=self.letters)
        self.replica = Replica(
            self.settings, partitions=1, viewer_partitions=1, metrics=self.metrics, unusable=unusable
        )
        self.replica.wait = lambda: None  # type: ignore[method-assign]
        self.stage = ViewersStage(
            self.settings, self.replica, partitions=1, metrics=self.metrics, clock=lambda: self.now,
            wall_clock=None if self.wall_ms is None else lambda: self.wall_ms or 0,
            unusable=unusable if self.letters else None,
        )  # fmt: skip
        self.store = MemoryStore()
        self.viewers: StageRunner = self.stage.step(0, self.store)
        self.title_stores = [MemoryStore() for _ in range(self.settings.title_shards)]
        self.titles = [TitlesStep(self.settings, p, store) for p, store in enumerate(self.title_stores)]

    @property
    def side(self) -> ViewerSide:
        """The viewers' side of the model."""
        side: ViewerSide = self.viewers.step._side  # type: ignore[attr-defined]
        return side

    def load(self, viewer_ids: Sequence[str]) -> Sequence[bytes | None]:
        """Load rows of viewers as the step does."""
        rows: Sequence[bytes | None] = self.viewers.step._load(viewer_ids)  # type: ignore[attr-defined]
        return rows

    def feed(self, *events: Event) -> Outcome:
        """Carry a batch of events all the way round: pages out, signals learned, rows in the replica."""
        outcome = self.step(records_of(events, self.offset))
        self.learn(outcome)
        return outcome

    def step(self, records: list[Any]) -> Outcome:
        """Let the viewers' step work on records, and commit what comes out."""
        self.offset += len(records)
        self.now += self.pause_s
        outcome = self.viewers(records)
        self.store.commit(outcome)
        return outcome

    def flush_due(self) -> Outcome:
        """Let the viewers' step pay what is due, and commit what comes out."""
        outcome = self.viewers.flush_due()
        self.store.commit(outcome)
        return outcome

    def records(self, events: Iterable[Event]) -> list[Any]:
        """Make the next records of events."""
        return records_of(events, self.offset)

    def learn(self, outcome: Outcome) -> list[Outcome]:
        """Let every shard learn what an outcome says about titles, and bring the rows to the replica."""
        learned = []
        for shard, (titles, store) in enumerate(zip(self.titles, self.title_stores, strict=True)):
            signals = outcome.outputs.get((topics.SIGNALS, shard), [])
            if signals:
                learned.append(titles([record(signal["value"]) for signal in signals]))
                store.commit(learned[-1])
                self.replica.take_rows([message(k, v, partition=shard) for k, v in learned[-1].rows])
        return learned

    def put(self, *titles: Title) -> None:
        """Put titles into the catalog."""
        self.replica.take_titles([message(t.title_id.encode(), encode(t)) for t in titles])

    def withdraw(self, title_id: str) -> None:
        """Take a title out of the catalog."""
        self.replica.take_titles([message(title_id.encode(), None)])

    def restart(self) -> None:
        """Begin the viewers' step anew from its store; replica and titles go on."""
        self.viewers.close()
        self.viewers = self.stage.step(0, self.store)

    def successor(self) -> "Line":
        """Return a new worker after this one, with what the changelogs have; its catalog is empty."""
        self.viewers.close()
        out = Line(self.settings, offset=self.offset, pause_s=self.pause_s, wall_ms=self.wall_ms)
        out.store, out.title_stores = self.store, self.title_stores
        for shard, store in enumerate(self.title_stores):
            out.replica.take_rows([message(k, v, partition=shard) for k, v in store.rows.items()])
        out.titles = [TitlesStep(out.settings, p, store) for p, store in enumerate(out.title_stores)]
        out.restart()
        return out

    def count(self, name: str, **labels: str) -> float:
        """Return a metric's value, 0 where nothing was counted."""
        return self.metrics.registry.get_sample_value(f"nearline_{name}", labels) or 0.0
