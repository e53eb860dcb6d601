"""nearline against peers that anyone can install, at their job, on one core, in one run: ratios first."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from schemas import topics
from streams.config.settings import Settings, child_environment
from streams.kafka.clients import NewTopic, admin
from streams.kafka.topics import await_leaders
from streams.ops.runs.worker_process import make_topics
from tests.benchmarks.bench import Bench
from tests.benchmarks.load import produce
from tests.benchmarks.throughput import list_per_event

__all__ = ["peers"]

FOLDER = Path(__file__).parent
QUIX_PYTHON = Path(sys.prefix) / "peers" / "bin" / "python"
"""`make bench` makes this environment."""
EVENTS = {"faust": 4_000, "quix": 20_000}
"""Of each, seconds on a quiet machine; the first fifth is warm-up. Both read the same events."""
PARTITIONS = 4
"""As the topic of events has."""
PATIENCE_S = 180.0

Figures = dict[str, Any]


def peers(bench: Bench) -> Figures:
    """Measure all one after the other on the first core; broker and producer have the others."""
    settings = bench.settings("peers")
    make_topics(settings)
    produce(settings, max(EVENTS.values()))
    theirs = {
        "faust": _run(bench, settings, "faust", Path(sys.executable)),
        "quix": _run(bench, settings, "quix", QUIX_PYTHON),
    }
    own = list_per_event(bench)
    ours = {name: own[name] for name in ("lists_per_s", "cpu_us_per_list")}
    return {
        **{
            f"ratio_to_{name}": _ratios(ours, found)
            for name, found in theirs.items()
            if "skipped" not in found
        },
        "absolute_on_this_machine": {"nearline": ours, **theirs},
    }


def _ratios(ours: Figures, theirs: Figures) -> Figures:
    """Return how many times as many lists a second, and as little CPU a list."""
    return {
        "lists_per_s": round(ours["lists_per_s"] / theirs["lists_per_s"], 1),
        "lists_per_cpu_second": round(theirs["cpu_us_per_list"] / ours["cpu_us_per_list"], 1),
    }


def _create(settings: Settings, *names: str) -> None:
    """Create the peer's topics: lists, and the changelog of a Faust table called viewers."""
    client = admin(settings)
    for future in client.create_topics([NewTopic(name, PARTITIONS) for name in names]).values():
        future.result(30)
    await_leaders(client, names)


def _run(bench: Bench, settings: Settings, name: str, python: Path) -> Figures:
    """Let a peer answer its events."""
    if not python.exists():
        return {"skipped": "make bench installs it"}
    given = {
        "brokers": settings.brokers,
        "events": settings.topic(topics.EVENTS),
        "lists": settings.topic(f"peer-{name}.lists"),
        "group": (group := f"{settings.group}-{name}"),
        "folder": str(bench.state(f"peer-{name}")),
        "count": EVENTS[name],
        "core": bench.cores[0] if bench.core is None else bench.core,
    }
    _create(settings, given["lists"], f"{group}-viewers-changelog")
    found = subprocess.run(
        [str(python), str(FOLDER / f"{name}_peer.py"), json.dumps(given)],
        env=child_environment() | {"OPENBLAS_NUM_THREADS": "1"},
        timeout=PATIENCE_S,
        capture_output=True,
        check=False,
        text=True,
    )
    lines = [line for line in found.stdout.splitlines() if line.startswith('{"lists_per_s"')]
    if not lines:
        msg = f"{name}: {found.stderr[-2000:]}"
        raise RuntimeError(msg)
    return dict(json.loads(lines[0]))
