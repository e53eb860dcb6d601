"""The cache of choices changes nothing but the time."""

from typing import Any

import numpy as np
import pytest

from online_models.artwork import selector as module
from online_models.artwork.gallery import DAY_MS, Selection
from online_models.artwork.selector import ArtworkSelector
from tests.online_models.artwork.galleries import gallery_of, selection_of, selections_of, title_of


def test_many_viewers_at_once_see_what_each_would_alone() -> None:
    """Whatever was cached, learned, replaced or withdrawn in between."""
    rng, words = np.random.default_rng(6), [f"w{n}" for n in range(12)]
    names = [f"t{n}" for n in range(40)]
    gallery = gallery_of(
        *(title_of(name, tuple(rng.choice(words, 3, replace=False).tolist())) for name in names[:30])
    )
    kept, keys = ArtworkSelector(gallery), np.arange(2, 42, dtype=np.uint64)
    for day in range(12):
        liked = [frozenset(rng.choice(words, size).tolist()) for size in rng.integers(0, 8, 5)]
        order = rng.permutation(40)
        titles = [names[n] for n in order]
        shown = selections_of(kept, titles, keys[order], liked, day * DAY_MS)
        alone = [
            ArtworkSelector(gallery).select_by_id(
                titles, keys[order], viewer=v, liked=some, now_ms=day * DAY_MS
            )
            for v, some in enumerate(liked)
        ]
        assert shown == [one for page in alone for one in page]
        for n in rng.integers(0, 30, 6).tolist():
            variants = gallery.variants(names[n])
            if variants is not None:
                gallery.bandit(names[n]).learn(0, variants.artworks[0], trials=50, wins=25, at_ms=day)
        gallery.put(names[day], title_of(names[day], tuple(rng.choice(words, 4, replace=False).tolist())))
        gallery.put(names[39 - day], title_of(names[39 - day]))
        gallery.withdraw(names[day + 12])


def test_more_ways_than_are_kept_are_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also with more choices than the initial capacity."""
    words = [f"w{n}" for n in range(13)]
    gallery = gallery_of(title_of("t", tuple(words[:8]), tuple(words[8:])))
    sets = [frozenset(w for n, w in enumerate(words) if mask >> n & 1) for mask in range(5_000)]
    sets = [some for some in sets if len(some) <= 8]

    def show(selector: ArtworkSelector) -> list[Selection]:
        return selections_of(selector, ["t"], np.array([7], np.uint64), sets)

    shown = show(selector := ArtworkSelector(gallery))
    monkeypatch.setattr(module, "MOST_CHOICES", 100)
    assert show(selector) == show(ArtworkSelector(gallery)) == shown
    expected = [selection_of(gallery, v, liked=tuple(sets[v])) for v in range(0, len(sets), 500)]
    assert [one.trailer for one in shown[::500]] == [one.trailer for one in expected]


def test_selections_of_long_ago_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbering starts again, choices stay: nothing is computed again, and selections are the same."""
    gallery = gallery_of(*(title_of(f"t{n}") for n in range(9)))
    titles, keys, liked = (
        [f"t{n}" for n in range(9)],
        np.arange(2, 11, dtype=np.uint64),
        [frozenset("a")] * 20,
    )
    selector = ArtworkSelector(gallery)
    shown, numbered = selections_of(selector, titles, keys, liked), selector.selections
    monkeypatch.setattr(module, "MOST_SELECTIONS", 2)
    monkeypatch.setattr(module, "choice_probabilities", None)
    assert selections_of(selector, titles, keys, liked) == shown
    assert selector.selections is not numbered
    assert len(selector.selections) == len({*shown}) + 1


def test_new_propensities_are_no_new_selections() -> None:
    """A bandit that learns for months leaves nothing behind."""
    gallery, found = gallery_of(title_of("t")), set[float | None]()
    selector = ArtworkSelector(gallery)
    for n in range(100):
        gallery.bandit("t").learn(0, "kiss.jpg", trials=9, wins=n, at_ms=n * DAY_MS)
        shown = selections_of(selector, ["t"], np.array([2], np.uint64), [frozenset()] * 20, n * DAY_MS)
        found |= {one.propensity for one in shown}
    assert len(found) > 20
    assert len(selector.selections) == 1 + len(gallery.variants("t").artworks)  # type: ignore[union-attr]


def test_what_is_learned_meanwhile_starts_nothing_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another thread updates one title while choices of another are computed, and the cache is full."""
    gallery, made, chances = (
        gallery_of(title_of("t"), title_of("u")),
        list[str](),
        module.choice_probabilities,
    )

    def slow(*asked: Any) -> Any:
        made.append("")
        assert len(made) < 20, "what was made is made again and again"
        gallery.bandit("u").learn(0, "kiss.jpg", trials=9, wins=9, at_ms=0)
        return chances(*asked)

    monkeypatch.setattr(module, "choice_probabilities", slow)
    monkeypatch.setattr(module, "MOST_CHOICES", 2)
    keys = np.array([2, 3], np.uint64)
    selector = ArtworkSelector(gallery)
    before, (u, t) = (
        selector.select_by_id(["u", "t"], keys, viewer=1, liked=frozenset(), now_ms=0) for _ in range(2)
    )
    assert {one.propensity for one in before} == {0.3333}
    assert t.propensity == pytest.approx(1 / 3, abs=1e-3)
    assert u.propensity != t.propensity
