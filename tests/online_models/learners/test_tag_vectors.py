"""Tags in the factorization: when titles get the part of their tags, and unwatched titles."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from online_models.config import FactorizationConfig, ModelConfig
from online_models.learners.title_side import TitleSide
from online_models.ranking.viewer_side import EventColumns
from online_models.recommender import Recommender
from online_models.tables.layout import TAGS
from online_models.tables.titles import TitleTable
from schemas import Title
from schemas.catalog import Tags

DAY = 86_400_000


def liked(pairs: list[tuple[str, str]]) -> EventColumns:
    """Make positives out of (viewer, title) pairs."""
    viewers, titles = zip(*pairs, strict=True)
    n = len(pairs)
    events = np.arange(1, n + 1, dtype=np.uint64)
    return EventColumns(viewers, titles, [1] * n, [1.0] * n, [1_000 * k for k in range(n)], events)


def genres(model: Recommender, **of: tuple[str, ...]) -> None:
    """Put titles with their genres into the catalog."""
    for title, names in of.items():
        model.catalog.put(Title(title_id=title, tags=Tags(genre=names)))


def two_camps() -> list[tuple[str, str]]:
    """Let twenty viewers like horror, and twenty others romance; each of them six of eight titles."""
    draw = np.random.default_rng(7)
    pairs = []
    for viewer in range(40):
        camp = "h" if viewer % 2 else "r"
        pairs += [(f"v{viewer}", f"{camp}{n}") for n in draw.permutation(8)[:6].tolist()]
    return pairs


def world(**config: float) -> Recommender:
    """Return a model that knows both camps and, from the catalog alone, a new title of each."""
    model = Recommender(ModelConfig(factorization=FactorizationConfig(**config)), seed=3)  # type: ignore[arg-type]
    genres(model, **{f"{camp}{n}": (name,) for camp, name in CAMPS.items() for n in range(8)})
    genres(model, **{f"new_{camp}": (name,) for camp, name in CAMPS.items()})
    model.prequential(liked(two_camps()))
    return model


CAMPS = {"h": "Horror", "r": "Romance"}


def test_a_title_that_nobody_watched_is_liked_by_whom_its_tags_are() -> None:
    """A viewer of one camp gets the new title of that camp above the other's; without tags it is chance."""
    right = 0
    model = world()
    for viewer in range(40):
        mine, other = ("new_h", "new_r") if viewer % 2 else ("new_r", "new_h")
        score = model.score(f"v{viewer}")
        right += score[mine] > score[other]
    assert right >= 38
    untaught = world(tag_learning_rate=0.0)
    assert not untaught.titles.arrays.tag_out.any()


def test_titles_hold_their_own_part_and_their_tags() -> None:
    """The same tags again change nothing; with another tag, its part replaces the other's."""
    model = world()
    a = model.titles.arrays
    horror, romance = (model.titles.tags.index(f"genre:{name}") for name in CAMPS.values())
    row = model.titles.row("new_h")
    before, bias = a.out[row].copy(), a.bias[row]
    genres(model, new_h=("Horror",))
    assert np.array_equal(a.out[row], before)
    genres(model, new_h=("Romance",))
    moved = a.tag_published[romance] - a.tag_published[horror]
    assert np.allclose(a.out[row], before + moved[:-1], atol=1e-5)
    assert np.isclose(a.bias[row], bias + moved[-1], atol=1e-5)
    genres(model, new_h=("Romance", "Horror"))
    both = 2**-0.5 * (a.tag_published[romance] + a.tag_published[horror])
    assert np.allclose(a.out[row], before - a.tag_published[horror, :-1] + both[:-1], atol=1e-5)


def test_what_tags_learned_survives_a_restart() -> None:
    """Rows and tags that are stored and loaded give the same vectors and labels."""
    model = world()
    sender = model.titles
    packed = sender.pack(np.arange(len(sender), dtype=np.int32))
    labels = model.catalog.labels_since(0)[0]
    again = TitleSide(TitleTable(model.config, seed=sender.seed))
    again.titles.load(sender.ids, packed)
    again.titles.load_tags(sender.tag_rows())
    again.label(labels, stored=set(sender.ids))
    rows = again.titles.intern(sender.ids)
    assert np.array_equal(again.titles.arrays.out[rows], sender.arrays.out[: len(sender)])
    names = [[again.titles.tags[n] for n in again.titles.arrays.tags[row] if n >= 0] for row in rows]
    assert names == [
        [sender.tags[n] for n in sender.arrays.tags[row] if n >= 0] for row in range(len(sender))
    ]


@pytest.mark.parametrize("size", [1, 3, 50])
def test_tags_learn_the_same_however_events_are_batched(size: int) -> None:
    """Steps that wait for others are gone as they would have been at once, to the last bit."""
    whole, parts = (Recommender(seed=3) for _ in range(2))
    events = liked(two_camps())
    for model in (whole, parts):
        genres(model, **{f"{camp}{n}": (name, f"{n}") for camp, name in CAMPS.items() for n in range(8)})
    whole.prequential(events)
    for start in range(0, len(events.viewers), size):
        parts.prequential(EventColumns(*(column[start : start + size] for column in events)))
    assert whole.titles.arrays.tag_out.any()
    assert whole.titles.snapshot() == parts.titles.snapshot()


def test_a_shard_labels_its_own_titles_only() -> None:
    """Every title is labelled on exactly one of three shards."""
    sides = [TitleSide(TitleTable(ModelConfig()), shard=shard, shards=3) for shard in range(3)]
    for side in sides:
        side.label({f"t{n}": ("genre:Drama",) for n in range(30)})
    assert sorted(title for side in sides for title in side.titles.ids) == sorted(f"t{n}" for n in range(30))
    assert all(len(side.titles) for side in sides)


@given(st.lists(st.text(min_size=1, max_size=3), max_size=30), st.integers(1, 6))
def test_tags_beyond_the_room_play_no_part(labels: list[str], room: int) -> None:
    """A title bears at most `TAGS` different tags, the table holds at most as many as it has room for."""
    table = TitleTable(ModelConfig(factorization=FactorizationConfig(tags=room)))
    table.label(table.intern(["t"]), [labels])
    borne = table.arrays.tags[0][table.arrays.tags[0] >= 0]
    different = list(dict.fromkeys(labels))
    assert [table.tags[n] for n in borne] == different[: min(room, TAGS)]


def _few_tags(room: int) -> TitleTable:
    return TitleTable(ModelConfig(factorization=FactorizationConfig(tags=room)))


def test_a_tag_that_no_title_has_any_more_gives_its_place_to_a_new_one() -> None:
    """It begins anew; tags that titles have keep numbers and vectors, and so after a snapshot."""
    table = _few_tags(3)
    a, rows = table.arrays, table.intern(["t", "u", "v"])
    table.label(rows, [["a", "b"], ["b", "c"], []])
    a.tag_out[:3], a.tag_acc[:3] = np.arange(3)[:, None] + 1, 9.0
    table.label(rows[2:], [["d"]])  # all places are taken
    assert table.tags == ["a", "b", "c"]
    table.label(rows[:1], [["b"]])
    table.label(rows[2:], [["d"]], all_labelled=False)  # a title with "a" may be to come
    assert table.tags == ["a", "b", "c"]
    table = TitleTable.from_snapshot(table.snapshot())
    table.label(rows[2:], [["d", "e"]])
    a = table.arrays
    assert (table.tags, a.tags[rows[2], 0], a.tags[rows[2], 1]) == (["d", "b", "c"], 0, -1)
    assert not a.tag_out[0].any()
    assert a.tag_acc[0] == table.config.factorization.initial_accumulator
    assert (a.tag_out[1:3, 0].tolist(), a.tag_acc[1:3].tolist()) == ([2, 3], [9, 9])


def test_a_tag_that_comes_again_with_the_same_labels_keeps_its_place() -> None:
    """The new one gets no place that another of the titles is about to need."""
    table = _few_tags(1)
    rows = table.intern(["t", "u"])
    table.label(rows[:1], [["a"]])
    table.label(rows[:1], [[]])
    table.label(rows, [["b"], ["a"]])
    assert (table.tags, table.arrays.tags[rows, 0].tolist()) == (["a"], [-1, 0])


@given(st.lists(st.tuples(st.integers(0, 4), st.lists(st.sampled_from("abcdefg"), max_size=4)), max_size=30))
def test_titles_have_the_tags_that_they_were_labelled_with(changes: list[tuple[int, list[str]]]) -> None:
    """Whatever places change hands, a title never bears a tag of another name."""
    table = _few_tags(4)
    newest: dict[int, list[str]] = {}
    for title, labels in changes:
        table.label(table.intern([f"t{title}"]), [labels])
        newest[title] = labels
        for known, wanted in newest.items():
            borne = table.arrays.tags[table.row(f"t{known}")]
            assert {table.tags[n] for n in borne[borne >= 0].tolist()} <= set(wanted)
        assert len(set(table.tags)) == len(table.tags) <= 4
