"""Freshness: from an event's record to the commit of the page that it caused, and of nothing else."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from schemas import Browse, Event, Impression, Play, topics
from schemas.codec import encode
from streams.config.settings import Settings
from streams.engine.partition import Partition
from streams.stages.viewers.replica import Replica
from streams.stages.viewers.step import ViewersStage
from streams.telemetry.exposition import Exposition
from streams.telemetry.metrics import Metrics
from tests.streams.doubles import Log, worker_context
from tests.streams.steps import T0, pages_of, record


@dataclass
class Worker:
    """The viewers stage's partition 0 on a log in memory, with clocks that a test sets."""

    folder: Path
    log: Log = field(default_factory=Log)
    metrics: Metrics = field(default_factory=Metrics)
    now_ms: int = T0
    """Wall clock of commits."""
    offset: int = 0

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Open the partition with its state."""
        settings = Settings(prequential_share=0.0)
        replica = Replica(settings, partitions=1, viewer_partitions=1, metrics=self.metrics)
        replica.wait = lambda: None  # type: ignore[method-assign]
        stage = ViewersStage(
            settings, replica, partitions=1, metrics=self.metrics, clock=lambda: (self.now_ms - T0) / 1000
        )
        context = replace(
            worker_context(self.log, self.folder), metrics=self.metrics, now_ms=lambda: self.now_ms
        )
        self.partition = Partition(replace(stage.spec(), gate=None), 0, context)
        self.partition.open()

    def process(self, *events: tuple[Event, int]) -> None:
        """Process a batch of events with the timestamps of their records."""
        records = [
            record(encode(event), event.viewer_id.encode(), offset=self.offset + n, timestamp=sent)
            for n, (event, sent) in enumerate(events)
        ]
        for one in records:
            self.log.append(topics.EVENTS, 0, one.key, one.value)
        self.offset += len(records)
        self.partition.process(records)

    def shown(self) -> Exposition:
        """Read the metrics."""
        return Exposition(self.metrics.exposition().decode())

    def freshness(self) -> tuple[float, float]:
        """Return how many pages were observed, and the sum of their seconds."""
        name, shown = "nearline_freshness_seconds", self.shown()
        return shown.value(f"{name}_count"), round(shown.value(f"{name}_sum"), 6)


def _play(viewer: str, number: int) -> Play:
    return Play(event_id=f"{viewer}{number}", viewer_id=viewer, event_time_ms=T0 + number, title_id="tide")


@pytest.fixture
def worker(tmp_path: Path) -> Worker:
    """Give a worker."""
    return Worker(tmp_path)


def test_events_without_a_page_are_not_observed(worker: Worker) -> None:
    """An impression, a look at the page, an event that came before: none makes a page, however late it is."""
    worker.now_ms = T0 + 40
    worker.process((_play("ada", 0), T0))
    assert worker.freshness() == (1, 0.040)
    place = {"list_id": "0-0-1", "row": 0, "slot": 1}
    seen = Impression(event_id="i", viewer_id="bob", event_time_ms=T0, title_id="tide", **place)
    look = Browse(event_id="s", viewer_id="bob", event_time_ms=T0, surface="home", dwell_s=9.0)
    worker.process((seen, T0 - 9_000), (look, T0 - 9_000), (_play("ada", 0), T0 - 9_000))
    assert worker.freshness() == (1, 0.040)
    assert worker.shown().value("nearline_commit_delay_seconds_count", stage="viewers") == 4


def test_a_page_that_was_held_back_counts_when_it_is_published(worker: Worker) -> None:
    """From the record of the event that it names, which is the last one of its window."""
    worker.now_ms = T0 + 10
    worker.process((_play("ada", 0), T0))
    worker.now_ms = T0 + 300
    worker.process((_play("ada", 1), T0 + 280), (_play("ada", 2), T0 + 290))
    assert worker.freshness() == (1, 0.010)
    worker.now_ms = T0 + 1_100
    worker.partition.process([])
    assert worker.freshness() == (2, round(0.010 + (1.100 - 0.290), 6))
    shown = worker.shown()
    assert shown.value("nearline_freshness_seconds_sum", throttled="true") == pytest.approx(0.810)
    assert shown.value("nearline_lists_total") == 2


def test_a_pending_page_keeps_the_timestamp_of_its_event_over_a_restart(worker: Worker) -> None:
    """The page that waited longest is the one that must not be missing."""
    worker.process((_play("ada", 0), T0))
    worker.process((_play("ada", 1), T0 + 5))
    worker.partition.close()
    worker.now_ms = T0 + 30_000
    worker.start()
    worker.partition.process([])
    shown = worker.shown()
    assert shown.value("nearline_freshness_seconds_sum", throttled="true") == pytest.approx(29.995)
    assert shown.value("nearline_freshness_part_seconds_sum", part="throttle") == pytest.approx(29.995, 1e-2)


def test_every_page_of_an_outcome_names_its_cause(worker: Worker) -> None:
    """As the page itself does."""
    step: Any = worker.partition._step.step
    events = [_play(viewer, 0) for viewer in ("ada", "bob", "eve")]
    records = [
        record(encode(event), event.viewer_id.encode(), offset=7 + n, timestamp=T0)
        for n, event in enumerate(events)
    ]
    outcome = step(records)
    assert outcome.causes == [page.source.offset for page in pages_of(outcome)] == [7, 8, 9]
