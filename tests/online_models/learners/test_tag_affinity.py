"""Tag affinity: by hand, and by the battery."""

import numpy as np
import pytest

from online_models.catalog.title_tags import TitleTags, labels_of
from online_models.checks import ITEMS, Check, yield_checks
from online_models.learners.tag_affinity import Tagged, reasons, scores, taste_of
from online_models.recommender import Recommender
from online_models.river import TagAffinity
from online_models.river.external_rankers import ExternalRankers
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
    for row, given in enumerate(titles):
        tags.put(np.array([row]), [labels_of(Title(title_id=str(row), tags=given, release_ms=at))])
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
    """One liked title suffices to rank titles of the same tags above others."""
    model = TagAffinity(tags={n: {"mood": ["dark" if n in "abc" else "light"]} for n in "abcxyz"})
    model.learn_many([(f"u{n}", item, 1) for n, item in enumerate("abcxyz")])
    model.learn_one("eve", "b", 1)
    assert {item for item, _ in model.top_n("eve", 2)} == {"a", "c"}
    assert model.predict_one("eve", "a") == pytest.approx(np.log((1 + 5 * 4 / 7) / (6 * 4 / 7)))


def test_an_external_expert_gets_catalog_records() -> None:
    """A recommender passes catalog records on to external experts."""
    guest = TagAffinity()
    model = Recommender(experts=ExternalRankers([guest]))
    model.describe(Title(title_id="a", tags=Tags(mood=("dark",))))
    assert guest._model.catalog.tag_names == ["mood:dark"]
    assert model.catalog.tag_names == ["mood:dark"]
