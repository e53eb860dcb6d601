"""The insights stage: visits in; how titles are watched, and what is wanted, out.

One partition: here all viewers of a title come together. Visits are told once each
(:mod:`streams.stages.insights.visits`), so they are added to what there is, in the transaction that remembers them.
A batch begins five seconds after the last one at the earliest; it publishes every title that it touched, and
what changed of the demand. A record of demand that may no longer be told, or is no longer among the first, is
withdrawn by a tombstone.
"""

from collections.abc import Callable, Sequence
from zlib import crc32

from online_models.insights.catalog_snapshot import CatalogSnapshot
from online_models.insights.disclosure import tell
from online_models.insights.titles import TitleTally, describe
from online_models.insights.visits import Visit
from schemas import topics
from schemas.codec import encode
from streams.config.settings import Settings
from streams.engine.stage import Message, Outcome, Record, StageSpec, StateView
from streams.stages.analytics.events import ViewerRows
from streams.stages.insights.rows import (
    PUBLISHED,
    TITLE,
    demand_rows,
    load_demand,
    pack_tally,
    unpack_tally,
)
from streams.stages.insights.visit_rows import unpack_visits

__all__ = ["STAGE", "InsightsStep", "insights_spec"]

STAGE = "insights"
FLOOR_S = 5.0
"""Least seconds between two batches: people read what comes out, and demand is a hundred kilobytes."""


def insights_spec(settings: Settings, stock: Callable[[], CatalogSnapshot]) -> StageSpec:
    """Describe the stage; ``stock`` as for the visits stage."""
    return StageSpec(
        name=STAGE,
        source=settings.topic(topics.INSIGHTS_VISITS),
        changelog=settings.topic(topics.INSIGHTS_STATE),
        make_step=lambda _, store: InsightsStep(settings, store, stock),
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
        Titles' tallies, demand's counters, and what was published of it.
    stock
        Asked before each batch for the catalog.
    """

    def __init__(self, settings: Settings, store: StateView, stock: Callable[[], CatalogSnapshot]) -> None:
        stock()  # waits until the catalog is known
        self._stock = stock
        self._tallies = ViewerRows(store, unpack_tally, prefix=TITLE)
        self._demand, self._stored = load_demand(store)
        self._published = {key[1:]: value for key, value in store.scan(PUBLISHED)}
        self._titles = settings.topic(topics.INSIGHTS_TITLES)
        self._wanted = settings.topic(topics.INSIGHTS_DEMAND)

    def __call__(self, records: Sequence[Record]) -> Outcome:
        """Count a batch, and say what changed."""
        told = [unpack_visits(record.value) for record in records if record.value]
        visits = [visit for some, _ in told for visit in some]
        searches = [search for _, some in told for search in some]
        stock = self._stock()
        out = self._count(visits)
        self._demand.add(visits, searches, stock)
        out.rows.extend(demand_rows(self._demand, self._stored))
        self._tell(stock, out)
        return out

    def _count(self, visits: Sequence[Visit]) -> Outcome:
        """Count visits of titles."""
        touched: dict[str, TitleTally] = {}
        self._tallies.load({visit.title_id for visit in visits})
        for visit in visits:
            tally = touched[visit.title_id] = self._tallies.hot.setdefault(visit.title_id, TitleTally())
            tally.add(visit)
        out = Outcome(rows=[(TITLE + name.encode(), pack_tally(tally)) for name, tally in touched.items()])
        found = [describe(name, tally) for name, tally in touched.items()]
        messages: list[Message] = [
            {"key": one.title_id.encode(), "value": encode(one)} for one in found if one is not None
        ]
        if messages:
            out.outputs[self._titles, None] = messages
        return out

    def _tell(self, stock: CatalogSnapshot, out: Outcome) -> None:
        """Publish what changed of the demand."""
        found = {key.encode(): encode(one) for key, one in tell(self._demand, stock).items()}
        sums = {key: crc32(value).to_bytes(4) for key, value in found.items()}
        changed = [key for key, value in sums.items() if self._published.get(key) != value]
        changed += sorted(self._published.keys() - sums.keys())
        out.rows.extend((PUBLISHED + key, sums.get(key)) for key in changed)
        self._published = sums
        if changed:
            out.outputs[self._wanted, None] = [{"key": key, "value": found.get(key)} for key in changed]
