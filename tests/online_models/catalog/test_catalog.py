"""The guards: withdrawn, window, country, maturity."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from online_models.catalog.catalog import Catalog, country_code
from online_models.config import ModelConfig
from online_models.recommender import Recommender
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


def test_many_records_at_once_are_as_one_by_one() -> None:
    """To the byte, with a record that comes again, one without tags, and tags that have learned."""
    titles = [
        Title(title_id="a", tags=Tags(genre=("Drama", "Crime")), maturity=12),
        Title(title_id="b", tags=Tags(genre=("Crime",))),
        Title(title_id="c"),
        Title(title_id="a", tags=Tags(genre=("Comedy",))),
        Title(title_id="b"),
        Title(title_id="d", tags=Tags(genre=("Comedy", "Drama"), mood=("dark",))),
    ]
    made = []
    for together in (True, False):
        table = TitleTable(ModelConfig())
        table.arrays.tag_published[:] = np.random.default_rng(1).normal(size=table.arrays.tag_published.shape)
        catalog = Catalog(table)
        for some in [titles] if together else [[title] for title in titles]:
            catalog.put_all(some)
        made.append((catalog.snapshot(), table.snapshot(), catalog.version))
        assert table.arrays.out[:4].any(axis=1).tolist() == [True, True, True, True]
    assert made[0] == made[1]


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
        new, taken = catalog.labelled.since(taken)
        assert list(new) == [f"t{n}" for n in range(20)]
    assert len(catalog.labelled) == 20
    catalog.put(Title(title_id="t3", tags=Tags(genre=("Crime",))))
    assert catalog.labelled.since(taken) == ({"t3": ("genre:Crime",)}, taken + 1)
    assert list(catalog.labelled.since(0)[0])[-1] == "t3"


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
            guards.labelled.since(0)
            guards.allowed(limit=NO_LIMIT, country=0, now_ms=0)
    labels, newest = guards.labelled.since(0)
    assert len(labels) == newest == next(number)
