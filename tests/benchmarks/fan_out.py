"""Every worker reads every changed title: what a reader costs itself, the network and the broker.

``python -m tests.benchmarks.fan_out``. Readers are processes with the replica of a worker and nothing else.
Rows are those of a model that has learned, written in transactions ten times a second, as the titles stage
does. Both the number of readers and that of rows vary, and lines are fitted::

    CPU of a reader a second       = fixed + row x rows
    bytes that a reader receives   = fixed + row x rows
    CPU of the broker a second     = fixed + written x rows + fan-out x readers x rows

Received bytes are those of the reader's sockets (TCP_INFO): headers of Kafka are in them, those of TCP not.
"""

import json
import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final

import numpy as np

from schemas import topics
from streams.config.settings import Settings
from streams.kafka.clients import producer
from streams.ops.runs.worker_process import make_topics
from streams.stages.viewers.replica import Replica
from streams.telemetry.metrics import Metrics
from tests.benchmarks.bench import Bench
from tests.benchmarks.titles_copy import learned
from tests.equality.cluster import quiet

READERS: Final = (0, 1, 2, 4, 8)
ROWS: Final = (100, 600)
"""Rows a batch: of a quiet installation, and of one with 1,000 events a second."""
SECONDS: Final = 6.0
FLOOR_S: Final = 0.1
EVENTS: Final = 12_000
"""Events that the rows have learned."""
BYTES_RECEIVED: Final = 128
"""Place of `tcpi_bytes_received` in Linux's `struct tcp_info`."""


class Reader:
    """A process with a replica."""

    def __init__(self, settings: Settings) -> None:
        command = [sys.executable, "-m", "tests.benchmarks.fan_out", settings.brokers, settings.topic_prefix]
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def look(self) -> tuple[float, int, int]:
        """Return its seconds of CPU, the rows that it has taken, and the bytes that it has received."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print("look", file=self._process.stdin, flush=True)
        cpu, rows, size = json.loads(self._process.stdout.readline())
        return cpu, rows, size

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def read(brokers: str, prefix: str) -> None:
    """Be a reader: answer each line of standard input."""
    quiet()
    settings = Settings(brokers=brokers, topic_prefix=prefix, group=f"{prefix}{os.getpid()}")
    replica = Replica(settings, partitions=4, viewer_partitions=4, metrics=Metrics())
    taken, take = [0], replica.take_rows

    def counted(messages: Sequence[Any]) -> None:
        take(messages)
        taken[0] += len(messages)

    replica.take_rows = counted  # type: ignore[assignment,method-assign]
    replica.start()
    replica.wait()
    for _ in sys.stdin:
        print(json.dumps([time.process_time(), taken[0], _received()]), flush=True)
    replica.stop()


def _received() -> int:
    """Return the bytes that the sockets of this process have received."""
    total = 0
    for one in Path("/proc/self/fd").iterdir():
        with suppress(OSError, struct.error):
            if one.readlink().name.startswith("socket:"):
                with socket.socket(fileno=os.dup(int(one.name))) as found:
                    info = found.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
                total += struct.unpack_from("<Q", info, BYTES_RECEIVED)[0]
    return total


def fan_out(bench: Bench) -> dict[str, Any]:
    """Measure all numbers of readers and rows, and fit the lines."""
    quiet()
    settings = bench.settings("fan-out")
    make_topics(settings)
    offline = Settings(page_interval_s=60.0, page={"rows": 1})
    source = Replica(offline, partitions=1, viewer_partitions=1, metrics=Metrics())
    source.wait = lambda: None  # type: ignore[method-assign]
    rows = [(row.key(), row.value()) for batch in learned(offline, source, EVENTS)[1] for row in batch]
    rows = [(key, value) for key, value in rows if key[:1] > b"\x1f"]
    writer = producer(settings, {"transactional.id": settings.topic_prefix, "compression.type": "lz4"})
    writer.init_transactions(30)

    def write(start: int, count: int) -> None:
        at = start % (len(rows) - count)
        writer.begin_transaction()
        messages = [{"key": key, "value": value} for key, value in rows[at : at + count]]
        writer.produce_batch(settings.topic(topics.TITLE_MODEL), messages, partition=0)
        writer.commit_transaction(30)

    runs = []
    with bench.shared():
        for count in READERS:
            with ExitStack() as stack:
                readers = [Reader(settings) for _ in range(count)]
                for reader in readers:
                    stack.callback(reader.close)
                    reader.look()  # answers when it has caught up
                runs += [_run(bench, write, batch, readers) for batch in ROWS]
    return _fitted(runs)


def _run(
    bench: Bench, write: Callable[[int, int], None], batch: int, readers: Sequence[Reader]
) -> dict[str, float]:
    """Write for some seconds, and compare before and after."""
    written = 0
    before, broker = [reader.look() for reader in readers], bench.broker_cpu()
    began = time.monotonic()
    while time.monotonic() - began < SECONDS:
        write(written, batch)
        written += batch
        time.sleep(max(0.0, began + FLOOR_S * written / batch - time.monotonic()))
    seconds = time.monotonic() - began
    time.sleep(3 * FLOOR_S)  # the last rows arrive
    after, broker = [reader.look() for reader in readers], bench.broker_cpu() - broker
    spent = np.array(
        [[b - a for a, b in zip(*pair, strict=True)] for pair in zip(before, after, strict=True)]
    )
    cpu, taken, size = spent.mean(axis=0) / seconds if len(spent) else np.zeros(3)
    found = {
        "readers": len(readers), "rows_per_s": written / seconds, "broker_cores": broker / seconds,
        "reader_cores": cpu, "taken_per_s": taken, "received_bytes_per_s": size,
    }  # fmt: skip
    return {name: round(float(value), 4) for name, value in found.items()}


def _fitted(runs: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Fit the lines of the module's description by least squares."""
    column: Callable[[str], Any] = lambda name: np.array([run[name] for run in runs])  # noqa: E731
    some = column("readers") > 0
    rows, one = column("rows_per_s"), np.ones(len(runs))
    by_rows = np.stack([one, rows], axis=1)[some]
    cpu, *_ = np.linalg.lstsq(by_rows, column("reader_cores")[some], rcond=None)
    size, *_ = np.linalg.lstsq(by_rows, column("received_bytes_per_s")[some], rcond=None)
    of_broker = np.stack([one, rows, rows * column("readers")], axis=1)
    broker, *_ = np.linalg.lstsq(of_broker, column("broker_cores"), rcond=None)
    left = column("broker_cores") - of_broker @ broker
    return {
        "reader_cores_fixed": round(float(cpu[0]), 4),
        "reader_us_per_row": round(float(cpu[1]) * 1e6, 2),
        "received_bytes_per_row": round(float(size[1])),
        "broker_cores_fixed": round(float(broker[0]), 3),
        "broker_us_per_row_written": round(float(broker[1]) * 1e6, 2),
        "broker_us_per_row_and_reader": round(float(broker[2]) * 1e6, 2),
        "broker_cores_unexplained": round(float(np.abs(left).max()), 3),
        "runs": runs,
    }


if __name__ == "__main__":
    if len(sys.argv) > 1:
        read(*sys.argv[1:])
    else:
        with Bench() as given:
            print(json.dumps(fan_out(given), indent=1))
