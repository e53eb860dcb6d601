"""Categories: genres and moods in the order of a viewer's taste, if they have titles for the viewer."""

import numpy as np
import pytest

from online_models.page.build import build
from online_models.page.config import PageConfig
from online_models.page.headings import PageDecoder
from online_models.page.messages import messages
from online_models.recommender import Recommender
from schemas import Preferences, Rate, Tags, Thumb, Title
from schemas.pages import Category

T0 = 1_700_000_000_000


def like(viewer: str, title: str, number: int) -> Rate:
    """Return a thumb up."""
    about = {"event_id": f"{viewer}{title}", "viewer_id": viewer, "event_time_ms": T0 + number}
    return Rate(**about, title_id=title, thumb=Thumb.UP)


def categories(model: Recommender, viewer: str, language: str = "en") -> tuple[Category, ...]:
    """Return the categories of a viewer's page."""
    slot = int(model.viewers.viewers.acquire([viewer])[0])
    pages = build(model.viewers, model.catalog_index, np.array([slot], np.int32), T0 + 60_000, 5)
    return PageDecoder([], {}.get, model.catalog.tag_names).categories(pages, 0, messages(language))


@pytest.fixture
def model() -> Recommender:
    """Return six dramas, six dark crimes and six horrors for adults; dramas are watched most."""
    out = Recommender(page=PageConfig(least=2))
    for n in range(6):
        out.describe(Title(title_id=f"d{n}", tags=Tags(genre=("Drama",), director=("A. Lee",))))
        out.describe(Title(title_id=f"c{n}", tags=Tags(genre=("Crime",), mood=("dark",))))
        out.describe(Title(title_id=f"h{n}", maturity=18, tags=Tags(genre=("Horror",))))
    out.learn_many(like(f"v{n}", ("d0", "d1", "c0")[n % 3], n) for n in range(30))
    return out


def test_the_part_that_is_expected(model: Recommender) -> None:
    """By hand: one dark crime, and five watches of prior evidence."""
    model.learn_one(like("ada", "c1", 100))
    found = {one.tag: (one.title, one.score) for one in categories(model, "ada")}
    share = dict(zip(model.catalog.tag_names, model.catalog_index.arrays().tag_share.tolist(), strict=True))
    assert 0.5 < share["genre:Drama"] < 0.8
    assert found == {
        "genre:Drama": ("Dramas", pytest.approx(5 * share["genre:Drama"] / 6, abs=0.006)),
        "genre:Crime": ("Crime titles", pytest.approx((1 + 5 * share["genre:Crime"]) / 6, abs=0.006)),
        "mood:dark": ("Dark titles", pytest.approx((1 + 5 * share["mood:dark"]) / 6, abs=0.006)),
    }


def test_taste_decides_the_order(model: Recommender) -> None:
    """A viewer of crime gets crime first; a viewer without a history gets everybody's order."""
    assert categories(model, "a stranger")[0].tag == "genre:Drama"
    model.learn_many(like("ada", f"c{n}", 100 + n) for n in range(4))
    assert categories(model, "ada")[0].tag == "genre:Crime"
    assert [one.title for one in categories(model, "ada", "hi")][1:] == ["गंभीर कहानियाँ", "ड्रामा"]


def test_stated_tags_count(model: Recommender) -> None:
    """A viewer who states crime and has watched nothing gets it first."""
    about = {"event_id": "p", "viewer_id": "eve", "event_time_ms": T0 + 50}
    model.learn_one(Preferences(**about, genres=("Crime",)))
    assert categories(model, "eve")[0].tag == "genre:Crime"


def test_a_category_has_something_for_the_viewer(model: Recommender) -> None:
    """No horror on a child's page, no category without remaining titles, and no more than configured."""
    model.learn_many(like(f"w{n}", f"h{n % 6}", 200 + n) for n in range(60))
    about = {"viewer_id": "kid", "event_time_ms": T0 + 300}
    assert categories(model, "kid")[0].tag == "genre:Horror"
    model.learn_one(Preferences(event_id="k", maturity=12, **about))
    assert "genre:Horror" not in [one.tag for one in categories(model, "kid")]
    model.learn_many(like("ada", f"c{n}", 400 + n) for n in range(4))
    assert "genre:Crime" in [one.tag for one in categories(model, "ada")]
    model.learn_one(like("ada", "c4", 410))
    assert "genre:Crime" not in [one.tag for one in categories(model, "ada")]
    model.catalog_index.config = PageConfig(least=2, categories=1)
    assert len(categories(model, "ada")) == 1
    model.catalog_index.config = PageConfig(least=2, categories=0)
    assert categories(model, "ada") == ()
