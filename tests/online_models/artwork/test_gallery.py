"""Artwork: stable draws, logged propensities, artwork that fits, and a closed loop with rewards."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from online_models import ModelConfig, Recommender
from online_models.artwork.features import FIT_BITS, RECENT_TITLES, WORDS, TasteFeatures, code_of, fit_of
from online_models.artwork.gallery import DAY_MS, FITS, MOST_VARIANTS, Gallery, Selection
from online_models.artwork.selector import ArtworkSelector, winner_of_race
from online_models.experiments import off_policy
from online_models.tables import numbering
from online_models.tables.keyed_random import draw_key, name_hash, race
from schemas import Artwork, Tags, Title, Trailer
from schemas.experiments import ArtworkPolicy
from tests.online_models.artwork.galleries import ARTWORKS, gallery_of, selection_of, title_of
from tests.streams.steps import watch

TAGS = st.builds(
    "{}:{}".format, st.sampled_from(["genre", "mood", "language"]), st.sampled_from("abcdefghijkl")
)


def test_the_kernel_draws_what_the_bandit_would() -> None:
    """The same arm for the same viewer, title and day, whatever the probabilities."""
    rng = np.random.default_rng(2)
    names = ["a", "bb", "ccc", "d"]
    hashes = np.array([name_hash(name) for name in names], np.uint64)
    chances = rng.dirichlet([1.0] * 4, 300)
    chances[:50, 2:] = 0
    chances[50:100] = 0.25
    chances[100:150, :2] = 0.25
    keys = [draw_key(5, 2**63 + 77, int(title), 3) for title in rng.integers(2, 2**62, 300)]
    drawn = [winner_of_race(hashes, mine, np.uint64(key)) for mine, key in zip(chances, keys, strict=True)]
    assert drawn == [race(mine, names, key) for mine, key in zip(chances, keys, strict=True)]


def test_a_picture_stays_for_a_day() -> None:
    """The same from midnight to midnight; over days each about as often as its probability."""
    gallery = gallery_of()
    for viewer in range(20):
        assert selection_of(gallery, viewer, now_ms=5) == selection_of(gallery, viewer, now_ms=DAY_MS - 1)
    shown = [selection_of(gallery, 1, now_ms=day * DAY_MS).artwork for day in range(900)]
    assert all(shown.count(f"{p}.jpg") == pytest.approx(300, abs=60) for p in ARTWORKS)


def test_what_there_is_no_choice_of_is_not_named() -> None:
    """A title with one artwork, with none, or unknown, shows its first; nothing is logged."""
    gallery = gallery_of(title_of("one", ("kiss",)), title_of("none", ()))
    for title in ("one", "none", "unknown"):
        assert selection_of(gallery, 1, title=title) == (None, None, None)
    assert gallery.fit("one", "kiss.jpg", {}) is None
    gallery.put("one", title_of("one"))
    assert selection_of(gallery, 1, title="one").propensity == pytest.approx(1 / 3, abs=1e-3)
    gallery.withdraw("one")
    assert selection_of(gallery, 1, title="one").propensity is None


def test_contexts_are_how_well_a_picture_fits() -> None:
    """None of its tags, one, or more are among the viewer's words."""
    art = (Artwork(id="a", uri="https://x/a", tags=("x", "y", "z")), Artwork(id="b", uri="https://x/b"))
    gallery = gallery_of(Title(title_id="t", artwork=art))
    liked = [(), ("x",), ("x", "y"), ("x", "y", "z")]
    assert [gallery.fit("t", "a", dict.fromkeys(words, 1)) for words in liked] == [0, 1, 2, 2]
    assert gallery.fit("t", "gone", {}) is None


def test_the_trailer_that_fits_is_named_unless_it_is_the_first() -> None:
    """Trailers have no reward, so they are not drawn."""
    gallery = gallery_of(title_of("t", (), ("kiss", "chase")))
    assert selection_of(gallery, 1).trailer is None
    assert selection_of(gallery, 1, liked=("chase",)).trailer == "chase.mp4"
    assert selection_of(gallery, 1, liked=("kiss", "chase")).trailer is None


def test_words_of_a_nightly_catalog_take_no_more_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other words each night: never more than of two nights; viewers' words mean the present ones."""
    monkeypatch.setattr(numbering, "PAUSE", 0)
    gallery = Gallery(seed=5)
    selector = ArtworkSelector(gallery)
    for night in range(30):
        for n in range(80):  # more than the rows at first
            gallery.put(f"t{n}", title_of(f"t{n}", (), ("first", f"w{night}-{n}")))
        for liked, shown in ((f"w{night}-7", f"w{night}-7.mp4"), (f"w{night}-8", None), ("first", None)):
            about: Any = {"viewer": 1, "liked": frozenset((liked,)), "now_ms": 0}
            (found,) = selector.select_by_id(["t7"], np.array([2], np.uint64), **about)
            assert found.trailer == shown
        gallery.withdraw("t9")
    assert len(gallery.words) <= 162


def test_a_nightly_catalog_leaves_no_copies_of_what_has_not_changed() -> None:
    """Choices hold the variants that they were made of: the same each night, and none is made again."""
    gallery = Gallery(seed=5)
    selector = ArtworkSelector(gallery)
    held = set[int]()
    for _ in range(5):
        for n in range(20):
            gallery.put(f"t{n}", title_of(f"t{n}", ARTWORKS, ("first", f"w{n}")))
        for viewer in range(3):
            keys = np.arange(1, 21, dtype=np.uint64)
            about: Any = {"viewer": viewer, "liked": frozenset((f"w{viewer}",)), "now_ms": 0}
            selector.select_by_id([f"t{n}" for n in range(20)], keys, **about)
        held |= {id(one) for one in selector._variants.values()}
        versions = gallery.features.version.copy()
        gallery.put("t0", title_of("t0", ARTWORKS, ("first", "w0")))
        assert (gallery.features.version == versions).all()
    assert len(held) == 20


def _words(titles: list[list[str]]) -> frozenset[str]:
    """Return the liked words of a viewer's newest titles, as `TasteFeatures` defines them."""
    labels_seen = Counter(label.partition(":")[::2] for labels in titles[-RECENT_TITLES:] for label in labels)
    count = Counter[str]()
    for (kind, word), times in labels_seen.items():
        count[word] += times * (kind not in {"decade", "year", "language"})
    best = sorted((word for word in count if count[word]), key=lambda word: (-count[word], word))
    return frozenset(best[:WORDS])


@given(st.lists(st.lists(st.lists(TAGS, max_size=6, unique=True), max_size=24), min_size=1, max_size=3))
def test_words_are_those_of_most_liked_titles(tastes: list[list[list[str]]]) -> None:
    """Eight at most, ties by name, of the twenty newest titles; times and languages do not count."""
    model = Recommender(ModelConfig())
    for v, titles in enumerate(tastes):
        for n, labels in enumerate(titles):
            tags: dict[str, list[str]] = {}
            for label in labels:
                tags.setdefault(label.partition(":")[0], []).append(label.partition(":")[2])
            model.describe(Title(title_id=f"{v}.{n}", tags=Tags(**{k: tuple(w) for k, w in tags.items()})))
    viewers = [f"v{v}" for v in range(len(tastes))]
    words = TasteFeatures(model.viewers.viewers, model.catalog)
    nobody = words.of(model.viewers.viewers.acquire(viewers))
    assert (nobody.numbers < 0).all()
    for v, titles in enumerate(tastes):
        for n in range(len(titles)):
            model.learn_one(watch(f"v{v}", f"{v}.{n}", n))
    found = words.of(model.viewers.viewers.acquire(viewers))
    for v, titles in enumerate(tastes):
        assert frozenset(found.words(v)) == _words(titles)


def test_pictures_that_lead_to_watches_win_by_taste() -> None:
    """A closed loop of two kinds of viewers: each gets its own artwork in the end, and the log shows it."""
    rng, gallery = np.random.default_rng(4), gallery_of(title_of("t", ("kiss", "chase")))
    selector, key = ArtworkSelector(gallery), np.array([2], np.uint64)
    liked = [frozenset({"kiss"}), frozenset({"chase"})]
    rates = {True: 0.25, False: 0.08}  # fits, does not
    rewards: list[float] = []
    logged: list[float] = []
    shown: list[bool] = []
    for n in range(4_000):
        kind = n % 2
        selection_of = selector.select_by_id(["t"], key, viewer=n, liked=liked[kind], now_ms=n)[0]
        assert selection_of.artwork is not None
        fits = selection_of.artwork == ("kiss.jpg", "chase.jpg")[kind]
        won = float(rng.random() < rates[fits])
        fit = gallery.fit("t", selection_of.artwork, dict.fromkeys(liked[kind], 1))
        assert fit is not None
        gallery.bandit("t").learn(fit, selection_of.artwork, trials=1, wins=won, at_ms=n)
        shown.append(fits)
        logged.append(selection_of.propensity or 0.0)
        rewards.append(won)
    assert np.mean(shown[-500:]) > 0.9
    assert np.mean(shown[:100]) < 0.75
    for policy, rate in ((shown, rates[True]), ([not fits for fits in shown], rates[False])):
        found = off_policy.evaluate(off_policy.PolicyLog(rewards, logged, np.array(policy, float)))["snips"]
        assert abs(found.value - rate) < 4 * (found.high - found.low) / 3.92


@given(
    st.lists(st.lists(st.sampled_from("abcdefghijkl"), max_size=5), min_size=1, max_size=10),
    st.lists(st.lists(st.sampled_from("abcdefghijkl"), max_size=3), max_size=4),
    st.frozensets(st.sampled_from("abcdefghijkl"), max_size=WORDS),
    st.lists(st.tuples(st.integers(0, FITS - 1), st.integers(0, 7), st.integers(0, 60)), max_size=6),
)
def test_what_is_shown_is_the_bandits_race_and_the_trailer_that_fits(
    artworks: list[list[str]],
    trailers: list[list[str]],
    liked: frozenset[str],
    updates: list[tuple[int, int, int]],
) -> None:
    """Whatever was learned, before or after an artwork was first shown."""
    art = tuple(Artwork(id=f"p{n}", uri="https://x", tags=tuple(tags)) for n, tags in enumerate(artworks))
    clips = tuple(Trailer(id=f"c{n}", uri="https://x", tags=tuple(tags)) for n, tags in enumerate(trailers))
    gallery = gallery_of(Title(title_id="t", artwork=art, trailers=clips))
    selector, arms = ArtworkSelector(gallery), tuple(one.id for one in art[:MOST_VARIANTS])
    for context, n, wins in [(0, 0, 0), *updates]:
        if wins:
            gallery.bandit("t").learn(context, arms[n % len(arms)], trials=60, wins=wins, at_ms=0)
            gallery.load("t", {arm: gallery.known("t").cells(arm) for arm in gallery.known("t").arms}, 0)
        fits = [fit_of(frozenset(tags), liked) for tags in (*artworks[:MOST_VARIANTS], *trailers)]
        chances = gallery.known("t").probabilities(fits[: len(arms)], arms, 0)
        trailer = int(np.argmax(fits[len(arms) :])) if clips else 0
        for viewer in range(5):
            shown = selector.select_by_id(
                ["t"], np.array([2], np.uint64), viewer=viewer, liked=liked, now_ms=DAY_MS
            )[0]
            won = race(chances, arms, draw_key(5, viewer, 2, 1))
            alone = Selection(arms[won], round(float(chances[won]), 4)) if len(arms) > 1 else Selection()
            assert shown == alone._replace(trailer=f"c{trailer}" if trailer else None)


def test_another_policy_logs_its_own_chances() -> None:
    """The first picture with certainty; any, each as often as its third; whatever the bandit has learned."""
    gallery = gallery_of()
    gallery.bandit("t").learn(0, "joke.jpg", trials=500, wins=400, at_ms=0)
    first = {selection_of(gallery, n, policy=ArtworkPolicy.FIRST) for n in range(50)}
    assert first == {Selection("kiss.jpg", 1.0)}
    drawn = [selection_of(gallery, n, policy=ArtworkPolicy.UNIFORM) for n in range(900)]
    assert {one.propensity for one in drawn} == {0.3333}
    assert all(
        sum(one.artwork == f"{p}.jpg" for one in drawn) == pytest.approx(300, abs=60) for p in ARTWORKS
    )


@pytest.mark.parametrize(("mixed", "code"), [(1, "01"), (9, "01"), (10, "11"), (20, "11")])
def test_words_weigh_as_many_titles_as_have_them(mixed: int, code: str) -> None:
    """One mixed title among twenty makes no viewer like both artworks alike; half of them do."""
    model = Recommender(ModelConfig())
    for n in range(20):
        genres = ("kiss", "chase") if n < mixed else ("kiss",)
        model.describe(Title(title_id=f"t{n}", tags=Tags(genre=genres)))
    model.learn_many(watch("ada", f"t{n}", n) for n in range(20))
    gallery = gallery_of(title_of("u", ("kiss", "chase")))
    gallery.bandit("u").learn(0, "kiss.jpg", trials=9, wins=9, at_ms=0)
    selector, taste = ArtworkSelector(gallery), TasteFeatures(model.viewers.viewers, model.catalog)
    liked = taste.of(np.zeros(1, np.int32))
    row = gallery.row_of("u")  # first: words get their numbers when somebody asks for the title
    words = selector.liked_words(liked)[0]
    likes = np.zeros(words.max() + 1, np.uint8)
    likes[words[words >= 0]] = liked.weights[0][words >= 0]
    found = code_of(row, gallery.features, likes)
    assert [int(found) >> FIT_BITS * n & 3 for n in (1, 0)] == [int(fit) for fit in code]
    fits = [gallery.fit("u", artwork, liked.words(0)) for artwork in ("chase.jpg", "kiss.jpg")]
    assert fits == [int(fit) for fit in code]
