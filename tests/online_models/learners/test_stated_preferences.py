"""Stated preferences: what they lift, how far, and how they fade."""

import numpy as np
import pytest

from online_models.catalog.catalog import Catalog
from online_models.config import ModelConfig
from online_models.learners.stated_preferences import EVIDENCE, LIFT, StatedPreferences, labels_of
from online_models.recommender import Recommender
from online_models.tables.hashing import tag_keys
from online_models.tables.titles import TitleTable
from schemas import Preferences, Rate, Tags, Thumb, Title

GENRES = ("Drama", "Crime", "Comedy", "War")


def _preferences(viewer: str, number: int = 0, **more: object) -> Preferences:
    """Make stated preferences."""
    about = {"event_id": f"p{viewer}{number}", "viewer_id": viewer, "event_time_ms": 10**12 + number}
    return Preferences(**about, **more)


@pytest.fixture
def model() -> Recommender:
    """Give a model with forty titles of four genres, each watched by as many."""
    model = Recommender(seed=3)
    tags = [Tags(genre=(GENRES[n % 4],), language=("hi" if n < 20 else "en",)) for n in range(40)]
    model.catalog.put_all([Title(title_id=f"t{n}", tags=one) for n, one in enumerate(tags)])
    rng = np.random.default_rng(1)
    about = [
        {"event_id": f"e{n}", "viewer_id": f"v{n // 10}", "event_time_ms": 10**12 + n} for n in range(800)
    ]
    model.learn_many(Rate(**one, title_id=f"t{rng.integers(40)}", thumb=Thumb.UP) for one in about)
    return model


def test_a_stated_genre_fills_the_first_page(model: Recommender) -> None:
    """A viewer with nothing but a stated genre sees mostly that genre, one without it sees a mix."""
    model.learn_one(_preferences("ada", genres=("War",)))
    listed = [title for title, _ in model.top_n("ada", 8)]
    assert sum(int(title[1:]) % 4 == 3 for title in listed) >= 6
    plain = [title for title, _ in model.top_n("unknown", 8)]
    assert sum(int(title[1:]) % 4 == 3 for title in plain) <= 5


def test_the_lift_is_the_stated_one(model: Recommender) -> None:
    """Log-odds by how many tags match, a share of it by how many titles the viewer liked since."""
    before = model.score("unknown")
    model.learn_one(_preferences("unknown", genres=("War",), languages=("hi",)))
    after = model.score("unknown")
    for title, matches in (("t3", 2), ("t23", 1), ("t0", 1), ("t20", 0)):
        assert after[title] - before[title] == pytest.approx(LIFT * np.log2(1 + matches), abs=1e-4)
    slots = np.array([model.viewers.viewers.slot("unknown")], np.int32)
    model.viewers.viewers.arrays.positives[slots] = 15
    rows = np.zeros((1, 40), np.float32)
    model.viewers.ranker.stated.add_to(rows, model.viewers.viewers.arrays, slots)
    assert rows[0, 3] == pytest.approx(LIFT * np.log2(3) * EVIDENCE / (EVIDENCE + 15))


def test_the_last_preferences_count(model: Recommender) -> None:
    """Preferences replace those before, and empty ones take them away."""
    nothing = model.score("ada")
    for number, genres in enumerate((("War",), ("Drama",), ())):
        model.learn_one(_preferences("ada", number, genres=genres))
    assert model.score("ada") == nothing


def test_liked_titles_are_weak_positives(model: Recommender) -> None:
    """They enter the history: what is watched with them is listed, they are not."""
    model.learn_one(_preferences("ada", liked_titles=("t1", "t2")))
    assert model.viewers.viewers.known("ada") == [("t1", True), ("t2", True)]
    assert not {"t1", "t2"} & {title for title, _ in model.top_n("ada", 40)}


def test_unknown_words_and_no_catalog_change_nothing() -> None:
    """A genre that no title bears lifts nothing; titles that come later are lifted."""
    catalog = Catalog(TitleTable(ModelConfig()))
    stated = StatedPreferences(catalog)
    drama = np.zeros(8, np.uint32)
    drama[0] = tag_keys(["genre:drama"])[0]
    assert stated.lift(drama, 3).tolist() == [0.0, 0.0, 0.0]
    catalog.put(Title(title_id="a", tags=Tags(genre=("Drama",), mood=("Drama",))))
    assert stated.lift(drama, 3).tolist() == [1.0, 0.0, 0.0]
    catalog.put(Title(title_id="a", tags=Tags(genre=("War",))))
    assert stated.lift(drama, 1).tolist() == [0.0]


def test_as_many_tags_as_fit() -> None:
    """Six genres and two languages, each once, in the order in which they were stated."""
    stated = _preferences("a", genres=("x", "x", *map(str, range(9))), languages=("de", "hi", "en"))
    assert labels_of(stated) == ["genre:x", *(f"genre:{n}" for n in range(5)), "language:de", "language:hi"]


def test_it_travels_with_the_viewers_row(model: Recommender) -> None:
    """A snapshot, or a row, brings what was stated back."""
    model.learn_one(_preferences("ada", genres=("War",)))
    again = Recommender.from_snapshot(model.snapshot())
    assert again.score("ada") == model.score("ada")


@pytest.mark.parametrize("word", ["Sci-Fi", "science fiction", "SCIENCE-FICTION", "scifi"])
def test_a_genre_counts_however_it_is_spelled(word: str) -> None:
    """In the viewer's words or in the catalog's."""
    model = Recommender(seed=3)
    for n in range(12):
        genre = ("Science Fiction", "Comedies", "Drama")[n % 3]
        model.describe(Title(title_id=f"t{n}", tags=Tags(genre=(genre,))))
    model.learn_one(_preferences("ada", genres=(word, "comedy")))
    score = model.score("ada")
    assert [score["t0"] - score["t2"], score["t1"] - score["t2"]] == pytest.approx([LIFT, LIFT], abs=0.1)
    assert {"genre:Science Fiction", "genre:Comedies"} == {
        model.catalog.tag_names[tag]
        for tag in model.catalog_index.stated_tags(model.viewers.viewers.arrays.stated_tags[:1])[0].tolist()
        if tag >= 0
    }
