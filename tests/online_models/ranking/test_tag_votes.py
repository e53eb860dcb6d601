"""Thumbs down for several titles of a genre lower it; a new genre, a search or an opened title raises one."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from online_models.config import BlendConfig, ModelConfig
from online_models.feedback.reward_function import Action
from online_models.ranking.tag_votes import DOUBT, LIKE, STEP
from online_models.ranking.viewer_side import EventColumns
from online_models.recommender import Recommender
from online_models.tables.hashing import hash_ids
from schemas import Title
from schemas.catalog import Tags
from schemas.events import Browse, Event, Search, Select

GENRES = {"co": "Comedy", "ho": "Horror", "sf": "Science Fiction", "dr": "Drama"}
NOW, HOUR = 2 * 10**12, 3_600_000
VIEWERS = [f"new{n}" for n in range(6)]
ABOUT = {"event_id": "act", "viewer_id": VIEWERS[0], "event_time_ms": NOW + 12 * HOUR}


def columns(
    rows: list[tuple[str, str, int]], action: int = Action.POSITIVE, weight: float = 1.5
) -> EventColumns:
    """Return events of (viewer, title, time)."""
    viewers, titles, at = zip(*rows, strict=True)
    ids = hash_ids([f"{row}" for row in rows])
    return EventColumns(viewers, titles, [action] * len(rows), [weight] * len(rows), at, ids)


def world(moods: tuple[str, ...] = ("any",), **blend: float) -> Recommender:
    """Return four genres of 40 titles with 300 viewers, and new viewers of comedies."""
    return Recommender.from_snapshot(_snapshot(moods, BlendConfig(**blend)))


@cache
def _snapshot(moods: tuple[str, ...], blend: BlendConfig) -> bytes:
    """Return the snapshot of such a world."""
    model, rng = Recommender(ModelConfig(blend=blend)), np.random.default_rng(1)
    model.catalog.put_all(
        [
            Title(title_id=f"{genre}{n:02d}", tags=Tags(genre=(name,), mood=(moods[n % len(moods)],)))
            for genre, name in GENRES.items()
            for n in range(40)
        ]
    )
    rows = {}
    for k in range(12):
        for v in range(300):
            genre = [*GENRES][v % 4 if rng.random() < 0.9 else rng.integers(4)]
            n = min(39, int(rng.pareto(0.8))) if rng.random() < 0.6 else rng.integers(40)
            rows[f"v{v}", f"{genre}{n:02d}"] = 10**12 + v * 1_000 + k * 2_400_000
    model.prequential(columns([(*pair, at) for pair, at in rows.items()]))
    for v, viewer in enumerate(VIEWERS):
        picked = np.random.default_rng(v).permutation(40)[:6]
        model.prequential(
            columns([(viewer, f"co{n:02d}", NOW + 2 * k * HOUR) for k, n in enumerate(picked.tolist())])
        )
    return model.snapshot()


def comedies(model: Recommender) -> float:
    """Return the number of comedies among the 20 titles of a list, on average."""
    return float(np.mean([sum(t.startswith("co") for t, _ in model.top_n(v, 20)) for v in VIEWERS]))


def react(model: Recommender, times: int, *, minute: int, action: int, weight: float = 2.0) -> None:
    """Let each viewer react to the best comedies of their list, one after the other."""
    for k in range(times):
        for viewer in VIEWERS:
            best = next(t for t, _ in model.top_n(viewer, 160) if t.startswith("co"))
            model.prequential(
                columns([(viewer, best, NOW + 12 * HOUR + (minute + k) * 60_000)], action, weight)
            )


def test_three_thumbs_down_halve_a_genre_five_quarter_it_and_a_thumb_up_brings_some_back() -> None:
    """Without the weight, five thumbs down leave the list full of comedies."""
    model, without = world(), world(dislike=0)
    assert comedies(model) >= 19
    react(model, 3, minute=0, action=Action.REJECT)
    three = comedies(model)
    react(model, 2, minute=3, action=Action.REJECT)
    five = comedies(model)
    react(model, 1, minute=5, action=Action.POSITIVE)
    back = comedies(model)
    assert three <= 10
    assert five <= 5
    assert five + 1 <= back <= 15
    react(without, 5, minute=0, action=Action.REJECT)
    assert comedies(without) >= 19


def test_a_genre_loses_its_places_whatever_else_the_titles_share() -> None:
    """Dark films lose, too: without an order of the tags they would make room for comedies again."""
    model = world(("dark", "light"))
    react(model, 3, minute=0, action=Action.REJECT)
    assert comedies(model) <= 8


def test_weak_rejections_and_other_genres_do_not_vote() -> None:
    """Five ignored titles change no votes; thumbs down for comedies leave the scores of all others."""
    ignored, without, disliked = world(), world(dislike=0), world()
    for model, weight in ((ignored, 0.2), (without, 0.2), (disliked, 2.0)):
        react(model, 5, minute=0, action=Action.REJECT, weight=weight)
    assert ignored.top_n(VIEWERS[0], 160) == without.top_n(VIEWERS[0], 160)
    before, after = world(dislike=0), disliked.score(VIEWERS[0])
    react(before, 5, minute=0, action=Action.REJECT)
    expected = before.score(VIEWERS[0])
    others = [t for t in after if not t.startswith("co")]
    assert [after[t] for t in others] == pytest.approx([expected[t] for t in others], abs=1e-4)


def seen_by_new_viewers(model: Recommender, genre: str) -> float:
    """Return the number of titles of a genre among the 20 titles of a list, on average."""
    return float(np.mean([sum(t.startswith(genre) for t, _ in model.top_n(v, 20)) for v in VIEWERS]))


def test_a_film_of_a_new_genre_brings_its_kind_and_a_second_one_more() -> None:
    """Of twenty titles four to eight after one, eight to fourteen after two."""
    model, counts = world(), []
    for n, film in enumerate(("sf33", "sf35")):
        for viewer in VIEWERS:
            model.prequential(columns([(viewer, film, NOW + (12 + n) * HOUR)]))
        counts.append(seen_by_new_viewers(model, "sf"))
    assert 4 <= counts[0] <= 8
    assert 8 <= counts[1] <= 14


def test_a_change_of_taste_leaves_the_first_ten_titles() -> None:
    """So HR@10 is what it is without."""
    lists = []
    for turn in (0.0, 0.6):
        model = world(turn=turn)
        for viewer in VIEWERS:
            model.prequential(columns([(viewer, "sf33", NOW + 12 * HOUR)]))
        lists.append([[title for title, _ in model.top_n(viewer, 20)] for viewer in VIEWERS])
    without, turned = lists
    assert [one[:10] for one in without] == [one[:10] for one in turned]
    assert without != turned


@pytest.mark.parametrize(
    "act",
    [
        Search(**ABOUT, query="horrors", result_count=40),
        Search(**ABOUT, query="the one", result_count=1, clicked_title_id="ho33"),
        Browse(**ABOUT, surface="genre:Horror", dwell_s=60.0),
        Select(**ABOUT, title_id="ho33"),
    ],
)
def test_a_search_intent_brings_its_kind_for_a_day(act: Event) -> None:
    """One search, look or opened page: about five of twenty; nothing once the viewer has gone on."""
    model = world()
    assert sum(t.startswith("ho") for t, _ in model.top_n(VIEWERS[0], 20)) == 0
    model.learn_one(act)
    assert 4 <= sum(t.startswith("ho") for t, _ in model.top_n(VIEWERS[0], 20)) <= 6
    again = Recommender.from_snapshot(model.snapshot())
    assert again.top_n(VIEWERS[0], 20) == model.top_n(VIEWERS[0], 20)
    model.prequential(columns([(VIEWERS[0], "co39", NOW + 48 * HOUR)]))
    assert sum(t.startswith("ho") for t, _ in model.top_n(VIEWERS[0], 20)) == 0


def test_what_one_title_gains_changes_two_titles_of_a_list_at_most() -> None:
    """Though the viewer browses three genres: without an order of its own each would shift the others."""
    model, rng = Recommender(), np.random.default_rng(3)
    for n in range(120):
        genres = tuple(f"g{genre}" for genre in rng.permutation(12)[:2])
        model.describe(Title(title_id=f"t{n:03d}", tags=Tags(genre=genres)))
    rows = [(f"v{v}", f"t{t:03d}", NOW + v * 60_000) for v, t in enumerate(rng.integers(120, size=30))]
    rows += [
        ("v0", f"t{t:03d}", NOW + 3 * HOUR + k * 60_000) for k, t in enumerate(rng.integers(120, size=3))
    ]
    model.prequential(columns(rows))
    for n in range(3):
        about = {"event_id": f"act{n}", "viewer_id": "v0", "event_time_ms": NOW + 5 * HOUR + n}
        model.learn_one(Browse(**about, surface=f"genre:g{n}", dwell_s=60.0))
    slot, popularity = model.viewers.viewers.acquire(["v0"]), model.titles.arrays.prior[:, 1]
    first, lost = set(model.viewers.rank(slot, NOW + 6 * HOUR, 20).title[0].tolist()), []
    for n in range(120):
        popularity[n] += 0.1
        model.titles.changes.mark_all()
        lost.append(len(first - set(model.viewers.rank(slot, NOW + 6 * HOUR, 20).title[0].tolist())))
        popularity[n] -= 0.1
    assert 1 <= max(lost) <= 2


def test_what_tags_take_by_hand() -> None:
    """Two thumbs down after a like: 1 + .85 - .3 .85 ** 2 votes, less the doubt, times the rarity."""
    scores = []
    for dislike in (0.0, 3.0):
        model = Recommender(ModelConfig(blend=replace(BlendConfig(), dislike=dislike)))
        for title, genre in (("a", "x"), ("b", "x"), ("c", "x"), ("d", "x"), ("e", "y")):
            model.describe(Title(title_id=title, tags=Tags(genre=(genre,), mood=("any",))))
        model.prequential(columns([("ann", "a", 0), ("bob", "d", 1), ("bob", "e", 2)]))
        model.prequential(columns([("ann", "b", 3), ("ann", "c", 4)], Action.REJECT, 2.0))
        scores.append(model.score("ann"))
    votes = 1 + STEP - LIKE * STEP**2 - DOUBT
    taken = 3.0 * (1 - 4 / 5) * votes / (1 + votes)
    assert scores[0]["d"] - scores[1]["d"] == pytest.approx(taken, rel=1e-4)
    assert scores[0]["e"] == pytest.approx(scores[1]["e"])


def test_lists_scores_and_tests_agree() -> None:
    """A viewer with dislikes gets the list that the scores give, and the test ranks as the list does."""
    model = world()
    react(model, 3, minute=0, action=Action.REJECT)
    viewer, now = VIEWERS[0], NOW + 13 * HOUR
    listed = [t for t, _ in model.top_n(viewer, 30, now)]
    score = model.score(viewer, now)
    assert [score[t] for t in listed] == sorted((score[t] for t in listed), reverse=True)
    slots = model.viewers.viewers.acquire([viewer, "v0", "v1"])
    together = model.viewers.rank(slots, now, 30).title[0]
    assert [model.titles.ids[t] for t in together.tolist()] == listed
    (ranks,) = model.prequential(columns([(viewer, listed[4], now)]), [True])
    assert ranks[0] == 4


def test_a_dislike_is_forgotten_with_its_rejection() -> None:
    """After a month nothing is taken."""
    model = world()
    react(model, 5, minute=0, action=Action.REJECT)
    month = NOW + 13 * HOUR + 31 * 24 * HOUR
    assert sum(t.startswith("co") for t, _ in model.top_n(VIEWERS[0], 20, month)) >= 19
