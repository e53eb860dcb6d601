"""Both stages over topics in memory, without a broker."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from schemas import topics
from schemas.codec import decode_home, encode
from schemas.pages import Home
from schemas.partitioner import partition_for
from streams.config.settings import Settings
from streams.engine.stage import Outcome, StageSpec
from streams.stages.titles.step import titles_spec
from streams.stages.viewers.replica import Replica
from streams.stages.viewers.step import ViewersStage
from streams.telemetry.metrics import Metrics
from tests.streams.steps import MemoryStore, message, record

BATCH = 50
"""Records of a partition in a batch: the replica is then up to 200 events old."""
ALL = 10**9


class Town:
    """Both stages over topics in memory: what a step returns is appended, what is appended is read.

    Parameters
    ----------
    settings
        Model and shards.
    partitions
        Of the events.
    stores
        Committed rows by stage and partition. Default: none.
    """

    def __init__(
        self,
        settings: Settings,
        partitions: int = 4,
        stores: Mapping[tuple[str, int], MemoryStore] | None = None,
    ) -> None:
        self.partitions = partitions
        self.log: dict[tuple[str, int], list[Any]] = defaultdict(list)
        self.metrics = Metrics()
        self.replica = Replica(settings, partitions=1, viewer_partitions=partitions, metrics=self.metrics)
        self.replica.wait = lambda: None  # type: ignore[method-assign]
        self.stage = ViewersStage(settings, self.replica, partitions=partitions, metrics=self.metrics)
        self.specs = [
            (self.stage.spec(), range(partitions)),
            (titles_spec(settings), range(settings.title_shards)),
        ]
        self.stores = {(s.name, p): MemoryStore() for s, parts in self.specs for p in parts} | dict(
            stores or {}
        )
        self.steps = {
            (s.name, p): s.make_step(p, self.stores[s.name, p]) for s, parts in self.specs for p in parts
        }
        self._read: dict[tuple[str, int], int] = defaultdict(int)

    def produce(
        self, topic: str, key: bytes | None, value: bytes | None, partition: int | None = None
    ) -> None:
        """Append a record, by key where no partition is given."""
        home = partition_for(key or b"", self.partitions) if partition is None else partition
        self.log[topic, home].append((key, value))

    def run(self) -> None:
        """Carry everything through both stages, batch by batch, until nothing is left."""
        while sum(self._turn(spec, p) for spec, parts in self.specs for p in parts):
            for shard in self.specs[1][1]:
                rows = self._unread(topics.TITLE_MODEL, shard, ALL)
                self.replica.take_rows([message(r.key, r.value, partition=shard) for r in rows])

    def pages(self) -> list[Home]:
        """Return all pages in the order of their partitions."""
        return [decode_home(v) for p in range(self.partitions) for _, v in self.log[topics.HOME, p]]

    def _turn(self, spec: StageSpec, partition: int) -> bool:
        batch = self._unread(spec.source, partition, BATCH if spec.name == "viewers" else ALL)
        if batch:
            self._commit(spec, partition, self.steps[spec.name, partition](batch))
        return bool(batch)

    def _unread(self, topic: str, partition: int, most: int) -> list[Any]:
        at = self._read[topic, partition]
        found = self.log[topic, partition][at : at + most]
        self._read[topic, partition] = at + len(found)
        return [
            record(value, key, offset=at + n, partition=partition, topic=topic)
            for n, (key, value) in enumerate(found)
        ]

    def _commit(self, spec: StageSpec, partition: int, outcome: Outcome) -> None:
        for key, value in outcome.rows:
            self.produce(spec.changelog, key, value, partition)
        for (topic, target), messages in outcome.outputs.items():
            for one in messages:
                self.produce(topic, one.get("key"), one["value"], target)
        for letter in outcome.dead_letters:
            self.produce(spec.dead_letters, letter.key, encode(letter), 0)
        self.stores[spec.name, partition].commit(outcome)
