"""Visits and insights without a broker: each is told once, whatever the batches and restarts."""

from collections.abc import Iterable
from typing import Any

import pytest

from online_models.insights.catalog_snapshot import CatalogSnapshot
from schemas import Event, Rate, Search, Thumb, topics
from schemas.catalog import Tags, Title
from schemas.codec import decode_demand, decode_title_insight, encode
from schemas.insights import FacetDemand, SearchDemand, TitleInsight
from schemas.partitioner import partition_for
from schemas.versions import MARKER_KEY
from streams.config.settings import Settings
from streams.errors import StateError, StateVersionError
from streams.stages.analytics.catalog_counts import CatalogCounts
from streams.stages.insights.rows import CLOCK, TITLE, VIEWERS, unpack_tally
from streams.stages.insights.step import InsightsStep, insights_spec
from streams.stages.insights.visits import MAX_VISITS, VisitsStep, visits_spec
from streams.telemetry.metrics import Metrics
from tests.streams.steps import T0, MemoryStore, message, record, watch

TITLES = (
    Title(title_id="noir", tags=Tags(genre=("Crime",), mood=("dark",))),
    Title(title_id="farce", tags=Tags(genre=("Comedy",))),
)


class House:
    """Some partitions of visits, and the insights behind them."""

    def __init__(self, *, partitions: int = 2) -> None:
        self.settings, self.stock = Settings(), CatalogSnapshot()
        for title in TITLES:
            self.stock.put(title)
        self.stores = [MemoryStore() for _ in range(partitions)]
        self.counted = MemoryStore()
        self.told: dict[bytes, bytes | None] = {}
        self.restart()

    def restart(self) -> None:
        """Make all steps anew from their stores."""
        self.steps = [VisitsStep(self.settings, store, lambda: self.stock) for store in self.stores]
        self.sum = InsightsStep(self.settings, self.counted, lambda: self.stock)

    def feed(self, events: Iterable[Event]) -> None:
        """Carry events through both stages."""
        parts: list[list[Any]] = [[] for _ in self.stores]
        for event in events:
            key = event.viewer_id.encode()
            parts[partition_for(key, len(parts))].append(record(encode(event), key))
        visits = []
        for step, store, records in zip(self.steps, self.stores, parts, strict=True):
            if records:
                outcome = step(records)
                store.commit(outcome)
                visits += outcome.outputs.get((topics.INSIGHTS_VISITS, 0), [])
        if visits:
            outcome = self.sum([record(one["value"]) for one in visits])
            self.counted.commit(outcome)
            for messages in outcome.outputs.values():
                self.told |= {one["key"] or b"": one["value"] for one in messages}

    def title(self, name: str) -> TitleInsight:
        """Return what was told of a title."""
        return decode_title_insight(self.told[name.encode()])

    def facet(self, key: str) -> FacetDemand:
        """Return what was told of a combination."""
        found = decode_demand(self.told[key.encode()])
        assert isinstance(found, FacetDemand)
        return found


def evenings(viewers: int, title: str = "noir") -> list[Event]:
    """Make viewers who watch, search, and like."""
    out: list[Event] = []
    for n in range(viewers):
        who = f"v{n}"
        about = {"viewer_id": who, "event_time_ms": T0 + n}
        out += [
            Search(event_id=f"{who}.s", query="Noir", result_count=1, **about),
            watch(who, title, n, country="DE" if n % 2 else "KR"),
            Rate(event_id=f"{who}.r", title_id=title, thumb=Thumb.UP, **about),
        ]
    return out


def test_batches_partitions_and_restarts_make_no_difference() -> None:
    """Two partitions, batches of seven and a restart behind each, or all at once: the same records."""
    events = evenings(60) + evenings(30, "farce")
    apart, whole = House(), House(partitions=1)
    whole.feed(events)
    for start in range(0, len(events), 7):
        apart.feed(events[start : start + 7])
        apart.restart()
    assert apart.title("noir") == whole.title("noir")
    assert apart.title("farce") == whole.title("farce")
    assert apart.facet("genre:Crime") == whole.facet("genre:Crime")
    assert apart.told.keys() == whole.told.keys()
    assert (whole.title("noir").viewers, whole.title("noir").thumbs_up) == (60, 60)
    assert [one.viewers for one in whole.title("noir").countries] == [30, 30]


def test_a_repeated_event_counts_once() -> None:
    """Also after a restart: the viewer's row remembers."""
    house = House()
    house.feed(evenings(30))
    house.restart()
    house.feed(evenings(30))
    assert house.title("noir").starts == 30


def test_nothing_is_told_of_nineteen_and_what_is_no_longer_true_is_withdrawn() -> None:
    """Nineteen viewers make no record; tags that a title loses take their combination along with time."""
    house = House()
    house.feed(evenings(19))
    assert house.told == {}
    house.feed(evenings(20))
    assert house.title("noir").viewers == 20
    assert house.told[b"genre:Crime"] is not None
    for key in [key for key in house.counted.rows if key.startswith(b"fgenre:Crime")]:
        del house.counted.rows[key]
    house.restart()
    house.feed([watch("v1", "farce", 999)])
    assert house.told[b"genre:Crime"] is None
    assert b"pgenre:Crime" not in house.counted.rows


def test_what_a_few_typed_is_not_stored() -> None:
    """Words of nineteen viewers are no part of the state; those of twenty are, and are told."""
    house = House()
    asked = [
        Search(event_id=f"s{n}", viewer_id=f"v{n}", event_time_ms=T0 + n, query="Salt Flats", result_count=0)
        for n in range(20)
    ]
    house.feed(asked[:19])
    assert not any(b"salt" in key + value for key, value in house.counted.rows.items())
    house.restart()
    house.feed(asked[19:])
    found = decode_demand(house.told[b"search|salt flats"])
    assert isinstance(found, SearchDemand)
    assert (found.query, found.searches) == ("salt flats", 20)
    house.restart()
    house.feed([watch("v1", "farce", 999)])
    assert house.told[b"search|salt flats"] is not None


def test_unchanged_demand_is_not_told_again() -> None:
    """A skip moves no minutes: the title's record goes out, the demand's do not."""
    house = House()
    house.feed(evenings(25))
    house.told.clear()
    house.feed([Rate(event_id="late", viewer_id="v1", event_time_ms=T0, title_id="noir", thumb=Thumb.DOWN)])
    assert list(house.told) == [b"noir"]


def test_what_is_no_event_is_nothing() -> None:
    """Rubbish, markers, tombstones and wrong keys change nothing and make no second dead letter."""
    house = House()
    one = encode(watch("ada", "noir"))
    bad = [record(b"{"), record(None, b"ada"), record(b"{}", MARKER_KEY), record(one, b"bob")]
    outcome = house.steps[0](bad)
    assert (outcome.rows, outcome.outputs, outcome.dead_letters) == ([], {}, [])


def test_a_large_batch_is_several_records() -> None:
    """No record outgrows what a broker takes."""
    house = House(partitions=1)
    events = [watch(f"v{n}", "noir", n) for n in range(MAX_VISITS + 5)]
    outcome = house.steps[0]([record(encode(event), event.viewer_id.encode()) for event in events])
    assert len(outcome.outputs[topics.INSIGHTS_VISITS, 0]) == 2
    assert all(len(one["value"] or b"") < 600_000 for one in outcome.outputs[topics.INSIGHTS_VISITS, 0])


def test_counters_that_are_gone_leave_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows of the demand are the counters that there are, and nothing is deleted that was never there."""
    monkeypatch.setattr("online_models.insights.demand.FACETS", 3)
    house = House()
    for n in range(6):
        house.feed([watch(f"v{n}", "noir" if n % 2 else "farce", n, country="KR")])
    stored = {key[1:].decode() for key in house.counted.rows if key.startswith(b"f")}
    assert stored == set(house.sum._demand.facets.counters)
    house.restart()
    assert set(house.sum._demand.facets.counters) == stored


def test_the_shelf_reads_the_catalog() -> None:
    """Records replace each other, tombstones withdraw, rubbish is left out."""
    shelf = CatalogCounts(Settings(), partitions=1, metrics=Metrics())
    shelf._table._caught_up.set()
    shelf.take(
        [message(b"noir", encode(TITLES[0])), message(b"farce", encode(TITLES[1])), message(b"x", b"{")]
    )
    assert shelf.current().labels("noir") == ("genre:Crime", "mood:dark")
    shelf.take([message(b"noir", None)])
    assert (shelf.current().labels("noir"), shelf.current().count(()), shelf.waiting()) == ((), 1, [])


def test_specs_say_where_they_read_and_write() -> None:
    """Sources, changelogs and the wait for the catalog."""
    house = House()
    visits = visits_spec(house.settings, lambda: house.stock)
    insights = insights_spec(house.settings, lambda: house.stock)
    assert (visits.source, visits.changelog) == (topics.EVENTS, topics.INSIGHTS_VIEWERS)
    assert (insights.source, insights.changelog) == (topics.INSIGHTS_VISITS, topics.INSIGHTS_STATE)
    assert isinstance(visits.make_step(0, MemoryStore()), VisitsStep)
    assert isinstance(insights.make_step(0, MemoryStore()), InsightsStep)


def test_rows_of_a_newer_version_and_damaged_ones_are_refused() -> None:
    """Each error says what to do, and nothing is guessed."""
    house = House(partitions=1)
    house.feed(evenings(1))
    guest, tally = house.stores[0].rows[b"v0"], house.counted.rows[TITLE + b"noir"]
    with pytest.raises(StateVersionError):
        VIEWERS.unpack(b"\x07" + guest[1:])
    with pytest.raises(StateError, match="cannot be read"):
        unpack_tally(tally[:-1])
    house.counted.rows[CLOCK] = b"\x01\xc1"
    with pytest.raises(StateError, match="cannot be read"):
        house.restart()
