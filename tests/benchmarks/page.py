"""A home page in a batch: built, encoded, and its bytes, beside the plain list out of the same scores."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import cramjam
import msgspec
import numpy as np
from msgspec import structs

from online_models.catalog.business_rules import RuleSet
from online_models.learners.cohorts import SHELVED, CohortTable
from online_models.learners.segments import Segments
from online_models.page.build import build
from online_models.page.catalog_index import CatalogIndex, ViewerSegments
from online_models.page.config import PageConfig
from online_models.ranking.segment_boost import SegmentBoost
from online_models.recommender import Recommender
from online_models.simulation import World
from online_models.tables.titles import title_key
from schemas import Event, Stop, Tags
from schemas.rules import BusinessRule, PinRow, RuleKind
from streams.stages.viewers.page_bytes import Cause, Causes, PageEncoder
from tests.benchmarks.bench import Bench

TITLES, VIEWERS, EVENTS = 10_000, 1_000, 100_000
COUNTRIES = 20
NEWS = 100
"""Titles that are new: each page looks for an alert among them."""
BATCH = 512
"""Pages in a batch."""
ROUNDS = 7
"""The best of so many counts: other programs can only add."""
LENGTH = 20
RULES = RuleSet([
    BusinessRule(rule_id="boost", kind=RuleKind.BOOST, tags=Tags(genre=("Drama",)), factor=2.0),
    BusinessRule(rule_id="gone", kind=RuleKind.EXCLUDE, tags=Tags(genre=("Horror",))),
    *(
        BusinessRule(rule_id=f"{row}-{n}", kind=RuleKind.PIN, titles=(f"title-{title:06d}",), row=row, slot=n)
        for row, titles in zip(PinRow, ((1, 2), (3, 4)), strict=True)
        for n, title in enumerate(titles)
    ),
])  # fmt: skip
"""What a service may have at a time: a lift, an exclusion, four pins."""


def page(_: Bench | None = None) -> dict[str, Any]:
    """Measure pages of 12 rows and lists of 20 in microseconds of one thread's CPU, and bytes.

    Of bytes there are those of the record, and those on the wire: its share of a batch of 16 under lz4.
    """
    model = Recommender(seed=1)
    world = World(seed=1, viewers=VIEWERS, titles=TITLES)
    events = world.take(EVENTS)
    last = max(event.event_time_ms for event in events)
    for number, title in enumerate(world.titles):
        new = number % (TITLES // NEWS) == 0
        model.describe(structs.replace(title, release_ms=last - 3_600_000) if new else title)
    model.learn_many(events)
    now, side = last, model.viewers
    slots = np.arange(len(side.viewers), dtype=np.int32)[:BATCH]
    crowds = _crowds(model, events)
    shelves = {
        rows: CatalogIndex(model.titles, model.catalog, PageConfig(rows=rows), crowds) for rows in (1, 12)
    }
    about = {"topic": "viewing.events.v1", "partition": 0, "model_version": "1@0", "ttl_ms": 1}
    encoder = PageEncoder(model.titles, model.catalog, **about)
    causes = Causes.of([Cause(f"v-{slot:06d}", 17, 48_213, now) for slot in slots.tolist()])
    out: dict[str, Any] = {"viewers": int(slots.size), "titles": len(model.titles)}
    for name, rows, rules in (("list", 1, None), ("page", 12, None), ("page_under_rules", 12, RULES)):
        model.catalog.set_rules(rules or RuleSet())
        made = build(side, shelves[rows], slots, now, LENGTH)
        written = encoder.encode(made, causes, [0] * slots.size)
        homes = [msgspec.json.decode(one) for one in written]
        out[name] = {
            "build_us": _cpu_us(lambda rows=rows: build(side, shelves[rows], slots, now, LENGTH), slots.size),
            "encode_us": _cpu_us(
                lambda made=made: encoder.encode(made, causes, [0] * slots.size), slots.size
            ),
            "rows": round(float(np.mean([len(home["rows"]) for home in homes])), 1),
            "alerts": int((made.alert[:, :1] >= 0).sum()),
            "items": round(float(np.mean([sum(len(r["items"]) for r in h["rows"]) for h in homes])), 1),
            "bytes": round(float(np.mean([len(one) for one in written]))),
            "bytes_in_lz4": round(len(bytes(cramjam.lz4.compress_block(b"".join(written[:16])))) / 16),
        }
    return out


def _crowds(model: Recommender, events: Sequence[Event]) -> ViewerSegments:
    """Spread viewers over countries, and let these and cohorts watch what their viewers do."""
    viewers, titles = model.viewers.viewers, model.titles
    viewers.arrays.country[:] = np.arange(viewers.arrays.country.size) % COUNTRIES + 1
    crowd, cohorts = Segments(least=1), CohortTable(model.config.factorization.factors, SHELVED)
    for event in events:
        if isinstance(event, Stop):
            slot, at = viewers.slot(event.viewer_id), event.event_time_ms
            crowd.watch(title_key(event.title_id), 1.0, at, country=int(viewers.arrays.country[slot]))
            cohorts.learn(viewers.arrays.taste[slot], titles.row(event.title_id), 1.0, at)
    out = ViewerSegments(titles, SegmentBoost(titles, [crowd]))
    out.cohorts = cohorts
    return out


def _cpu_us(work: Callable[[], object], n: int) -> float:
    """Return the least CPU of a run, an item, in microseconds."""
    took = []
    for _ in range(ROUNDS):
        began = time.thread_time()
        work()
        took.append(time.thread_time() - began)
    return round(min(took) / n * 1e6, 1)


if __name__ == "__main__":
    print(page())
