"""A worker whose stage is easy to check: per viewer, how many events there were and the CRC of them in order.

Run as a process by the integration tests, with `Orders` as JSON for its argument. Every event is also echoed
to an output topic, so that a lost or doubled event shows twice: in the state and in the output.
"""

import asyncio
import itertools
import json
import os
import random
import struct
import sys
import threading
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from schemas.errors import DecodeError, Reason
from streams.config.settings import Settings
from streams.engine import topic_check
from streams.engine.app import build_app, run_worker
from streams.engine.batching import Slice
from streams.engine.dead_letters import invalid_record_letter
from streams.engine.partition_task import PartitionTask
from streams.engine.stage import Message, Outcome, Record, Row, StageSpec, StateView
from streams.telemetry.logging import configure
from streams.telemetry.metrics import Metrics

BAD = DecodeError(Reason.MALFORMED, None, "the test wants it so")
ROW = struct.Struct("<qI")
"""Count and CRC-32."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What a test wants of the worker."""

    brokers: str
    prefix: str
    state_dir: str
    seed: int = 0
    slow_s: float = 0.0
    """The step sleeps up to this long, so that kills fall into batches."""
    failpoint: str = ""
    """Place at which the process ends ..."""
    failpoint_hit: int = 3
    """... when it passes there for this time."""
    max_events: int = 500
    watchdog_s: float = 60.0
    session_timeout_s: float = 6.0
    group_instance_id: str | None = None
    topics_pause_s: float = topic_check.PAUSE_S
    """Seconds between two looks at the topics."""
    poison: str = ""
    """The step raises on an event with this value."""
    reject: str = ""
    """An event with this value becomes a dead letter."""
    kafka: dict[str, str] = field(default_factory=dict)
    """Properties of all clients."""
    http_port: int = 0
    slow_partition: int = -1
    """A batch of this partition takes a second."""
    event_s: float = 0.0
    """What an event takes; the core is free meanwhile."""
    store_s: float = 0.0
    """What a write to the disk takes longer than usual."""
    big_row: str = ""
    """An event with this value makes a row of two megabytes."""
    freeze: str = ""
    """An event with this value makes the step never return."""
    freeze_loop: str = ""
    """An event with this value makes the event loop stand still; heartbeats go on."""
    crash_agent: int = 0
    """The agent raises on the slice with this number."""


class Toy:
    """The step: count and CRC per viewer, read from the store and never kept in memory."""

    loop: asyncio.AbstractEventLoop
    """The worker's."""

    def __init__(self, store: StateView, orders: Orders, rng: random.Random) -> None:
        self._store, self._orders, self._rng = store, orders, rng

    def __call__(self, records: Sequence[Record]) -> Outcome:
        """Fold the batch into the rows of its viewers and echo it."""
        bad = [record for record in records if record.value == self._orders.reject.encode() != b""]
        letters = [invalid_record_letter(record, BAD, stage="toy") for record in bad]
        records = [record for record in records if record not in bad]
        keys = list(dict.fromkeys(record.key or b"" for record in records))
        found = self._store.get_many(keys)
        rows = {key: ROW.unpack(row) if row else (0, 0) for key, row in zip(keys, found, strict=True)}
        for record in records:
            key, value = record.key or b"", record.value or b""
            if value == self._orders.poison.encode() != b"":
                msg = "poison"
                raise ValueError(msg)
            count, crc = rows[key]
            rows[key] = (count + 1, zlib.crc32(value, crc))
        self._misbehave(records)
        echo: list[Message] = [{"key": record.key, "value": record.value} for record in records]
        return Outcome(
            rows=[(key, ROW.pack(*row)) for key, row in rows.items()] + self._big(records),
            outputs={(f"{self._orders.prefix}out", None): echo},
            dead_letters=letters,
        )

    def _misbehave(self, records: Sequence[Record]) -> None:
        """Take as long as the test wants."""
        orders, values = self._orders, {record.value or b"" for record in records}
        time.sleep(self._rng.random() * orders.slow_s + orders.event_s * len(records))
        if records and records[0].partition == orders.slow_partition:
            time.sleep(1.0)
        if orders.freeze.encode() in values - {b""}:
            threading.Event().wait()
        if orders.freeze_loop.encode() in values - {b""}:
            self.loop.call_soon_threadsafe(time.sleep, 1e6)

    def _big(self, records: Sequence[Record]) -> list[Row]:
        """Return a row that no broker takes, if there is an event that asks for it."""
        asked = self._orders.big_row.encode() in {record.value for record in records} - {b""}
        return [(b"big", bytes(2_000_000))] if asked else []


class Failpoint:
    """Ends the process at the n-th passage of a place, as a power cut would."""

    def __init__(self, orders: Orders) -> None:
        self._orders, self._hits = orders, 0

    def __call__(self, place: str) -> None:
        """Count, and end; or be a slow disk."""
        if place == "after_commit":
            time.sleep(self._orders.store_s)
        if place == self._orders.failpoint:
            self._hits += 1
            if self._hits >= self._orders.failpoint_hit:
                os._exit(9)


def main() -> int:
    """Run the worker that the first argument describes."""
    orders = Orders(**json.loads(sys.argv[1]))
    configure("info", "console")
    topic_check.PAUSE_S = orders.topics_pause_s
    settings = Settings.load(
        brokers=orders.brokers,
        group=f"{orders.prefix}toy",
        state_dir=Path(orders.state_dir),
        session_timeout_s=orders.session_timeout_s,
        group_instance_id=orders.group_instance_id,
        http_port=orders.http_port,
        watchdog_s=orders.watchdog_s,
        kafka=orders.kafka,
    )
    rng = random.Random(orders.seed)
    spec = StageSpec(
        name="toy",
        source=f"{orders.prefix}in",
        changelog=f"{orders.prefix}log",
        dead_letters=f"{orders.prefix}dead",
        make_step=lambda _partition, store: Toy(store, orders, rng),
        max_events=orders.max_events,
    )
    app = build_app(settings, [spec], Metrics(), failpoint=Failpoint(orders))
    Toy.loop = app.loop
    if orders.crash_agent:
        crash_agent(orders.crash_agent)
    return run_worker(app)


def crash_agent(at: int) -> None:
    """Let Faust's agent raise on one slice, which is then gone."""
    offer, numbers = PartitionTask.offer, itertools.count(1)

    def raising(task: PartitionTask, part: Slice) -> None:
        if next(numbers) == at:
            msg = "nobody foresaw this"
            raise RuntimeError(msg)
        offer(task, part)

    PartitionTask.offer = raising  # type: ignore[method-assign]
