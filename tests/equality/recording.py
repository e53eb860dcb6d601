"""Recording what comes out of the code as it is, and comparing it with what was recorded before."""

import platform
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import zip_longest
from pathlib import Path
from random import Random
from typing import Any, Final

from online_models.config import CoWatchConfig, FactorizationConfig, ModelConfig, RewardConfig
from online_models.page.config import PageConfig
from online_models.simulation import World
from schemas import DecodeError, topics
from schemas.codec import (
    decode_alert,
    decode_dead_letter,
    decode_event,
    decode_experiment_result,
    decode_home,
    encode,
)
from schemas.topics import TOPICS
from schemas.versions import MARKER_KEY, ModelVersion, SwitchMarker
from streams.config.settings import Settings
from tests.equality import script
from tests.equality.cluster import Installation
from tests.equality.contents import Contents
from tests.equality.events import UNLISTED, Players, Sent
from tests.equality.ledger import Ledger

__all__ = ["EVENTS", "differences", "machine", "record"]

EVENTS: Final = 50_000
BLOCK: Final = 1_000
"""Events in a block: a difference is located by it."""
PAUSES_S: Final = (0.02, 0.1, 0.3, 0.6, 1.3)
"""Seconds between two turns: pages of the same viewer are published at once, and wait for their time."""
TURN: Final = (5, 100)
"""Fewest and most events sent between two turns."""


@dataclass
class Register:
    """The standing of a version that is a shadow until it is switched to, and again from time to time."""

    registration: ModelVersion = field(
        default_factory=lambda: ModelVersion(
            name="blue", fingerprint="-", epoch=0, registered_at_ms=10**12, live="1"
        )
    )
    live: bool = False

    def publishes(self) -> bool:
        """Say whether trending lists go out."""
        return self.live

    def confirmed(self, markers: Any) -> set[tuple[int, str]]:
        """Return the switches that were decided."""
        return {(one.epoch, one.version) for one in markers if one.version != "forged"}


@dataclass(frozen=True)
class Plot:
    """An installation, and what happens to it."""

    name: str
    share: float
    """Of all events."""
    settings: Settings
    partitions: int
    viewers: int
    titles: int
    seed: int
    switches: tuple[tuple[float, str], ...] = ()
    """After which share of its events which version of the model is switched to."""


_PAGE: Final = {
    "alert_likes": 3, "alert_quantile": 0.3, "alerts_per_week": 9, "segment_watches": 1.0,
    "again_days": 0.02, "tag_titles": 4, "seed_watches": 2.0,
}  # fmt: skip


def _plots() -> tuple[Plot, ...]:
    """Return the installations: everything that a setting turns on is on in one of them."""
    small = ModelConfig(viewer_slots=60, reward=RewardConfig(quantile_from=20))
    lists = ModelConfig(
        known_titles=64, title_capacity=140, factorization=FactorizationConfig(tags=60),
        cowatch=CoWatchConfig(neighbours=32),
    )  # fmt: skip
    return (
        Plot(
            "pages", 0.66,
            Settings(
                title_shards=2, profiles=True, model=small, page=PageConfig(**_PAGE), prequential_share=0.1
            ),
            partitions=3, viewers=240, titles=260, seed=1,
        ),
        Plot(
            "lists", 0.2,
            Settings(tenant="acme", model=lists, page=PageConfig(rows=1), list_per_event=True),
            partitions=2, viewers=90, titles=150, seed=2,
        ),
        Plot(
            "versions", 0.14,
            Settings(model_version="blue", model=small, page=PageConfig(**_PAGE), page_interval_s=0.5),
            partitions=2, viewers=70, titles=120, seed=3,
            switches=((0.4, "blue"), (0.6, "forged"), (0.65, "1"), (0.8, "blue")),
        ),
    )  # fmt: skip


def record(events: int = EVENTS, dump: Callable[[str, int, str], None] | None = None) -> dict[str, Any]:
    """Let so many events go through every stage; return hashes and counts of everything that comes out.

    Parameters
    ----------
    events
        How many.
    dump
        Given installation, block and a line about each record. Default: nobody wants to see them.

    Returns
    -------
    document
        ``about``: what it was recorded on; ``coverage``: how often everything occurred that can occur;
        ``installations``: by name, the model's fingerprint and the streams, each with count, total, blocks.
    """
    coverage: dict[str, Counter[str]] = defaultdict(Counter)
    found = {}
    for plot in _plots():
        run = _Run(plot, round(events * plot.share), coverage, dump)
        found[plot.name] = {"model": plot.settings.provenance, "streams": run.streams()}
    return {
        "about": machine() | {"events": events, "block": BLOCK},
        "coverage": {name: dict(sorted(counts.items())) for name, counts in sorted(coverage.items())},
        "installations": found,
    }


class _Run:
    """One installation from its first event to its last."""

    def __init__(
        self,
        plot: Plot,
        events: int,
        coverage: dict[str, Counter[str]],
        dump: Callable[[str, int, str], None] | None,
    ) -> None:
        self._plot, self._events, self._coverage = plot, events, coverage
        self._dump, self._block = dump, 0
        self._ledger, self._rng = Ledger(), Random(plot.seed)
        self._rows: dict[str, dict[tuple[int, bytes], bytes | None]] = defaultdict(dict)
        self._records: dict[str, list[bytes]] = defaultdict(list)
        self._register = Register() if plot.switches else None
        world = World(seed=plot.seed, viewers=plot.viewers, titles=plot.titles)
        self._install = Installation(
            plot.settings, self._written, partitions=plot.partitions, standing=self._register
        )
        self._players = Players(
            world, plot.seed, self._install.pages, partitions=plot.partitions,
            tenant=plot.settings.tenant, profiles=plot.settings.profiles,
        )  # fmt: skip
        self._script = [
            *script.titles(world.titles, plot.seed), *script.experiments(), *script.rules(world.titles)
        ]  # fmt: skip
        self._script.sort(key=lambda one: one.at)
        premieres = [one.key for one in self._script if one.topic == topics.CATALOG]
        self._contents = Contents(plot.settings.model, [*premieres, *UNLISTED])
        self._first = self._players.take(1)

    def streams(self) -> dict[str, dict[str, Any]]:
        """Let everything happen; return the streams."""
        for sent in self._turns():
            done = sent / self._events
            for moment in script.due(self._script, done):
                self._install.write(moment.topic, moment.key, moment.value(self._players.now_ms))
            self._install.turn(self._rng.choice(PAUSES_S), self._rng.choice((20, 50, 400)))
        self._install.finish()
        self._close_block()
        return self._ledger.to_dict()

    def _turns(self) -> Iterator[int]:
        """Send events, and yield how many were sent by now, turn by turn; ends blocks and processes."""
        sent = 0
        restarts, switches = [0.35, 0.7], list(self._plot.switches)
        yield 0
        while sent < self._events:
            room = min(self._events, (sent // BLOCK + 1) * BLOCK) - sent
            count = min(room, self._rng.randrange(*TURN))
            for one in self._first + self._players.take(count - len(self._first)):
                self._count_event(one)
                self._install.send(one)
            self._first = []
            sent += count
            yield sent
            if restarts and sent >= restarts[0] * self._events:
                restarts.pop(0)
                self._install.restart()
            if switches and sent >= switches[0][0] * self._events:
                self._switch(len(self._plot.switches) - len(switches) + 1, switches.pop(0)[1])
            if sent % BLOCK == 0:
                self._close_block()

    def _switch(self, epoch: int, name: str) -> None:
        """Write the markers of a switch into every partition of the events."""
        if self._register and name != "forged":
            self._register.live = name == "blue"
        marker = encode(SwitchMarker(epoch=epoch, version=name))
        for partition in range(self._plot.partitions):
            self._install.send(Sent(MARKER_KEY, marker, self._players.now_ms, partition=partition))

    def _written(self, topic: str, partition: int, key: bytes | None, value: bytes | None) -> None:
        """Hash a record, and keep what has contents until the block ends."""
        self._ledger.add(topic, partition, key, value)
        if self._dump:
            self._dump(self._plot.name, self._block, f"{topic} {partition} {key!r} {value!r}")
        if topic in _STATE:
            self._rows[topic][partition, key or b""] = value
        elif value is not None:
            self._records[topic].append(value)

    def _close_block(self) -> None:
        """Hash what the records of a block say, whatever their format."""
        for topic, rows in self._rows.items():
            for n, (label, value) in enumerate(self._contents.rows(topic, rows)):
                self._ledger.add(_stream(topic, n, label), value)
        for topic, values in self._records.items():
            for record_ in values:
                for n, (label, value) in enumerate(self._contents.record(topic, record_)):
                    self._ledger.add(_stream(topic, n, label), value)
                self._cover(topic, record_)
        self._ledger.add("prequential", *self._install.hits())
        self._rows.clear()
        self._records.clear()
        self._ledger.close_block()
        self._block += 1

    def _count_event(self, one: Sent) -> None:
        try:
            event = decode_event(one.value, one.headers)
        except DecodeError:
            return
        self._coverage["events"][type(event).__name__] += 1

    def _cover(self, topic: str, value: bytes) -> None:
        """Count what a record holds."""
        count = self._coverage
        match topic:
            case topics.HOME:
                page = decode_home(value)
                count["rows"].update(row.kind for row in page.rows)
                count["reasons"].update(item.reason for row in page.rows for item in row.items if item.reason)
                count["reasons"].update(row.reason for row in page.rows if row.reason)
                count["arms"].update(f"{one.experiment_id}/{one.arm}" for one in page.arms)
                count["languages"][page.language or "en"] += 1
            case topics.ALERTS:
                count["alerts"][decode_alert(value).reason] += 1
            case topics.DEAD_LETTERS:
                count["dead letters"][decode_dead_letter(value).reason] += 1
            case topics.EXPERIMENT_RESULTS:
                with suppress(DecodeError):  # a share of a variance that is all but zero is out of range
                    count["results"][decode_experiment_result(value).verdict] += 1
            case _:
                pass


_STATE: Final = (
    topics.VIEWER_STATE, topics.TITLE_MODEL, topics.EXPERIMENT_VIEWERS, topics.EXPERIMENT_DECISIONS,
    topics.INSIGHTS_VIEWERS, topics.INSIGHTS_STATE,
)  # fmt: skip
"""Topics that hold stages' rows."""


def _stream(topic: str, place: int, label: str) -> str:
    """Name the stream of what some records say; the place tells streams apart, the label is for people."""
    return f"{topic} #{place:02d} {label}"


def machine() -> dict[str, str]:
    """Say on what this runs: floats depend on the processor, and on what compiles for it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": names[0] if names else platform.processor() or platform.machine(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("numpy", "numba", "llvmlite", "msgspec")},
    }


def differences(before: Mapping[str, Any], now: Mapping[str, Any], *, formats: bool = False) -> Iterator[str]:
    """Yield each difference of two documents as a line, those of the earliest events first.

    Parameters
    ----------
    before, now
        What `record` returned.
    formats
        Whether records that only our own workers read may have another format: then what they say is
        compared, and their bytes are not.
    """
    found: list[tuple[int, str]] = []
    for name in sorted({*before["installations"], *now["installations"]}):
        sides = [_by_place(one["installations"].get(name, {}).get("streams", {})) for one in (before, now)]
        for place in sorted({*sides[0], *sides[1]}):
            topic, _, part = place.partition(" ")
            if formats and not part and topic in TOPICS and TOPICS[topic].internal:
                continue
            old, new = (side.get(place) for side in sides)
            if old is None or new is None:
                found.append((0, f"{name}: {place} " + ("was not there before" if new else "is gone")))
            elif old["total"] != new["total"]:
                first, where = _where(old, new)
                found.append((first, f"{name}: {new['name']}: {where}"))
    yield from (line for _, line in sorted(found))


def _by_place(streams: Mapping[str, Any]) -> dict[str, Any]:
    """Return streams by topic and place, whatever their labels."""
    return {" ".join(name.split(" ")[:2]): {**one, "name": name} for name, one in streams.items()}


def _where(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[int, str]:
    """Return the first block in which two streams differ, and say where they do."""
    pairs = [*zip_longest(old["blocks"], new["blocks"], fillvalue="")]
    blocks = [n for n, (a, b) in enumerate(pairs) if a != b]
    counts = f"{old['count']} records" + (f", now {new['count']}" if old["count"] != new["count"] else "")
    where = f"{len(blocks)} of {len(pairs)} blocks of {BLOCK} events differ, the first is {blocks[0]}"
    return blocks[0], f"{counts}; {where}"
