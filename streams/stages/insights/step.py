"""The insights stage: visits in; how titles are watched, and which demand is not served, out.

It has one partition: all viewers of a title come together here. Visits arrive exactly once each
(:mod:`streams.stages.insights.visits`) and are added to the counters in the transaction that stores these. A
batch begins at least five seconds after the last one; it publishes every title that it changed, and the
changes of the demand. A record of demand that may not be disclosed any more, or is no longer among the first,
is deleted by a tombstone.
"""

from collections.abc import Callable, Sequence
from zlib import crc32

from online_models.insights.catalog_snapshot import CatalogSnapshot
from online_models.insights.demand import disclosable_records
from online_models.insights.titles import TitleTally, describe
from online_models.insights.visits import Visit
from schemas import topics
from schemas.codec import encode
from streams.config.settings import Settings
from streams.engine.stage import Message, Outcome, Record, StageSpec, StateView
from streams.stages.analytics.events import HOT_BYTES, usable_rows
from streams.stages.insights.rows import (
    PUBLISHED,
    TITLE,
    VISITS,
    are_sound,
    demand_rows,
    load_demand,
    pack_tally,
    unpack_tally,
)
from streams.stages.wire.cached_rows import CachedRows, RowMemory

__all__ = ["STAGE", "InsightsStep", "insights_spec"]

STAGE = "insights"
FLOOR_S = 5.0
"""Least seconds between two batches: the readers are people, and the demand is a hundred kilobytes."""


def insights_spec(settings: Settings, catalog: Callable[[], CatalogSnapshot]) -> StageSpec:
    """Describe the stage to the engine; `catalog` as for the visits stage."""
    return StageSpec(
        name=STAGE,
        source=settings.topic(topics.INSIGHTS_VISITS),
        changelog=settings.topic(topics.INSIGHTS_STATE),
        make_step=lambda _, store: InsightsStep(settings, store, catalog),
        dead_letters=settings.topic(topics.DEAD_LETTERS),
        min_interval_s=FLOOR_S,
        shards=1,
    )


class InsightsStep:
    """The logic of the one partition.

    Parameters
    ----------
    settings
        Topics.
    store
        Titles' tallies, counters of demand, and checksums of its published records.
    catalog
        Returns the catalog; called before each batch.
    """

    def __init__(self, settings: Settings, store: StateView, catalog: Callable[[], CatalogSnapshot]) -> None:
        catalog()  # waits until the catalog is known
        self._catalog = catalog
        self._tallies = CachedRows(store, unpack_tally, RowMemory(HOT_BYTES), prefix=TITLE)
        self._demand, self._stored = load_demand(store)
        self._published = {key[1:]: value for key, value in store.scan(PUBLISHED)}
        self._titles_topic = settings.topic(topics.INSIGHTS_TITLES)
        self._demand_topic = settings.topic(topics.INSIGHTS_DEMAND)

    def __call__(self, records: Sequence[Record]) -> Outcome:
        """Count a batch, and publish what changed."""
        parts, letters = usable_rows(records, VISITS, are_sound, stage=STAGE)
        visits = [visit for _, (some, _) in parts for visit in some]
        searches = [search for _, (_, some) in parts for search in some]
        catalog = self._catalog()
        out = self._count(visits)
        out.dead_letters.extend(letters)
        self._demand.add(visits, searches, catalog)
        out.rows.extend(demand_rows(self._demand, self._stored))
        self._publish_demand(catalog, out)
        return out

    def _count(self, visits: Sequence[Visit]) -> Outcome:
        """Count visits of titles."""
        touched: dict[str, TitleTally] = {}
        self._tallies.load(visit.title_id for visit in visits)
        for visit in visits:
            tally = touched[visit.title_id] = self._tallies.hot.setdefault(visit.title_id, TitleTally())
            tally.add(visit)
        out = Outcome()
        for name, tally in touched.items():
            row = pack_tally(tally)
            out.rows.append((TITLE + name.encode(), row))
            self._tallies.weigh(name, row)
        found = [describe(name, tally) for name, tally in touched.items()]
        messages: list[Message] = [
            {"key": one.title_id.encode(), "value": encode(one)} for one in found if one is not None
        ]
        if messages:
            out.outputs[self._titles_topic, None] = messages
        return out

    def _publish_demand(self, catalog: CatalogSnapshot, out: Outcome) -> None:
        """Publish the records of demand that changed."""
        found = {key.encode(): encode(one) for key, one in disclosable_records(self._demand, catalog).items()}
        sums = {key: crc32(value).to_bytes(4) for key, value in found.items()}
        changed = [key for key, value in sums.items() if self._published.get(key) != value]
        changed += sorted(self._published.keys() - sums.keys())
        out.rows.extend((PUBLISHED + key, sums.get(key)) for key in changed)
        self._published = sums
        if changed:
            out.outputs[self._demand_topic, None] = [{"key": key, "value": found.get(key)} for key in changed]
