"""Artwork: draws that stay, chances that are logged, pictures that fit, and a closed loop that pays."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from online_models import ModelConfig, Recommender, hanging
from online_models.artwork import DAY_MS, FITS, MOST_VARIANTS, WORDS, Gallery, Picked, fit_of
from online_models.draws import draw_key, name_hash, race
from online_models.experiments import off_policy
from online_models.hanging import Hanger, room_for
from online_models.kernels.artwork import Items
from online_models.kernels.layout import U8
from online_models.kernels.race import race_won
from online_models.liking import LATE_TITLES, Liked, LikedWords
from schemas import Artwork, Tags, Title, Trailer
from schemas.experiments import ArtworkPolicy
from tests.streams.steps import watch

PICTURES = ("kiss", "chase", "joke")
TAGS = st.builds(
    "{}:{}".format, st.sampled_from(["genre", "mood", "language"]), st.sampled_from("abcdefghijkl")
)


def _title(
    title_id: str = "t", pictures: tuple[str, ...] = PICTURES, trailers: tuple[str, ...] = ()
) -> Title:
    """Return a title with a picture, or a trailer, for each tag."""
    return Title(
        title_id=title_id,
        artwork=tuple(Artwork(id=f"{p}.jpg", uri=f"https://x/{p}", tags=(p,)) for p in pictures),
        trailers=tuple(Trailer(id=f"{p}.mp4", uri=f"https://x/{p}", tags=(p,)) for p in trailers),
    )


def _gallery(*titles: Title) -> Gallery:
    out = Gallery(seed=5)
    for title in titles or (_title(),):
        out.put(title.title_id, title)
    return out


def _pick(
    gallery: Gallery,
    viewer: int,
    *,
    liked: tuple[str, ...] = (),
    title: str = "t",
    **more: Any,
) -> Picked:
    keys = np.array([2], np.uint64)
    hanger = Hanger(gallery)
    return hanger.pick([title], keys, viewer=viewer, liked=frozenset(liked), **{"now_ms": 0, **more})[0]


def _hung(
    hanger: Hanger, titles: list[str], keys: U8, liked: list[frozenset[str]], now_ms: int = 0
) -> list[Picked]:
    """Return what the same titles show to viewers 0, 1, ... at once, viewer after viewer."""
    p, n = len(liked), len(titles)
    listed = np.tile(np.arange(n, dtype=np.int32), (p, 1, 1))
    places = np.array([hanger.gallery.place(title) for title in titles], np.int32)[listed]
    likes, looked = hanger.known(Liked.of(liked)), np.full((p, 1), n)
    items = Items(listed, places, looked, np.arange(p, dtype=np.uint64), likes, keys)
    found = room_for(listed)
    end = hanger.hang(items, titles, (0, p), found, 0, now_ms=now_ms)
    out = [hanger.shown[0]] * (p * n)
    for page, slot, number in zip(found.page[:end], found.slot[:end], found.number[:end], strict=True):
        out[n * page + slot] = hanger.shown[number]
    return out


def test_the_kernel_draws_what_the_bandit_would() -> None:
    """The same arm for the same viewer, title and day, whatever the chances."""
    rng = np.random.default_rng(2)
    names = ["a", "bb", "ccc", "d"]
    hashes = np.array([name_hash(name) for name in names], np.uint64)
    chances = rng.dirichlet([1.0] * 4, 300)
    chances[:50, 2:] = 0
    chances[50:100] = 0.25
    chances[100:150, :2] = 0.25
    keys = [draw_key(5, 2**63 + 77, int(title), 3) for title in rng.integers(2, 2**62, 300)]
    drawn = [race_won(hashes, mine, np.uint64(key)) for mine, key in zip(chances, keys, strict=True)]
    assert drawn == [race(mine, names, key) for mine, key in zip(chances, keys, strict=True)]


def test_a_picture_stays_for_a_day() -> None:
    """From midnight to midnight the same, over days each about as often as its chance."""
    gallery = _gallery()
    for viewer in range(20):
        assert _pick(gallery, viewer, now_ms=5) == _pick(gallery, viewer, now_ms=DAY_MS - 1)
    shown = [_pick(gallery, 1, now_ms=day * DAY_MS).artwork for day in range(900)]
    assert all(shown.count(f"{p}.jpg") == pytest.approx(300, abs=60) for p in PICTURES)


def test_what_there_is_no_choice_of_is_not_named() -> None:
    """A title with one picture, or none, or unknown, shows its first; nothing is logged."""
    gallery = _gallery(_title("one", ("kiss",)), _title("none", ()))
    for title in ("one", "none", "unknown"):
        assert _pick(gallery, 1, title=title) == (None, None, None)
    assert gallery.fit("one", "kiss.jpg", frozenset()) is None
    gallery.put("one", _title("one"))
    assert _pick(gallery, 1, title="one").propensity == pytest.approx(1 / 3, abs=1e-3)
    gallery.withdraw("one")
    assert _pick(gallery, 1, title="one").propensity is None


def test_contexts_are_how_well_a_picture_fits() -> None:
    """None of its tags, one, or more among the viewer's."""
    art = (Artwork(id="a", uri="https://x/a", tags=("x", "y", "z")), Artwork(id="b", uri="https://x/b"))
    gallery = _gallery(Title(title_id="t", artwork=art))
    liked = [(), ("x",), ("x", "y"), ("x", "y", "z")]
    assert [gallery.fit("t", "a", frozenset(words)) for words in liked] == [0, 1, 2, 2]
    assert gallery.fit("t", "gone", frozenset()) is None


def test_the_trailer_that_fits_is_named_unless_it_is_the_first() -> None:
    """Without a reward there is nothing to learn, and nothing is drawn."""
    gallery = _gallery(_title("t", (), ("kiss", "chase")))
    assert _pick(gallery, 1).trailer is None
    assert _pick(gallery, 1, liked=("chase",)).trailer == "chase.mp4"
    assert _pick(gallery, 1, liked=("kiss", "chase")).trailer is None


def _words(titles: list[list[str]]) -> frozenset[str]:
    """Return what a viewer's newest titles' tags say, as `LikedWords` defines it."""
    told = Counter(label.partition(":")[::2] for labels in titles[-LATE_TITLES:] for label in labels)
    count = Counter[str]()
    for (kind, word), times in told.items():
        count[word] += times * (kind not in {"decade", "year", "language"})
    best = sorted((word for word in count if count[word]), key=lambda word: (-count[word], word))
    return frozenset(best[:WORDS])


@given(st.lists(st.lists(st.lists(TAGS, max_size=6, unique=True), max_size=24), min_size=1, max_size=3))
@settings(max_examples=25, deadline=None)
def test_words_are_those_of_most_liked_titles(tastes: list[list[list[str]]]) -> None:
    """Eight at most, ties by name, of the twenty newest titles; time and language say nothing."""
    model = Recommender(ModelConfig())
    for v, titles in enumerate(tastes):
        for n, labels in enumerate(titles):
            tags: dict[str, list[str]] = {}
            for label in labels:
                tags.setdefault(label.partition(":")[0], []).append(label.partition(":")[2])
            model.describe(Title(title_id=f"{v}.{n}", tags=Tags(**{k: tuple(w) for k, w in tags.items()})))
    viewers = [f"v{v}" for v in range(len(tastes))]
    words = LikedWords(model.viewers.viewers, model.catalogue)
    nobody = words.of(model.viewers.viewers.acquire(viewers))
    assert (nobody.numbers < 0).all()
    for v, titles in enumerate(tastes):
        for n in range(len(titles)):
            model.learn_one(watch(f"v{v}", f"{v}.{n}", n))
    found = words.of(model.viewers.viewers.acquire(viewers))
    for v, titles in enumerate(tastes):
        assert found.words(v) == _words(titles)


def test_pictures_that_lead_to_watches_win_by_taste() -> None:
    """A closed loop of two kinds of viewers: each ends up with its own picture, and the log tells so."""
    rng, gallery = np.random.default_rng(4), _gallery(_title("t", ("kiss", "chase")))
    hanger, key = Hanger(gallery), np.array([2], np.uint64)
    liked = [frozenset({"kiss"}), frozenset({"chase"})]
    rates = {True: 0.25, False: 0.08}  # fits, does not
    rewards: list[float] = []
    logged: list[float] = []
    shown: list[bool] = []
    for n in range(4_000):
        kind = n % 2
        picked = hanger.pick(["t"], key, viewer=n, liked=liked[kind], now_ms=n)[0]
        assert picked.artwork is not None
        fits = picked.artwork == ("kiss.jpg", "chase.jpg")[kind]
        won = float(rng.random() < rates[fits])
        fit = gallery.fit("t", picked.artwork, liked[kind])
        assert fit is not None
        gallery.bandit("t").learn(fit, picked.artwork, trials=1, wins=won, at_ms=n)
        shown.append(fits)
        logged.append(picked.propensity or 0.0)
        rewards.append(won)
    assert np.mean(shown[-500:]) > 0.9
    assert np.mean(shown[:100]) < 0.75
    for policy, rate in ((shown, rates[True]), ([not fits for fits in shown], rates[False])):
        found = off_policy.evaluate(off_policy.Log(rewards, logged, np.array(policy, float)))["snips"]
        assert abs(found.value - rate) < 4 * (found.high - found.low) / 3.92


@given(
    st.lists(st.lists(st.sampled_from("abcdefghijkl"), max_size=5), min_size=1, max_size=10),
    st.lists(st.lists(st.sampled_from("abcdefghijkl"), max_size=3), max_size=4),
    st.frozensets(st.sampled_from("abcdefghijkl"), max_size=WORDS),
    st.lists(st.tuples(st.integers(0, FITS - 1), st.integers(0, 7), st.integers(0, 60)), max_size=6),
)
@settings(max_examples=60, deadline=None)
def test_what_is_shown_is_the_bandits_race_and_the_trailer_that_fits(
    pictures: list[list[str]],
    trailers: list[list[str]],
    liked: frozenset[str],
    lessons: list[tuple[int, int, int]],
) -> None:
    """Whatever was learned, before a picture was first shown or after."""
    art = tuple(Artwork(id=f"p{n}", uri="https://x", tags=tuple(tags)) for n, tags in enumerate(pictures))
    clips = tuple(Trailer(id=f"c{n}", uri="https://x", tags=tuple(tags)) for n, tags in enumerate(trailers))
    gallery = _gallery(Title(title_id="t", artwork=art, trailers=clips))
    hanger, arms = Hanger(gallery), tuple(one.id for one in art[:MOST_VARIANTS])
    for context, n, wins in [(0, 0, 0), *lessons]:
        if wins:
            gallery.bandit("t").learn(context, arms[n % len(arms)], trials=60, wins=wins, at_ms=0)
            gallery.load("t", {arm: gallery.known("t").cells(arm) for arm in gallery.known("t").arms}, 0)
        fits = [fit_of(frozenset(tags), liked) for tags in (*pictures[:MOST_VARIANTS], *trailers)]
        chances = gallery.known("t").chances(fits[: len(arms)], arms, 0)
        trailer = int(np.argmax(fits[len(arms) :])) if clips else 0
        for viewer in range(5):
            shown = hanger.pick(["t"], np.array([2], np.uint64), viewer=viewer, liked=liked, now_ms=DAY_MS)[0]
            won = race(chances, arms, draw_key(5, viewer, 2, 1))
            alone = Picked(arms[won], round(float(chances[won]), 4)) if len(arms) > 1 else Picked()
            assert shown == alone._replace(trailer=f"c{trailer}" if trailer else None)


def test_another_policy_logs_its_own_chances() -> None:
    """The first picture with certainty; any, each as often as its third; whatever the bandit has learned."""
    gallery = _gallery()
    gallery.bandit("t").learn(0, "joke.jpg", trials=500, wins=400, at_ms=0)
    first = {_pick(gallery, n, policy=ArtworkPolicy.FIRST) for n in range(50)}
    assert first == {Picked("kiss.jpg", 1.0)}
    drawn = [_pick(gallery, n, policy=ArtworkPolicy.UNIFORM) for n in range(900)]
    assert {one.propensity for one in drawn} == {0.3333}
    assert all(
        sum(one.artwork == f"{p}.jpg" for one in drawn) == pytest.approx(300, abs=60) for p in PICTURES
    )


def test_many_viewers_at_once_see_what_each_would_alone() -> None:
    """Whatever was remembered, learned, replaced or withdrawn in between."""
    rng, words = np.random.default_rng(6), [f"w{n}" for n in range(12)]
    names = [f"t{n}" for n in range(40)]
    gallery = _gallery(*(_title(name, tuple(rng.choice(words, 3, replace=False))) for name in names[:30]))
    kept, keys = Hanger(gallery), np.arange(2, 42, dtype=np.uint64)
    for day in range(12):
        liked = [frozenset(rng.choice(words, size).tolist()) for size in rng.integers(0, 8, 5)]
        order = rng.permutation(40)
        titles = [names[n] for n in order]
        shown = _hung(kept, titles, keys[order], liked, day * DAY_MS)
        alone = [
            Hanger(gallery).pick(titles, keys[order], viewer=v, liked=some, now_ms=day * DAY_MS)
            for v, some in enumerate(liked)
        ]
        assert shown == [one for page in alone for one in page]
        for n in rng.integers(0, 30, 6).tolist():
            picture = gallery.variants(names[n])
            if picture is not None:
                gallery.bandit(names[n]).learn(0, picture.pictures[0], trials=50, wins=25, at_ms=day)
        gallery.put(names[day], _title(names[day], tuple(rng.choice(words, 4, replace=False))))
        gallery.put(names[39 - day], _title(names[39 - day]))
        gallery.withdraw(names[day + 12])


def test_more_ways_than_are_kept_are_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """And more than the table has places for at first."""
    words = [f"w{n}" for n in range(13)]
    gallery = _gallery(_title("t", tuple(words[:8]), tuple(words[8:])))
    sets = [frozenset(w for n, w in enumerate(words) if mask >> n & 1) for mask in range(5_000)]
    sets = [some for some in sets if len(some) <= 8]

    def show(hanger: Hanger) -> list[Picked]:
        return _hung(hanger, ["t"], np.array([7], np.uint64), sets)

    shown = show(hanger := Hanger(gallery))
    monkeypatch.setattr(hanging, "KEPT", 100)
    assert show(hanger) == show(Hanger(gallery)) == shown
    expected = [_pick(gallery, v, liked=tuple(sets[v])) for v in range(0, len(sets), 500)]
    assert [one.trailer for one in shown[::500]] == [one.trailer for one in expected]


def test_propensities_of_long_ago_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers begin anew, ways stay: nothing is asked for again, and the same is shown."""
    gallery = _gallery(*(_title(f"t{n}") for n in range(9)))
    titles, keys, liked = (
        [f"t{n}" for n in range(9)],
        np.arange(2, 11, dtype=np.uint64),
        [frozenset("a")] * 20,
    )
    hanger = Hanger(gallery)
    shown, numbered = _hung(hanger, titles, keys, liked), hanger.shown
    monkeypatch.setattr(hanging, "MOST_SHOWN", 2)
    monkeypatch.setattr(hanging, "chances_of", None)
    assert _hung(hanger, titles, keys, liked) == shown
    assert hanger.shown is not numbered
    assert len(hanger.shown) == len({*shown}) + 1


def test_what_is_learned_meanwhile_starts_nothing_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another thread learns of one title while ways of another are made, and memory is full."""
    gallery, made, chances = _gallery(_title("t"), _title("u")), list[str](), hanging.chances_of

    def slow(*asked: Any) -> Any:
        made.append("")
        assert len(made) < 20, "what was made is made again and again"
        gallery.bandit("u").learn(0, "kiss.jpg", trials=9, wins=9, at_ms=0)
        return chances(*asked)

    monkeypatch.setattr(hanging, "chances_of", slow)
    monkeypatch.setattr(hanging, "KEPT", 2)
    keys = np.array([2, 3], np.uint64)
    hanger = Hanger(gallery)
    before, (u, t) = (hanger.pick(["u", "t"], keys, viewer=1, liked=frozenset(), now_ms=0) for _ in range(2))
    assert {one.propensity for one in before} == {0.3333}
    assert t.propensity == pytest.approx(1 / 3, abs=1e-3)
    assert u.propensity != t.propensity
