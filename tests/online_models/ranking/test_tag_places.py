"""Places of tags: the kernel looks at few titles, and moves the same ones as a search among all of them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from online_models.ranking.tag_places import MOST, SEEN, STAYING, SURE, VOTED, apply_votes, vote_scratch
from online_models.ranking.tag_table import TaggedTitles
from online_models.ranking.tag_votes import DISLIKED, DOUBT, INTENT, TURNED
from online_models.recommender import Recommender
from schemas import Tags, Title

F8 = NDArray[np.float64]
TITLES, TAGS = 300, 12


def tagged(has: NDArray[np.bool_]) -> tuple[Recommender, TaggedTitles]:
    """Return a model whose titles have these tags [T, G]."""
    model = Recommender()
    for t in range(len(has)):
        genres = tuple(f"g{g:02d}" for g in np.flatnonzero(has[t]))
        model.describe(Title(title_id=f"t{t:03d}", tags=Tags(genre=genres)))
    return model, TaggedTitles(model.catalog)


def best(scores: F8, n: int) -> F8:
    """Return the best scores, descending, -inf where there are no more."""
    return np.concatenate([np.sort(scores)[::-1], np.full(n, -np.inf)])[:n]


def brought(scores: F8, own: NDArray[np.intp], staying: int) -> F8:
    """Return the scores after all of ``own`` have come to the best ones."""
    others = np.ones(scores.size, np.bool_)
    others[own] = False
    last, border = scores[own].min(), best(scores[others], SEEN)[SEEN - own.size]
    near = best(scores, SEEN)[staying - 1]
    if last > border or near <= last:
        return scores
    shrink = 0.999 * (near - border) / (near - last)
    moved = scores.copy()
    moved[own] = np.maximum(scores[own], near - shrink * (near - scores[own]))
    return moved


def expected(scores: F8, has: NDArray[np.bool_], votes: F8, rarity: F8, dislike: float) -> F8:
    """Return the scores after the votes, by the definition in `ranking.tag_places`."""
    against = votes[DISLIKED]
    strength = np.maximum(np.maximum(votes[INTENT], votes[TURNED]), against / (1 + against))
    order = np.argsort(strength)[-min(VOTED, int((strength > 0).sum())) :]
    doubtless = np.maximum(against - DOUBT, 0)
    places = has[np.argsort(-scores)[:SEEN]].sum(0)
    loss = dislike * rarity * doubtless / (1 + doubtless)
    scores = scores - np.where(has[:, order], loss[order], 0).max(1)
    first = scores.copy()
    for g in order:
        of = np.flatnonzero(has[:, g] & np.isfinite(first))
        for way, staying in ((INTENT, 1), (TURNED, STAYING)):
            own = of[np.argsort(-first[of])[: int(MOST * votes[way, g] + 0.5)]]
            scores = brought(scores, own, staying) if own.size else scores
        if against[g] >= SURE:
            left = int(places[g] / (1 + against[g]) + 0.5)
            gap = best(scores[of], SEEN)[left] - best(scores[~has[:, g]], SEEN)[SEEN - 1 - left]
            scores[of] -= 1.001 * max(gap, 0.0) if np.isfinite(gap) else 0.0
    return scores


@given(
    seed=st.integers(0, 2**32 - 1),
    voted=st.integers(1, TAGS),
    disliked=st.integers(0, 3),
    density=st.floats(0.01, 0.6),
    hidden=st.floats(0, 0.9),
)
def test_the_front_is_enough(seed: int, voted: int, disliked: int, density: float, hidden: float) -> None:
    """Any votes on any tags, with titles that the viewer knows: the scores of all titles are as defined."""
    rng = np.random.default_rng(seed)
    has = rng.random((TITLES, TAGS)) < density * rng.random(TAGS)
    has[:TAGS] |= np.eye(TAGS, dtype=np.bool_)
    model, titles = tagged(has)
    tags, params = titles.table(), model.titles.params
    scratch = vote_scratch(tags)
    names = {name: g for g, name in enumerate(model.catalog.tag_names)}
    order = [names[f"genre:g{g:02d}"] for g in range(TAGS)]
    votes = np.zeros((3, TAGS))
    some = rng.permutation(TAGS)[:voted]
    votes[rng.integers(0, 2, voted), some] = rng.random(voted)
    votes[DISLIKED, some[:disliked]] = rng.random(min(disliked, voted)) * 4
    row = (rng.normal(size=TITLES) + 2 * has[:, 0]).astype(np.float32)
    base = np.where(rng.random(TITLES) < hidden, -np.inf, rng.random(TITLES)).astype(np.float32)
    scratch.votes.votes[:, order] = votes
    scratch.votes.tags[:voted], scratch.votes.n[0] = np.array(order, np.int32)[some], voted
    wanted = expected(
        row.astype(np.float64) + base, has, votes, tags.rarity[order].astype(np.float64), params.dislike
    )
    apply_votes(params, tags, base, row, scratch)
    scratch.votes.votes[:], scratch.votes.n[0] = 0, 0
    np.testing.assert_allclose(row + base, wanted, atol=2e-4)
    assert not scratch.lost.any()
