r"""Off-policy evaluation of artwork policies, from the log of impressions and playbacks.

An impression names the artwork and its propensity. It is a *decision*, at most one a day for each viewer and
title. The decision is won if the title is watched past a quarter within a day, as the bandit counts
(:mod:`online_models.learners.attribution`). For each policy below there is a log for
`online_models.experiments.off_policy`, with q the policy's probability of the seen artwork and K the number
of
 the title's artwork variants:

============  ==================================================================
as shown      the logging policy (q = p)
uniform       q = 1 / K
first         always the first artwork of the catalog
best fixed    always the artwork with the highest win rate of the title
============  ==================================================================

The best artwork is selected on one half of the viewers and evaluated on the other half, both ways
(cross-fitting): selection and evaluation on the same viewers would be biased upwards. So `best fixed` is the
value of the artworks that were selected (:func:`best_fixed`), which is at most that of the truly best ones.

There is no *replay* estimate where a policy's artworks were shown with different probabilities: a bandit
shows an artwork more often to whom it wins, so the mean where it agrees is biased upwards.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from online_models.artwork.gallery import DAY_MS
from online_models.experiments.off_policy import OffPolicy, PolicyLog, evaluate
from online_models.tables.hashing import mix
from online_models.tables.keyed_random import name_hash
from schemas.events import Event, Impression, Stop

__all__ = ["POLICIES", "Decision", "Decisions", "best_fixed", "estimates", "policy_logs"]

POLICIES: Final = ("as shown", "uniform", "first", "best fixed")
PRIOR_DECISIONS: Final = 20.0
"""Prior of an artwork's win rate: this many decisions at the overall rate (as ``BanditConfig.strength``)."""

EVEN: Final = 1e-6
"""Difference from which two probabilities are not the same."""
Numbers = NDArray[np.float64]


class Decision(NamedTuple):
    """One artwork that a viewer saw."""

    viewer_id: str
    title_id: str
    artwork: str
    propensity: float
    won: bool


class _Open(NamedTuple):
    """The newest decision of a viewer and a title."""

    number: int
    at_ms: int


class Decisions:
    """Collects decisions from events, in the order of each viewer's events.

    Parameters
    ----------
    liked_share, unknown_s
        Share of a title from which a playback wins, and the length of titles without one (``RewardConfig``).

    Attributes
    ----------
    without_propensity
        Number of impressions with artwork but without propensity: they cannot be used.

    Examples
    --------
    >>> about = {"viewer_id": "v", "title_id": "t"}
    >>> seen = {"list_id": "l", "row": 0, "slot": 0, "artwork": "kiss", "artwork_propensity": 0.25}
    >>> log = Decisions(liked_share=0.25, unknown_s=2700.0)
    >>> log.read(Impression(event_id="a", event_time_ms=10**12, **about, **seen))
    >>> log.read(Stop(event_id="b", event_time_ms=10**12 + 9, watched_s=900, position_s=900, **about))
    >>> log.made
    [Decision(viewer_id='v', title_id='t', artwork='kiss', propensity=0.25, won=True)]
    """

    def __init__(self, *, liked_share: float, unknown_s: float) -> None:
        self.made: list[Decision] = []
        self.without_propensity = 0
        self._liked_share, self._unknown_s = liked_share, unknown_s
        self._open: dict[tuple[str, str], _Open] = {}

    def read(self, event: Event) -> None:
        """Read an event; only impressions with artwork and playbacks count."""
        if isinstance(event, Impression) and event.artwork is not None:
            self._see(event, event.artwork)
        elif isinstance(event, Stop) and not event.autoplay:
            length_s = event.duration_s or self._unknown_s
            if event.watched_s >= self._liked_share * length_s:
                self._win(event)

    def _see(self, event: Impression, artwork: str) -> None:
        if event.artwork_propensity is None:
            self.without_propensity += 1
            return
        key, at_ms = (event.viewer_id, event.title_id), event.event_time_ms
        before = self._open.get(key)
        again = before is not None and self.made[before.number].artwork == artwork
        if before is not None and again and at_ms - before.at_ms < DAY_MS:
            return
        self._open[key] = _Open(len(self.made), at_ms)
        self.made.append(Decision(*key, artwork, event.artwork_propensity, won=False))

    def _win(self, event: Stop) -> None:
        found = self._open.pop((event.viewer_id, event.title_id), None)
        if found is not None and 0 <= event.event_time_ms - found.at_ms < DAY_MS:
            self.made[found.number] = self.made[found.number]._replace(won=True)


def policy_logs(made: Sequence[Decision], variants: Mapping[str, Sequence[str]]) -> dict[str, PolicyLog]:
    """Return the log of each policy, by its name.

    Parameters
    ----------
    made
        Decisions; those with an artwork that the title does not have are left out.
    variants
        Artwork ids of each title, in the catalog's order.

    Raises
    ------
    ValueError
        No decision is left.
    """
    kept = [one for one in made if one.artwork in variants.get(one.title_id, ())]
    if not kept:
        msg = "no impression has an artwork of its title with a propensity"
        raise ValueError(msg)
    reward = np.array([one.won for one in kept], np.float64)
    logged = np.array([one.propensity for one in kept])
    clusters = np.unique([one.viewer_id for one in kept], return_inverse=True)[1]
    rates = [_Rates(one for one in kept if _half(one.viewer_id) != which) for which in (0, 1)]
    sides = [(one, rates[_half(one.viewer_id)]) for one in kept]
    predicted = np.array([known.of(one.title_id, one.artwork) for one, known in sides])
    arms = [variants[one.title_id] for one in kept]
    out = {"as shown": PolicyLog(reward, logged, logged, clusters)}
    even = [known.mean(one.title_id, some) for (one, known), some in zip(sides, arms, strict=True)]
    chance = np.array([1.0 / len(some) for some in arms])
    out["uniform"] = PolicyLog(reward, logged, chance, clusters, predicted, np.array(even))
    chosen = best_fixed(kept, variants)
    sure = {
        "first": [some[0] for some in arms],
        "best fixed": [chosen[one.viewer_id, one.title_id] for one in kept],
    }
    for name, always in sure.items():
        pairs = list(zip(sides, always, strict=True))
        agrees = np.array([one.artwork == artwork for (one, _), artwork in pairs], np.float64)
        expected = np.array([known.of(one.title_id, artwork) for (one, known), artwork in pairs])
        out[name] = PolicyLog(reward, logged, agrees, clusters, predicted, expected)
    return out


def best_fixed(made: Sequence[Decision], variants: Mapping[str, Sequence[str]]) -> dict[tuple[str, str], str]:
    """Return the artwork of the policy `best fixed`, by viewer and title: the best of the other half.

    Parameters
    ----------
    made, variants
        As for :func:`policy_logs`.
    """
    kept = [one for one in made if one.artwork in variants.get(one.title_id, ())]
    rates = [_Rates(one for one in kept if _half(one.viewer_id) != which) for which in (0, 1)]
    return {
        (one.viewer_id, one.title_id): rates[_half(one.viewer_id)].best(one.title_id, variants[one.title_id])
        for one in kept
    }


def estimates(log: PolicyLog, *, alpha: float) -> dict[str, OffPolicy]:
    """Return the estimates of a policy's value, without those that are biased under a bandit."""
    found = evaluate(log, alpha=alpha)
    agreed = np.asarray(log.logged)[np.asarray(log.target) == 1]
    if agreed.size and np.ptp(agreed) > EVEN:
        del found["replay"]
    return found


def _half(viewer_id: str) -> int:
    """Return the half, 0 or 1, of a viewer."""
    return int(mix(np.uint64(name_hash(viewer_id)))) & 1


class _Rates:
    """Win rates of artwork over all viewers: decisions weighted by 1 / p, shrunk to the overall rate."""

    def __init__(self, made: Iterable[Decision]) -> None:
        self._seen: defaultdict[tuple[str, str], float] = defaultdict(float)
        self._won: defaultdict[tuple[str, str], float] = defaultdict(float)
        seen = won = 0.0
        for one in made:
            key, weight = (one.title_id, one.artwork), 1.0 / one.propensity
            self._seen[key] += weight
            self._won[key] += weight * one.won
            seen, won = seen + weight, won + weight * one.won
        self._all = won / seen if seen else 0.0

    def of(self, title_id: str, artwork: str) -> float:
        """Return the win rate of an artwork."""
        key = (title_id, artwork)
        return (self._won.get(key, 0.0) + PRIOR_DECISIONS * self._all) / (
            self._seen.get(key, 0.0) + PRIOR_DECISIONS
        )

    def mean(self, title_id: str, variants: Sequence[str]) -> float:
        """Return the win rate of an artwork drawn uniformly."""
        return sum(self.of(title_id, artwork) for artwork in variants) / len(variants)

    def best(self, title_id: str, variants: Sequence[str]) -> str:
        """Return the artwork with the highest win rate, the first of equals."""
        return max(variants, key=lambda artwork: self.of(title_id, artwork))
