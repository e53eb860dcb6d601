"""The read interface: stored pages over HTTP from one process on one core, asked at a fixed rate."""

import asyncio
import os
import time
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np

from schemas import topics
from schemas.codec import encode
from schemas.fields import ItemReason, RowKind
from schemas.pages import Home, Item, Row, Source
from streams.config.settings import Settings
from streams.kafka.clients import producer
from streams.ops.runs.worker_process import ServeProcess, make_topics
from tests.benchmarks.bench import TICK, Bench

VIEWERS = 10_000
ITEMS = 190
"""Of a page, which makes it 8 kB: the budget of a page."""
RATE = 2_000
SECONDS = 15.0
LEFT_OUT_S = 3.0
CONNECTIONS = 32


class _Connection(asyncio.Protocol):
    """One kept-alive connection: asks one thing at a time, in order."""

    def __init__(self, waits: list[tuple[float, float]]) -> None:
        self._waits, self._due, self._asked = waits, deque[tuple[float, bytes]](), False
        self._left, self._head = 0, b""
        self.bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def ask(self, due: float, request: bytes) -> None:
        """Ask as soon as the connection is free; the wait counts from when it was due."""
        self._due.append((due, request))
        if not self._asked:
            self._next()

    def _next(self) -> None:
        self._asked = bool(self._due)
        if self._asked:
            self._transport.write(self._due[0][1])  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self.bytes += len(data)
        if not self._left:
            self._head += data
            head, found, body = self._head.partition(b"\r\n\r\n")
            if not found:
                return
            assert head.startswith(b"HTTP/1.1 200"), head
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            self._left, self._head, data = int(length), b"", body
        self._left -= len(data)
        if not self._left:
            due, _ = self._due.popleft()
            self._waits.append((due, time.perf_counter() - due))
            self._next()


def reading(bench: Bench) -> dict[str, Any]:
    """Measure what a stored page costs, and p50 and p99 from when each request was due."""
    os.environ["NEARLINE_SERVE__RATE"] = "0"
    settings = bench.settings("reading")
    make_topics(settings)
    size = _publish(settings)
    with ServeProcess(settings, bench.state("reading")) as server:
        server.wait_ready()
        for task in Path(f"/proc/{server.pid}/task").iterdir() if bench.core is not None else ():
            os.sched_setaffinity(int(task.name), [bench.core or 0])
        port = int(server.address.rpartition(":")[2])
        before = _cpu(server.pid)
        waits = asyncio.run(_ask(port, RATE, SECONDS))
        cpu_s = _cpu(server.pid) - before
        kept = np.array([wait for due, wait in waits if due - waits[0][0] > LEFT_OUT_S]) * 1e3
    del os.environ["NEARLINE_SERVE__RATE"]
    p50, p99, worst = np.percentile(kept, (50, 99, 100)).tolist()
    return {
        "asked_per_s": RATE,
        "answered_per_s": round(len(waits) / SECONDS),
        "page_bytes": size,
        "wait_ms": {"p50": round(p50, 2), "p99": round(p99, 2), "longest": round(worst, 1)},
        "cpu_us_per_request": round(1e6 * cpu_s / len(waits)),
    }


def _publish(settings: Settings) -> int:
    """Write a page for every viewer; return its size."""
    writer = producer(settings, {"compression.type": "lz4", "queue.buffering.max.messages": VIEWERS * 2})
    items = tuple(Item(title_id=f"title-{n:06d}", score=round(9 - n / 100, 2)) for n in range(ITEMS))
    row = Row(kind=RowKind.TOP_PICKS, reason=ItemReason.TASTE, items=items)
    source, value = Source(topic=topics.EVENTS, partition=0, offset=1), b""
    for number in range(VIEWERS):
        value = encode(
            Home(
                viewer_id=f"v-{number}", list_id="0-1-1", seq=1, generated_at_ms=1_700_000_000_000,
                expires_at_ms=4_000_000_000_000, model_version="1@x", source=source, rows=(row,),
            )
        )  # fmt: skip
        writer.produce(settings.topic(topics.HOME), value, f"v-{number}".encode())
    assert writer.flush(30) == 0
    return len(value)


async def _ask(port: int, rate: float, seconds: float) -> list[tuple[float, float]]:
    """Ask at a rate, whatever the answers take; return when each was due and how long it took."""
    loop, waits = asyncio.get_running_loop(), list[tuple[float, float]]()
    connections = [
        (await loop.create_connection(lambda: _Connection(waits), "127.0.0.1", port))[1]
        for _ in range(CONNECTIONS)
    ]
    viewers = np.random.default_rng(1).integers(VIEWERS, size=int(rate * seconds)).tolist()
    began = time.perf_counter() + 0.1
    for number, viewer in enumerate(viewers):
        due = began + number / rate
        if (early := due - time.perf_counter()) > 0:
            await asyncio.sleep(early)
        elif number % 50 == 0:
            await asyncio.sleep(0)
        request = b"GET /v1/viewers/v-%d/home HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % (viewer, port)
        connections[number % CONNECTIONS].ask(due, request)
    deadline = time.perf_counter() + 30
    while len(waits) < len(viewers) and time.perf_counter() < deadline:  # noqa: ASYNC110 - the tail of the run
        await asyncio.sleep(0.05)
    return sorted(waits)


def _cpu(pid: int) -> float:
    """Return the seconds of CPU that a process has used."""
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(stat[11]) + int(stat[12])) / TICK
