"""Tag affinity and micro-genres: by hand, by the battery, and for any taste."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from online_models.checks import ITEMS, Check, yield_checks
from online_models.experts import TagAffinity
from online_models.micro_genres import LEAST, MicroGenre, micro_genres, phrase
from online_models.recommender import Recommender
from online_models.tag_affinity import Tagged, reasons, scores, taste_of
from online_models.title_tags import TitleTags
from schemas import Tags, Title

TAGS = {item: {"genre": [f"g{n % 3}"], "mood": [f"m{n % 2}"]} for n, item in enumerate(ITEMS)}


@pytest.mark.parametrize("check", list(yield_checks(TagAffinity())), ids=lambda check: check.__name__)
def test_contracts_with_tags(check: Check) -> None:
    """The contracts hold when items have tags, too: what is known of an item is no event."""
    check(TagAffinity(tags=TAGS))


def described(*titles: Tags, decade: str = "") -> tuple[TitleTags, Tagged]:
    """Return tags of titles, all watched alike."""
    tags = TitleTags()
    at = int(np.datetime64(decade, "ms").astype(np.int64)) if decade else None
    for row, said in enumerate(titles):
        tags.put(row, Title(title_id=str(row), tags=said, release_ms=at))
    watched = np.ones(len(titles))
    return tags, Tagged.of(*tags.of(np.arange(len(titles))), watched, len(tags.names))


def test_lifts_by_hand() -> None:
    """Half of all watches are crime; a viewer of two crimes and one romance, newest first, step .5."""
    tags, tagged = described(*[Tags(genre=(g,)) for g in ("Crime", "Romance", "Crime", "Romance")])
    taste = taste_of(np.array([0, 1, 2], np.int32), tagged, step=0.5, prior=1.0)
    lifts = dict(zip(tags.names, np.exp(taste.lift).tolist(), strict=True))
    assert lifts == pytest.approx({"genre:Crime": (1.25 + 0.5) / 1.375, "genre:Romance": (0.5 + 0.5) / 1.375})
    assert [name for name, _ in reasons(taste, tagged, 2, tags.names)] == ["genre:Crime"]
    assert reasons(taste, tagged, 3, tags.names) == []


def test_a_score_is_the_mean_lift() -> None:
    """A title of two tags scores their mean, one without tags 0; no history, no score."""
    _, tagged = described(
        Tags(genre=("Crime",)), Tags(genre=("Crime", "Romance")), Tags(), Tags(mood=("dark",))
    )
    taste = taste_of(np.array([0], np.int32), tagged)
    crime, romance, _ = taste.lift.tolist()
    assert scores(taste, tagged)[:3] == pytest.approx([crime, (crime + romance) / 2, 0.0])
    assert crime > 0 > romance
    assert not scores(taste_of(np.array([], np.int32), tagged), tagged).any()


def test_tags_rank_what_nobody_else_has_watched() -> None:
    """One like suffices to tell a title of the same tags from others."""
    model = TagAffinity(tags={n: {"mood": ["dark" if n in "abc" else "light"]} for n in "abcxyz"})
    model.learn_many([(f"u{n}", item, 1) for n, item in enumerate("abcxyz")])
    model.learn_one("eve", "b", 1)
    assert {item for item, _ in model.top_n("eve", 2)} == {"a", "c"}
    assert model.predict_one("eve", "a") == pytest.approx(np.log((1 + 5 * 4 / 7) / (6 * 4 / 7)))


def test_names_read_like_names() -> None:
    """Every kind has its place; a genre that is no noun of its own gets one; order of tags plays no part."""
    labels = ["decade:1980s", "cast:R. Devi", "genre:Sci-Fi", "mood:Dark", "theme:heist", "pace:fast"]
    wanted = "fast-paced dark heist sci-fi titles with R. Devi of the 1980s"
    for order in (labels, labels[::-1]):
        assert " ".join(part.text for part in phrase(order)) == wanted
    assert [part.kind for part in phrase(labels)] == ["pace", "mood", "theme", "genre", "cast", "decade"]
    names = {
        "language:pt-BR": "Portuguese-language",
        "language:tlh": "tlh-language",
        "director:A. Varda": "by",
    }
    for label, text in names.items():
        assert any(part.text.startswith(text) for part in phrase([label, "genre:Comedy"]))


def crowd(n: int, **tags: tuple[str, ...]) -> list[Tags]:
    """Return the tags of ``n`` titles alike."""
    return [Tags(**tags)] * n


def test_what_a_viewer_is_offered() -> None:
    """Who watches slow emotional romantic dramas among other things is offered these by that name, once."""
    wanted = crowd(10, genre=("Romance", "Drama"), mood=("emotional",), pace=("slow",))
    others = crowd(40, genre=("Action",), mood=("dark",), pace=("fast",)) + crowd(20, genre=("Drama",))
    tags, tagged = described(*wanted, *others)
    taste = taste_of(np.array([0, 15, 1, 2, 20, 3], np.int32), tagged)
    found = micro_genres(taste, tagged, tags.names)
    assert found[0].name == "slow-paced emotional romantic dramas"
    assert found[0].titles.tolist() == list(range(10))
    assert len(found) == 1  # all others share more than half of their titles with it
    open_ones = np.arange(70) >= 10 - LEAST + 1  # one title less than a row
    assert micro_genres(taste, tagged, tags.names, open_ones) == []


KINDS = {
    "genre": ("Drama", "Crime", "Comedy"),
    "mood": ("dark", "warm"),
    "pace": ("slow",),
    "language": ("hi",),
}
TITLES = st.builds(
    Tags, **{kind: st.sets(st.sampled_from(v)).map(lambda s: tuple(sorted(s))) for kind, v in KINDS.items()}
)


@settings(deadline=None, max_examples=60)
@given(st.lists(TITLES, min_size=10, max_size=40), st.lists(st.integers(0, 9), max_size=10, unique=True))
def test_whatever_the_taste(titles: list[Tags], history: list[int]) -> None:
    """Each name has a genre, fits every title of its row, has titles enough, and says more than chance."""
    tags, tagged = described(*titles, decade="1994-05-01")
    taste = taste_of(np.array(history, np.int32), tagged)
    found: list[MicroGenre] = micro_genres(taste, tagged, tags.names, least=3)
    assert [one.name for one in found] == [
        one.name for one in micro_genres(taste, tagged, tags.names, least=3)
    ]
    for one in found:
        assert "genre" in {part.kind for part in one.parts}
        assert one.titles.size >= 3
        assert one.strength > 0
        for row in one.titles.tolist():
            indptr, ids = tags.of(np.array([row]))
            assert {f"{p.kind}:{p.value}" for p in one.parts} <= {tags.names[t] for t in ids[: indptr[1]]}


def test_a_guest_hears_of_the_catalogue() -> None:
    """A recommender tells its guests what titles are about."""
    guest = TagAffinity()
    model = Recommender(experts=[guest])
    model.describe(Title(title_id="a", tags=Tags(mood=("dark",))))
    assert guest._model.catalogue.tag_names == ["mood:dark"]
    assert model.catalogue.tag_names == ["mood:dark"]
