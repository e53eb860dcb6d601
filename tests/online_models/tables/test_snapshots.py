"""The law of snapshots over random streams, and what is no snapshot."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from online_models.catalog.catalog import Catalog
from online_models.config import CoWatchConfig, FactorizationConfig, ModelConfig
from online_models.errors import ConfigMismatchError, RowVersionError
from online_models.recommender import Recommender
from online_models.river import Blend, CoWatch, Trending
from online_models.tables import snapshots
from online_models.tables.titles import TitleTable
from online_models.tables.viewers import ViewerTable
from schemas import Availability, Event, MyList, Play, Preferences, Rate, Stop, Thumb, Title
from schemas.events import ListAction

SMALL = ModelConfig(
    factorization=FactorizationConfig(factors=2, history=8, negatives=3),
    cowatch=CoWatchConfig(window=4, seeds=3, neighbours=16),
    known_titles=64,
    viewer_slots=3,
    title_capacity=9,
)
"""Small enough that viewers are evicted, titles refused and chunks forgotten within a hundred events."""
VIEWERS = ["ada", "bob", "é", "dan"]
TITLES = [f"t{n}" for n in range(11)]

Said = tuple[str, str, str, int]
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["stop", "stop", "up", "down", "play", "list", "told", "put", "withdraw"]),
        st.sampled_from(VIEWERS),
        st.sampled_from(TITLES),
        st.integers(0, 10**6),
    ),
    max_size=60,
)


def event_of(said: Said, number: int) -> Event | Title | str:
    """Make an event, a record of the catalog, or the id of a title that is withdrawn."""
    what, viewer, title, ms = said
    about: dict[str, Any] = {
        "event_id": f"e{number % 20}", "viewer_id": viewer, "event_time_ms": 10**12 + ms, "country": "AT",
    }  # fmt: skip
    thumb = Thumb.UP if what == "up" else Thumb.DOWN
    window = Availability(end_ms=10**12 + ms, countries=("AT", "DE") if ms % 2 else ())
    made: dict[str, Callable[[], Event | Title]] = {
        "stop": lambda: Stop(
            **about, title_id=title, watched_s=ms % 4_000, position_s=ms % 4_000, duration_s=4_000
        ),
        "up": lambda: Rate(**about, title_id=title, thumb=thumb),
        "down": lambda: Rate(**about, title_id=title, thumb=thumb),
        "play": lambda: Play(**about, title_id=title),
        "list": lambda: MyList(**about, title_id=title, action=ListAction.ADD),
        "told": lambda: Preferences(**about, maturity=ms % 18),
        "put": lambda: Title(title_id=title, maturity=ms % 18, availability=window),
    }
    return made[what]() if what in made else title


def feed(model: Recommender, said: list[Said], first: int = 0) -> None:
    """Let a model learn."""
    for number, one in enumerate(said, first):
        event = event_of(one, number)
        if isinstance(event, Title):
            model.catalog.put(event)
        elif isinstance(event, str):
            model.catalog.withdraw(event)
        else:
            model.learn_one(event)


def lists(model: Recommender) -> list[Any]:
    """Return everybody's list and ranking, a stranger's too."""
    return [(model.top_n(v, 5), model.rank(v, TITLES)) for v in (*VIEWERS, "a stranger")]


@given(EVENTS, EVENTS)
def test_a_model_from_a_snapshot_cannot_be_told_from_its_original(
    before: list[Said], after: list[Said]
) -> None:
    """Snapshot anywhere in any stream, go on with both: lists and state are equal to the last byte."""
    model = Recommender(SMALL, seed=3)
    feed(model, before)
    copy = Recommender.from_snapshot(model.snapshot())
    assert copy.snapshot() == model.snapshot()
    assert lists(copy) == lists(model)
    for one in (model, copy):
        feed(one, after, first=len(before))
    assert copy.snapshot() == model.snapshot()
    assert lists(copy) == lists(model)


def test_tables_grow_on_after_a_snapshot() -> None:
    """Beyond their first allocation, titles and viewers of a snapshot go on like those of the original."""
    config = replace(SMALL, title_capacity=10_000, viewer_slots=10_000)
    model = Recommender(config)
    first, more = (
        [event_of(("stop", f"{viewer}{n}", f"{title}{n}", 3_999), n + 7) for n in range(1_500)]
        for viewer, title in ("vt", "ws")
    )
    model.learn_many(first)
    copy = Recommender.from_snapshot(model.snapshot())
    for one in (model, copy):
        one.learn_many(more)
    assert copy.snapshot() == model.snapshot()
    assert len(copy.titles) == 3_000


def test_a_table_alone() -> None:
    """Titles with and without a name, changed or not, come back on their own."""
    table = TitleTable(SMALL, seed=5)
    table.intern(["a", "é"])
    table.by_key(np.array([1234], np.uint64))
    table.arrays.changed[1] = 1
    other = TitleTable.from_snapshot(table.snapshot())
    assert ([*other.ids], other.seed, other.config) == (["a", "é", ""], 5, SMALL)
    assert other.by_key(np.array([1234], np.uint64)).tolist() == [2]
    assert other.changed().tolist() == [1]
    assert other.intern(["é", "b"]).tolist() == [1, 3]
    viewers = ViewerTable(SMALL, table)
    viewers.acquire(["ada", "bob", "eve"])
    again = ViewerTable.from_snapshot(viewers.snapshot(), other)
    assert again.acquire(["dan"]).tolist() == viewers.acquire(["dan"]).tolist()
    assert again.snapshot() == viewers.snapshot()


def test_what_a_model_gained_since_has_its_initial_value() -> None:
    """An array that a snapshot of before does not have stays as it is made."""
    table = TitleTable(SMALL)
    table.intern(["a"])
    facts, arrays = snapshots.unpack("TitleTable", table.snapshot())
    del arrays["acc"]
    older = TitleTable.from_snapshot(snapshots.pack("TitleTable", facts, arrays))
    assert older.arrays.acc[0].tolist() == TitleTable(SMALL).arrays.acc[0].tolist()
    del facts["config"]["known_titles"]
    older = TitleTable.from_snapshot(snapshots.pack("TitleTable", facts, arrays))
    assert older.config.known_titles == ModelConfig().known_titles


def test_settings_to_come_are_refused() -> None:
    """A snapshot made under settings that nobody knows here is no model of this program."""
    facts, arrays = snapshots.unpack("TitleTable", TitleTable(SMALL).snapshot())
    facts["config"]["blend"]["surprise"] = 1.0
    with pytest.raises(ConfigMismatchError, match="surprise"):
        TitleTable.from_snapshot(snapshots.pack("TitleTable", facts, arrays))


@pytest.mark.parametrize("data", [b"", b"\x63", b"\x01", b"\x01rubbish", b"\x01" + bytes(200)])
def test_what_is_no_snapshot_is_refused(data: bytes) -> None:
    """Nothing, a newer version's, rubbish."""
    with pytest.raises(RowVersionError):
        Recommender.from_snapshot(data)


def test_a_snapshot_is_of_its_kind() -> None:
    """One expert's snapshot makes no other, and no recommender."""
    data = Trending().snapshot()
    for other in (CoWatch, Recommender):
        with pytest.raises(ConfigMismatchError, match="Trending"):
            other.from_snapshot(data)


def test_pickles_are_not_opened() -> None:
    """An archive with an object in it is refused: nothing of a snapshot is ever run."""
    arrays = {"matter": np.array([{"a": 1}], object)}
    with pytest.raises(ValueError, match="allow_pickle"):
        snapshots.pack("toy", {}, arrays)


def test_items_of_a_snapshot_are_what_they_were() -> None:
    """Text, numbers and tuples come back as such; what cannot is refused when the snapshot is made."""
    model = Blend(config=ModelConfig(publish_drift=0.1), seed=1)
    model.learn_many([("u", item, 1) for item in ("a", 7, 1.5, ("x", 2), True)])
    copy = Blend.from_snapshot(model.snapshot())
    assert copy.top_n("v") == model.top_n("v")
    assert [type(item) for item, _ in copy.top_n("v")] == [type(item) for item, _ in model.top_n("v")]
    assert copy.config == model.config
    model.learn_one("u", Catalog, 1)
    with pytest.raises(ValueError, match="items of type"):
        model.snapshot()
