r"""What other ways of choosing pictures would have got, out of the log of what was seen and watched.

An impression says which picture was seen and with what probability it had been drawn (as the item of the list
said). It is a *decision*, once a day for each viewer and title, and won when the title is watched past a
quarter within a day: as the bandit itself counts (:mod:`online_models.learners.attribution`). Of each policy below a
log for :mod:`online_models.experiments.off_policy`, with q the policy's probability of the picture that was
seen, K the title's pictures:

============  ==================================================================
as shown      what happened (q = p)
uniform       q = 1 / K
first         the catalog's first picture, always
best fixed    for each title the picture that was best for all, always
============  ==================================================================

Which picture is the best is found on one half of the viewers and judged on the other, both ways round: found
and judged on the same viewers, luck would be taken for merit.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from online_models.artwork.gallery import DAY_MS
from online_models.experiments.off_policy import PolicyLog
from online_models.tables.hashing import mix
from online_models.tables.keyed_random import name_hash
from schemas.events import Event, Impression, Stop

__all__ = ["POLICIES", "Decision", "Decisions", "policy_logs"]

POLICIES: Final = ("as shown", "uniform", "first", "best fixed")
PRIOR_DECISIONS: Final = 20.0
"""Decisions that a picture's rate of winning starts with, at the rate of all (as ``BanditConfig.strength``).
"""

Numbers = NDArray[np.float64]


class Decision(NamedTuple):
    """One picture that somebody saw."""

    viewer_id: str
    title_id: str
    picture: str
    propensity: float
    won: bool


class _Open(NamedTuple):
    """The newest decision of a viewer and a title."""

    number: int
    at_ms: int


class Decisions:
    """Reads events, in the order in which each viewer's happened.

    Parameters
    ----------
    liked_share, unknown_s
        Share of a title from which on a watch counts, and the length where nobody says it
        (``RewardConfig``).

    Attributes
    ----------
    untold
        Impressions of a picture that do not say how likely it was: nothing can be estimated from them.

    Examples
    --------
    >>> about = {"viewer_id": "v", "title_id": "t"}
    >>> seen = {"list_id": "l", "row": 0, "slot": 0, "artwork": "kiss", "artwork_propensity": 0.25}
    >>> log = Decisions(liked_share=0.25, unknown_s=2700.0)
    >>> log.read(Impression(event_id="a", event_time_ms=10**12, **about, **seen))
    >>> log.read(Stop(event_id="b", event_time_ms=10**12 + 9, watched_s=900, position_s=900, **about))
    >>> log.made
    [Decision(viewer_id='v', title_id='t', picture='kiss', propensity=0.25, won=True)]
    """

    def __init__(self, *, liked_share: float, unknown_s: float) -> None:
        self.made: list[Decision] = []
        self.untold = 0
        self._liked_share, self._unknown_s = liked_share, unknown_s
        self._open: dict[tuple[str, str], _Open] = {}

    def read(self, event: Event) -> None:
        """Take an event; what is neither a picture nor a watch says nothing."""
        if isinstance(event, Impression) and event.artwork is not None:
            self._see(event, event.artwork)
        elif isinstance(event, Stop) and not event.autoplay:
            length_s = event.duration_s or self._unknown_s
            if event.watched_s >= self._liked_share * length_s:
                self._win(event)

    def _see(self, event: Impression, picture: str) -> None:
        if event.artwork_propensity is None:
            self.untold += 1
            return
        key, at_ms = (event.viewer_id, event.title_id), event.event_time_ms
        before = self._open.get(key)
        again = before is not None and self.made[before.number].picture == picture
        if before is not None and again and at_ms - before.at_ms < DAY_MS:
            return
        self._open[key] = _Open(len(self.made), at_ms)
        self.made.append(Decision(*key, picture, event.artwork_propensity, won=False))

    def _win(self, event: Stop) -> None:
        found = self._open.pop((event.viewer_id, event.title_id), None)
        if found is not None and 0 <= event.event_time_ms - found.at_ms < DAY_MS:
            self.made[found.number] = self.made[found.number]._replace(won=True)


def policy_logs(made: Sequence[Decision], pictures: Mapping[str, Sequence[str]]) -> dict[str, PolicyLog]:
    """Return the log of each policy, by its name.

    Parameters
    ----------
    made
        Decisions; those about a picture that is not among its title's are left out.
    pictures
        Of each title, in the catalog's order.

    Raises
    ------
    ValueError
        Nothing is left.
    """
    kept = [one for one in made if one.picture in pictures.get(one.title_id, ())]
    if not kept:
        msg = "no impression says which picture of a title was seen and how likely it was"
        raise ValueError(msg)
    reward = np.array([one.won for one in kept], np.float64)
    logged = np.array([one.propensity for one in kept])
    clusters = np.unique([one.viewer_id for one in kept], return_inverse=True)[1]
    half = [_half(one.viewer_id) for one in kept]
    rates = [_Rates(one for one, side in zip(kept, half, strict=True) if side != which) for which in (0, 1)]
    sides = [(one, rates[side]) for one, side in zip(kept, half, strict=True)]
    told = np.array([known.of(one.title_id, one.picture) for one, known in sides])
    arms = [pictures[one.title_id] for one in kept]
    out = {"as shown": PolicyLog(reward, logged, logged, clusters)}
    even = [known.mean(one.title_id, some) for (one, known), some in zip(sides, arms, strict=True)]
    chance = np.array([1.0 / len(some) for some in arms])
    out["uniform"] = PolicyLog(reward, logged, chance, clusters, told, np.array(even))
    sure = {
        "first": [some[0] for some in arms],
        "best fixed": [
            known.best(one.title_id, some) for (one, known), some in zip(sides, arms, strict=True)
        ],
    }
    for name, chosen in sure.items():
        pairs = list(zip(sides, chosen, strict=True))
        agrees = np.array([one.picture == picture for (one, _), picture in pairs], np.float64)
        expected = np.array([known.of(one.title_id, picture) for (one, known), picture in pairs])
        out[name] = PolicyLog(reward, logged, agrees, clusters, told, expected)
    return out


def _half(viewer_id: str) -> int:
    """Return in which half of the viewers somebody is."""
    return int(mix(np.uint64(name_hash(viewer_id)))) & 1


class _Rates:
    """How often pictures win, shown to everybody: decisions weighted by 1 / p, shrunk to the rate of all."""

    def __init__(self, made: Iterable[Decision]) -> None:
        self._seen: defaultdict[tuple[str, str], float] = defaultdict(float)
        self._won: defaultdict[tuple[str, str], float] = defaultdict(float)
        seen = won = 0.0
        for one in made:
            key, weight = (one.title_id, one.picture), 1.0 / one.propensity
            self._seen[key] += weight
            self._won[key] += weight * one.won
            seen, won = seen + weight, won + weight * one.won
        self._all = won / seen if seen else 0.0

    def of(self, title_id: str, picture: str) -> float:
        """Return a picture's rate."""
        key = (title_id, picture)
        return (self._won.get(key, 0.0) + PRIOR_DECISIONS * self._all) / (
            self._seen.get(key, 0.0) + PRIOR_DECISIONS
        )

    def mean(self, title_id: str, pictures: Sequence[str]) -> float:
        """Return the rate of a picture drawn at random."""
        return sum(self.of(title_id, picture) for picture in pictures) / len(pictures)

    def best(self, title_id: str, pictures: Sequence[str]) -> str:
        """Return the picture of the highest rate, the first of equals."""
        return max(pictures, key=lambda picture: self.of(title_id, picture))
