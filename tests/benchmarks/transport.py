"""Our batches through Faust against Faust's ordinary path: the same broker, topic, payloads and decoder.

Ours is a whole stage, with transactions, changelog and store, whose step does nothing but decode; Faust's
is an agent that decodes, with nothing behind it.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from threading import Lock
from typing import Any

import faust

from schemas import topics
from schemas.codec import decode_event
from streams.config.settings import Settings, child_environment
from streams.engine.app import build_app, run_worker
from streams.engine.stage import Outcome, Record, StageSpec
from streams.ops.runs.worker_process import make_topics
from streams.telemetry.metrics import Metrics
from tests.benchmarks.bench import Bench
from tests.benchmarks.load import produce

EVENTS = {"batches": 1_000_000, "events": 80_000}
"""Of each way; both read the same topic from its beginning."""
WARM_UP = 0.2
PATIENCE_S = 90.0


def transport(bench: Bench) -> dict[str, Any]:
    """Measure both ways, one after the other on the same core."""
    settings = bench.settings("transport")
    make_topics(settings)
    produce(settings, max(EVENTS.values()))
    ours, theirs = (_run(bench, settings, way) for way in EVENTS)
    return {
        "events_per_s": ours["events_per_s"],
        "cpu_us_per_event": ours["cpu_us_per_event"],
        "faust": theirs,
        "ratio": round(ours["events_per_s"] / theirs["events_per_s"], 1),
        "cpu_ratio": round(theirs["cpu_us_per_event"] / ours["cpu_us_per_event"], 1),
    }


def _run(bench: Bench, settings: Settings, way: str) -> dict[str, Any]:
    core = bench.cores[0] if bench.core is None else bench.core
    found = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.transport", way, str(core)],
        env=child_environment()
        | {
            "NEARLINE_BROKERS": settings.brokers,
            "NEARLINE_TOPIC_PREFIX": settings.topic_prefix,
            "NEARLINE_GROUP": f"{settings.group}-{way}",
            "NEARLINE_STATE_DIR": str(bench.state(f"transport-{way}")),
            "NEARLINE_HTTP_PORT": "0",
            "NEARLINE_LOG_LEVEL": "error",
        },
        timeout=PATIENCE_S,
        capture_output=True,
        check=False,
        text=True,
    )
    lines = [line for line in found.stdout.splitlines() if line.startswith('{"events_per_s"')]
    if not lines:
        msg = f"{way}: {found.stderr[-2000:]}"
        raise RuntimeError(msg)
    return dict(json.loads(lines[0]))


class Count:
    """Count events; at the last one print the figures and end the process."""

    def __init__(self, total: int) -> None:
        self._total, self._seen, self._lock = total, 0, Lock()
        self._first: tuple[int, float, float] | None = None

    def add(self, events: int) -> None:
        """Note that so many more are done."""
        with self._lock:
            self._seen += events
            if self._first is None and self._seen >= WARM_UP * self._total:
                self._first = (self._seen, time.perf_counter(), time.process_time())
            if self._first is not None and self._seen >= self._total:
                self._print(*self._first)

    def _print(self, seen: int, at: float, cpu: float) -> None:
        events = self._seen - seen
        figures = {
            "events_per_s": round(events / (time.perf_counter() - at)),
            "cpu_us_per_event": round((time.process_time() - cpu) / events * 1e6, 2),
        }
        os.write(1, f"{json.dumps(figures)}\n".encode())  # Faust takes sys.stdout away
        os._exit(0)


def run_batches(settings: Settings, count: Count) -> None:
    """Be a worker whose one stage decodes."""

    def step(records: Sequence[Record]) -> Outcome:
        for record in records:
            decode_event(record.value, record.headers)
        count.add(len(records))
        return Outcome()

    spec = StageSpec(
        name="decode",
        source=settings.topic(topics.EVENTS),
        changelog=settings.topic(topics.VIEWER_STATE),
        make_step=lambda _partition, _store: step,
        dead_letters=settings.topic(topics.DEAD_LETTERS),
    )
    run_worker(build_app(settings, [spec], Metrics(version=version("nearline"))))


def run_events(settings: Settings, count: Count) -> None:
    """Be an ordinary Faust app whose one agent decodes."""
    app = faust.App(
        settings.group,
        broker=f"kafka://{settings.brokers}",
        store="memory://",
        datadir=str(settings.state_dir),
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        stream_wait_empty=False,
        consumer_auto_offset_reset="earliest",
    )
    topic = app.topic(settings.topic(topics.EVENTS), key_serializer="raw", value_serializer="raw")

    @app.agent(topic)
    async def decode(stream: Any) -> None:
        async for value in stream:
            decode_event(value)
            count.add(1)

    sys.argv = ["bench", "worker", "-l", "error", "--without-web"]
    app.main()


def main() -> None:
    """Run one way."""
    way, core = sys.argv[1:3]
    os.sched_setaffinity(0, [int(core)])
    run = {"batches": run_batches, "events": run_events}[way]
    run(Settings.load(), Count(EVENTS[way]))


if __name__ == "__main__":
    main()
