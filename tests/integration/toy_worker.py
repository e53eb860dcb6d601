"""A worker whose stage is easy to check: per viewer, how many events there were and the CRC of them in order.

Run as a process by the integration tests: ``toy_worker.py JSON``, see `Orders`. Every event is also echoed to
an output topic, so that a lost or doubled event shows twice: in the state and in the output.
"""

import json
import os
import random
import struct
import sys
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from streams.app import build_app, run_worker
from streams.logging import configure
from streams.metrics import Metrics
from streams.settings import Settings
from streams.stage import Message, Outcome, Record, StageSpec, StateView

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
    poison: str = ""
    """The step raises on an event with this value."""


class Toy:
    """The step: count and CRC per viewer, read from the store and never kept in memory."""

    def __init__(self, store: StateView, orders: Orders, rng: random.Random) -> None:
        self._store, self._orders, self._rng = store, orders, rng

    def __call__(self, records: Sequence[Record]) -> Outcome:
        """Fold the batch into the rows of its viewers and echo it."""
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
        time.sleep(self._rng.random() * self._orders.slow_s)
        echo: list[Message] = [{"key": record.key, "value": record.value} for record in records]
        return Outcome(
            rows=[(key, ROW.pack(*row)) for key, row in rows.items()],
            outputs={(f"{self._orders.prefix}out", None): echo},
        )


class Failpoint:
    """Ends the process at the n-th passage of a place, as a power cut would."""

    def __init__(self, orders: Orders) -> None:
        self._orders, self._hits = orders, 0

    def __call__(self, place: str) -> None:
        """Count, and end."""
        if place == self._orders.failpoint:
            self._hits += 1
            if self._hits >= self._orders.failpoint_hit:
                os._exit(9)


def main() -> int:
    """Run the worker that the first argument describes."""
    orders = Orders(**json.loads(sys.argv[1]))
    configure("info", "console")
    settings = Settings.load(
        brokers=orders.brokers,
        group=f"{orders.prefix}toy",
        state_dir=Path(orders.state_dir),
        session_timeout_s=6.0,
        http_port=0,
        watchdog_s=orders.watchdog_s,
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
    return run_worker(build_app(settings, [spec], Metrics(), failpoint=Failpoint(orders)))


if __name__ == "__main__":
    sys.exit(main())
