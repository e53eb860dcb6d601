"""The guards: withdrawn, window, country, maturity."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from online_models.catalog.catalog import Catalog, country_code
from online_models.config import ModelConfig
from online_models.recommender import Recommender
from online_models.tables import snapshots
from online_models.tables.titles import TitleTable
from online_models.tables.viewers import NO_LIMIT
from schemas import Availability, Tags, Title
from tests.collecting import during_collections


@pytest.fixture
def guards() -> Catalog:
    """Return an empty catalog over an empty table."""
    return Catalog(TitleTable(ModelConfig()))


def allowed(
    guards: Catalog, *, limit: int = NO_LIMIT, country: str | None = None, now_ms: int = 0
) -> set[str]:
    """Name the titles that may be listed, by both ways of asking."""
    where = {"limit": limit, "country": country_code(country), "now_ms": now_ms}
    mask = guards.allowed(**where)
    row, count = guards.guard(**where)
    assert np.array_equal(np.isfinite(row), mask)
    assert count == mask.sum()
    return {guards.titles.ids[r] for r in np.flatnonzero(mask)}


def test_window_opens_and_closes(guards: Catalog) -> None:
    """A title may be listed from its first millisecond on, and not at the end's; time may run back."""
    guards.put(Title(title_id="a", availability=Availability(start_ms=10, end_ms=20)))
    assert [allowed(guards, now_ms=t) for t in (9, 10, 19, 20, 15)] == [set(), {"a"}, {"a"}, set(), {"a"}]


def test_country(guards: Catalog) -> None:
    """A title with countries shows there only; one without shows everywhere."""
    guards.put(Title(title_id="in", availability=Availability(countries=("IN", "LK"))))
    guards.put(Title(title_id="all"))
    assert allowed(guards, country="IN") == {"in", "all"}
    assert allowed(guards, country="DE") == {"all"}
    assert allowed(guards) == {"all"}


def test_maturity(guards: Catalog) -> None:
    """A limit hides what is above it, and what nobody has rated."""
    for maturity in (0, 12, 18):
        guards.put(Title(title_id=f"m{maturity}", maturity=maturity))
    guards.titles.intern(["unknown"])
    guards.titles.arrays.counts[3, 0] = 1
    assert allowed(guards) == {"m0", "m12", "m18", "unknown"}
    assert allowed(guards, limit=12) == {"m0", "m12"}


def test_a_newer_record_replaces_the_older(guards: Catalog) -> None:
    """What the catalog said last counts, the countries too."""
    guards.put(Title(title_id="a", maturity=18, availability=Availability(countries=("IN",))))
    assert allowed(guards, country="DE") == set()
    guards.put(Title(title_id="a", maturity=6))
    assert allowed(guards, country="DE", limit=6) == {"a"}


_WORDS = st.lists(st.sampled_from(["Drama", "Crime", "Comedy", "War"]), max_size=3).map(tuple)
_RECORDS = st.builds(
    Title,
    title_id=st.integers(0, 5).map("t{}".format),
    name=st.none() | st.sampled_from(["Alien", "Brazil"]),
    series_id=st.none() | st.sampled_from("sr"),
    episode=st.none() | st.integers(0, 3),
    duration_s=st.none() | st.just(60.0),
    release_ms=st.none() | st.integers(-(10**12), 10**12),
    maturity=st.integers(0, 18),
    tags=st.builds(Tags, genre=_WORDS, mood=_WORDS),
    availability=st.builds(
        Availability, start_ms=st.none() | st.just(10**12), countries=st.sampled_from([(), ("IN",)])
    ),
)


@given(st.lists(_RECORDS, max_size=30), st.lists(st.integers(1, 12), min_size=30, max_size=30))
def test_many_records_at_once_are_as_one_by_one(titles: list[Title], sizes: list[int]) -> None:
    """To the byte: records that come again, with other tags or none, and tags that have learned."""
    made = []
    for together in (True, False):
        table = TitleTable(ModelConfig())
        table.arrays.tag_published[:] = np.random.default_rng(1).normal(size=table.arrays.tag_published.shape)
        catalog, first = Catalog(table), 0
        for size in sizes if together else [1] * len(titles):
            catalog.put_all(titles[first : first + size])
            first += size
        facts, arrays = snapshots.unpack("Catalog", catalog.snapshot())
        n = len(table)  # columns have room for more, as much as they have grown
        made.append(
            {
                "facts": facts,
                "columns": {name: one[:n].tolist() for name, one in arrays.items() if "tag" not in name},
                "tags": [one.tolist() for one in catalog.tags_of(np.arange(6))],
                "version": catalog.version,
                "renamed": catalog.facts.name_changes(np.arange(6, dtype=np.int32)).tolist(),
                "tag_numbers": vars(catalog.tags._numbering),
                "series": vars(catalog.facts._numbering),
                "labels": list(catalog.labels_since(0)[0].items()),
                "learned": [table.tags, table._tag_numbers.titles.tolist(), table.arrays.tags.tolist()],
                "table": table.snapshot(),
            }
        )
    for name, value in made[0].items():
        assert value == made[1][name], name


def test_tags_of_many_records_are_set_at_once(guards: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """One by one, they take half of the time in which a replica reads a catalog."""
    label, calls = guards.titles.label, []
    monkeypatch.setattr(
        guards.titles, "label", lambda rows, labels: (calls.append(len(rows)), label(rows, labels))
    )
    guards.put_all([Title(title_id=f"t{n}", tags=Tags(genre=("Drama",))) for n in range(50)])
    assert calls == [50]


def test_withdrawn_before_it_was_met(guards: Catalog) -> None:
    """A tombstone holds for a title that only later turns up in an event."""
    guards.withdraw("a")
    guards.titles.arrays.counts[guards.titles.row("a"), 0] = 3
    assert allowed(guards) == set()


def test_the_first_watch_of_a_title_with_a_record_changes_no_guard(guards: Catalog) -> None:
    """Of a large catalog a guard takes milliseconds; one without a record may be listed from then on."""
    guards.put(Title(title_id="known"))
    guards.titles.intern(["other"])
    arrays, about = guards.titles.arrays, {"limit": NO_LIMIT, "country": 0, "now_ms": 0}

    def watch(row: int) -> None:
        arrays.counts[row, 0], arrays.active[arrays.size[1]] = 1, row
        arrays.size[1] += 1

    before = guards.guard(**about)[0]
    watch(0)
    assert guards.guard(**about)[0] is before
    assert allowed(guards) == {"known"}
    watch(1)
    assert allowed(guards) == {"known", "other"}


def test_a_first_positive_lists_a_title(guards: Catalog) -> None:
    """A title that nobody put in the catalog shows once it was liked, and the guards notice."""
    guards.titles.intern(["a"])
    assert allowed(guards) == set()
    guards.titles.arrays.counts[0, 0] = 1
    guards.titles.arrays.size[1] = 1
    assert allowed(guards) == {"a"}


titles = st.builds(
    lambda number, maturity, start, length, countries: Title(
        title_id=f"t{number}",
        maturity=maturity,
        availability=Availability(start_ms=start, end_ms=start + length, countries=tuple(sorted(countries))),
    ),
    st.integers(0, 9),
    st.one_of(st.none(), st.integers(0, 21)),
    st.integers(0, 50),
    st.integers(1, 50),
    st.sets(st.sampled_from(["IN", "DE", "US"]), max_size=2),
)


@given(
    st.lists(titles, max_size=12),
    st.sets(st.integers(0, 9), max_size=3),
    st.integers(0, 21),
    st.sampled_from([None, "IN", "DE"]),
    st.integers(0, 100),
)
def test_no_list_breaks_a_guard(
    records: list[Title], withdrawn: set[int], limit: int, country: str | None, now_ms: int
) -> None:
    """Whatever the catalog, nobody sees what is withdrawn, closed, elsewhere or too mature."""
    model = Recommender(ModelConfig())
    model.viewers.viewers.acquire(["ann"])
    model.viewers.viewers.arrays.limit[0] = limit
    model.viewers.viewers.arrays.country[0] = country_code(country)
    newest = {}
    for record in records:
        model.catalog.put(record)
        newest[record.title_id] = record
    for number in withdrawn:
        model.catalog.withdraw(f"t{number}")
        newest.pop(f"t{number}", None)
    expected = {
        t
        for t, record in newest.items()
        if (record.maturity or 0) <= limit
        and record.availability.start_ms <= now_ms < record.availability.end_ms
        and (not record.availability.countries or country in record.availability.countries)
    }
    assert {t for t, _ in model.top_n("ann", 20, now_ms=now_ms)} == expected


def test_tags_of_a_title_that_is_published_every_night_are_kept_once() -> None:
    """Readers that follow get them each time, who comes late gets them once, in order of the records."""
    catalog = Catalog(TitleTable(ModelConfig()))
    taken = 0
    for _ in range(100):
        for n in range(20):
            catalog.put(Title(title_id=f"t{n}", tags=Tags(genre=("Drama",))))
        new, taken = catalog.labels_since(taken)
        assert list(new) == [f"t{n}" for n in range(20)]
    assert len(catalog.labels_since(0)[0]) == 20
    catalog.put(Title(title_id="t3", tags=Tags(genre=("Crime",))))
    assert catalog.labels_since(taken) == ({"t3": ("genre:Crime",)}, taken + 1)
    assert list(catalog.labels_since(0)[0])[-1] == "t3"


def test_readers_do_not_mind_records_that_come_meanwhile(guards: Catalog) -> None:
    """The labels and the guards are read while another thread adds titles: nobody raises."""

    def put() -> None:
        tags, only = Tags(genre=("Drama",)), Availability(countries=("IN",))
        guards.put(Title(title_id=f"t{next(number)}", tags=tags, availability=only))

    number = itertools.count()
    for _ in range(200):
        put()
    with during_collections(put):
        for _ in range(20):
            guards.labels_since(0)
            guards.allowed(limit=NO_LIMIT, country=0, now_ms=0)
    labels, newest = guards.labels_since(0)
    assert len(labels) == newest == next(number)
