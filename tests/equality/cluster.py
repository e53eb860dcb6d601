"""An installation in memory: every stage over topics that are lists, one thing after the other.

What an engine does around a step is done here as far as it decides what comes out: batches, commits, pages
that are due, a step that raises, a restart from what is stored. Replicas and clocks move when they are told
to, so that nothing depends on a thread or on the time of day.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Final

import structlog

from online_models.insights.catalog_snapshot import CatalogSnapshot
from schemas import DecodeError, topics
from schemas.codec import decode_title, encode
from schemas.partitioner import partition_for
from streams.config.settings import Settings
from streams.engine.dead_letters import poison_letter
from streams.engine.stage import HasDeferredOutput, Outcome, StageSpec
from streams.stages.experiments.decisions import decisions_spec
from streams.stages.experiments.definitions import experiments_of
from streams.stages.experiments.results import results_spec
from streams.stages.insights.step import insights_spec
from streams.stages.insights.visits import visits_spec
from streams.stages.rules import rules_of
from streams.stages.titles.step import titles_spec
from streams.stages.versions.status import VersionStatus
from streams.stages.viewers.replica import Replica
from streams.stages.viewers.step import ViewersStage
from streams.telemetry.metrics import Metrics
from tests.equality.events import Sent
from tests.streams.steps import MemoryStore, message, record

__all__ = ["Installation", "Written"]

ALL: Final = 10**9
ANALYTICS_EVERY: Final = 12
"""Turns between two batches of the stages that count beside the lists: their batches are larger."""

Written = Callable[[str, int, bytes | None, bytes | None], None]
"""Told of each record: topic (its plain name), partition, key, value."""


class Task:
    """A stage's work on one partition, over the log of its source."""

    def __init__(self, spec: StageSpec, partition: int, log: list[Any]) -> None:
        self.spec, self.partition, self._log = spec, partition, log
        self.store = MemoryStore()
        self._at = spec.start_offset(partition)
        self.start(spec)

    def start(self, spec: StageSpec) -> None:
        """Make the step anew from what is stored."""
        self.spec = spec
        self.step: Any = spec.make_step(self.partition, self.store)

    def stop(self) -> None:
        """Close the step."""
        if callable(close := getattr(self.step, "close", None)):
            close()

    def turn(self, most: int) -> Iterator[Outcome]:
        """Work on the next records, and on what is due; yield what was committed.

        Where the step raises, a successor gets the records one by one, and the one at fault is a dead letter.
        """
        batch = self._log[self._at : self._at + most]
        if not batch and not self._is_due():
            return
        try:
            yield self._committed(batch)
        except TypeError:
            if all(one.timestamp is not None for one in batch):
                raise
            self.restart()
            for one in batch:
                yield self._alone(one)

    def restart(self) -> None:
        """Let a successor take the partition over."""
        self.stop()
        self.start(self.spec)

    def _alone(self, one: Any) -> Outcome:
        """Work on a record of a batch on which the step raised."""
        if one.timestamp is not None:
            return self._committed([one], pays=False)
        try:
            self.step([one])
        except TypeError as error:
            self.restart()
            letter = poison_letter(one, stage=self.spec.name, error=type(error).__name__)
            self._at += 1
            return Outcome(dead_letters=[] if getattr(self.step, "silent", False) else [letter])
        msg = "a step takes a record without a timestamp: let `events` send another poison"
        raise AssertionError(msg)

    def _committed(self, batch: Sequence[Any], *, pays: bool = True) -> Outcome:
        silent = getattr(self.step, "silent", False)
        outcome = self.step(batch) if batch else Outcome()
        if silent:
            outcome.dead_letters.clear()
        done = len(batch)
        if outcome.last_offset is not None:
            done = sum(one.offset <= outcome.last_offset for one in batch)
        if pays and self._is_due():
            outcome.add(self.step.flush_due())
        self._at += done
        self.store.commit(outcome)
        return outcome

    def _is_due(self) -> bool:
        due_s = self.step.due_s() if isinstance(self.step, HasDeferredOutput) else None
        return due_s is not None and due_s <= 0


class Installation:
    """Every stage of one installation.

    Parameters
    ----------
    settings
        Its settings.
    written
        Told of whatever is written.
    partitions
        Of the events.
    standing
        Of its version of the model. Default: it is alone.

    Attributes
    ----------
    pages
        Newest page of each viewer.
    now_s
        The clock by which pages wait.
    """

    def __init__(
        self, settings: Settings, written: Written, *, partitions: int, standing: VersionStatus | None = None
    ) -> None:
        self.settings, self.partitions, self._standing = settings, partitions, standing
        self.pages: dict[str, bytes] = {}
        self.now_s = 0.0
        self._written, self._turns = written, 0
        table = settings.topic_table(partitions=partitions)
        self._plain = {spec.name: plain for plain, spec in table.items()}
        self._count = {plain: spec.partitions for plain, spec in table.items()}
        self._log: dict[tuple[str, int], list[Any]] = defaultdict(list)
        self._heard: dict[tuple[str, int], int] = defaultdict(int)
        self._titles_rows: list[Any] = []
        self._mask = settings.provenance.encode()
        self._compose()
        self.tasks = [
            Task(spec, p, self._log[self._plain[spec.source], p])
            for spec in self._specs.values()
            for p in range(self._count[self._plain[spec.source]])
        ]

    def send(self, one: Sent) -> None:
        """Let a producer send an event."""
        home = partition_for(one.key or b"", self.partitions) if one.partition is None else one.partition
        self._append(topics.EVENTS, home, one.key, one.value, timestamp=one.at_ms, headers=one.headers)

    def write(self, topic: str, key: str, value: bytes | None) -> None:
        """Let somebody write into a table: the catalog, experiments, rules."""
        self._append(topic, partition_for(key.encode(), self._count[topic]), key.encode(), value)

    def turn(self, seconds: float, most: int) -> bool:
        """Let time pass, and every stage work on what has come; say whether there was anything to do."""
        self.now_s += seconds
        self._turns += 1
        self._hear()
        worked = [self._work(task, most) for task in self.tasks if self._on_the_way(task)]
        rows, self._titles_rows = self._titles_rows, []
        self._replica.take_rows(rows)
        if self._turns % ANALYTICS_EVERY == 0:
            worked += [self._work(task, ALL) for task in self.tasks if not self._on_the_way(task)]
        return any(worked)

    def finish(self) -> None:
        """Work until nothing is left, and nothing is due."""
        idle = 0
        while idle <= 2 * ANALYTICS_EVERY:
            idle = 0 if self.turn(1.0, ALL) else idle + 1

    def hits(self) -> tuple[int, dict[str, int]]:
        """Return how many events were ranked before they were learned, and the hits, since the last start."""
        return self._viewers.quality.tested, self._viewers.quality.hits

    def restart(self) -> None:
        """Let another process go on: whatever is in memory is read anew."""
        for task in self.tasks:
            task.stop()
        self._compose()
        self._titles_rows = [
            message(key, value, partition=task.partition)
            for task in self.tasks
            if self._plain[task.spec.changelog] == topics.TITLE_MODEL
            for key, value in task.store.rows.items()
        ]
        self._heard.clear()
        self._hear()
        self._replica.take_rows(self._titles_rows)
        self._titles_rows = []
        for task in self.tasks:
            task.start(self._specs[task.spec.name])

    def _compose(self) -> None:
        """Put a worker's parts together, as `streams.worker` and its like do."""
        settings, metrics = self.settings, Metrics()
        self._replica = Replica(settings, partitions=1, viewer_partitions=self.partitions, metrics=metrics)
        self._replica.wait = lambda: None  # type: ignore[method-assign]
        self._stock = CatalogSnapshot()
        plan = experiments_of(settings, partitions=1, metrics=metrics)
        rules = rules_of(settings, partitions=1, metrics=metrics, on_change=self._replica.catalog.set_rules)
        viewers = self._viewers = ViewersStage(
            settings,
            self._replica,
            partitions=self.partitions,
            metrics=metrics,
            versions=self._standing,
            clock=lambda: self.now_s,
            plan=lambda: plan.newest,
        )
        specs = (
            viewers.spec(),
            titles_spec(
                settings,
                self._standing,
                self._replica.catalog.labels_since,
                in_catalog=self._replica.catalog.has_keys,
            ),
            results_spec(settings, lambda: plan.newest, lambda: self._stock.labels),
            decisions_spec(settings, lambda: plan.newest),
            visits_spec(settings, lambda: self._stock),
            insights_spec(settings, lambda: self._stock),
        )
        self._specs = {spec.name: spec for spec in specs}
        self._tables: dict[str, Callable[[list[Any]], None]] = {
            topics.CATALOG: self._take_titles, topics.EXPERIMENTS: plan.take, topics.RULES: rules.take,
        }  # fmt: skip

    def _on_the_way(self, task: Task) -> bool:
        """Say whether a task is on an event's way to a page."""
        return self._plain[task.spec.source] == topics.SIGNALS or (
            self._plain[task.spec.changelog] == topics.VIEWER_STATE
        )

    def _hear(self) -> None:
        """Let everybody hear of new titles, experiments, rules."""
        for topic, take in self._tables.items():
            for p in range(self._count[topic]):
                heard = self._log[topic, p][self._heard[topic, p] :]
                self._heard[topic, p] += len(heard)
                if heard:
                    take([message(one.key, one.value, partition=p, offset=one.offset) for one in heard])

    def _take_titles(self, messages: list[Any]) -> None:
        self._replica.take_titles(messages)
        for one in messages:
            if one.value() is None:
                self._stock.withdraw(one.key().decode())
                continue
            with suppress(DecodeError):
                self._stock.put(decode_title(one.value()))

    def _work(self, task: Task, most: int) -> bool:
        outcomes = [*task.turn(most)]
        for outcome in outcomes:
            self._publish(task, outcome)
        return bool(outcomes)

    def _publish(self, task: Task, outcome: Outcome) -> None:
        changelog = self._plain[task.spec.changelog]
        for key, value in outcome.rows:
            self._written(changelog, task.partition, key, value)
            if changelog == topics.TITLE_MODEL:
                self._titles_rows.append(message(key, value, partition=task.partition))
        for (name, partition), messages in outcome.outputs.items():
            topic = self._plain[name]
            for one in messages:
                key = one.get("key")
                home = partition_for(key or b"", self._count[topic]) if partition is None else partition
                self._append(topic, home, key, one["value"])
        for letter in outcome.dead_letters:
            self._append(topics.DEAD_LETTERS, 0, letter.key, encode(letter))

    def _append(
        self, topic: str, partition: int, key: bytes | None, value: bytes | None, **more: Any
    ) -> None:
        """Append a record to a topic; it does not say which fingerprint the model's settings have."""
        told = None if value is None else value.replace(self._mask, b"model")
        self._written(topic, partition, key, told)
        if topic == topics.HOME:
            name = (key or b"").decode()
            self.pages.pop(name, None)
            if value is not None:
                self.pages[name] = value
        if topic in {topics.EVENTS, topics.SIGNALS, topics.EXPERIMENT_TALLIES, topics.INSIGHTS_VISITS} or (
            topic in self._tables
        ):
            log = self._log[topic, partition]
            log.append(
                record(
                    value, key, offset=len(log), partition=partition, topic=self.settings.topic(topic), **more
                )
            )


def quiet() -> None:
    """Let the stages log nothing: what they would say of bad records is counted."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
