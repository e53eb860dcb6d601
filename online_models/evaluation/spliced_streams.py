"""Streams made out of others: two viewers in one account, and titles that are launched midway."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from online_models.evaluation.protocol import BoolColumn, EvaluationProtocol, Stream, earlier, mark, prepare
from online_models.evaluation.ratings import IndexColumn, Ratings

__all__ = ["Launch", "Splice", "launch", "splice"]

LEAST_EVENTS = 20
"""Events that both viewers of a spliced account have at least."""
LAUNCHED_SHARE = 0.2
"""Share of the titles that are launched midway."""


@dataclass(frozen=True, slots=True)
class Splice:
    """Pairs of viewers who become one account, before and after.

    Attributes
    ----------
    fresh
        The stream as it is: everyone has an account.
    spliced
        The same events; the second of each pair goes on with the first one's account.
    taken_over
        The second viewers' events, shape ``(events,)``.
    since
        Events of the same viewer before, those of the former owner not counted, shape ``(events,)``.
    pairs
        How many there are.
    gap_h
        Median pause between the two viewers, hours.
    """

    fresh: Stream
    spliced: Stream
    taken_over: BoolColumn
    since: IndexColumn
    pairs: int
    gap_h: float


def splice(ratings: Ratings, protocol: EvaluationProtocol) -> Splice:
    """Let viewers with at least `LEAST_EVENTS` events take over the accounts of others who have ended.

    Nobody is in two pairs, and the second's first event comes after the first's last: nothing is reordered.
    Who ended at all is drawn by the protocol's seed.

    Examples
    --------
    >>> ratings = Ratings.from_columns("a" * 20 + "b" * 20, list(map(str, range(40))), [5] * 40, range(40))
    >>> made = splice(ratings, EvaluationProtocol())
    >>> made.pairs, set(made.spliced.events.viewers.tolist())
    (1, {0})
    """
    fresh = prepare(ratings, protocol)
    viewers, times = fresh.events.viewers, fresh.events.times
    heirs = _pairs(viewers, np.random.default_rng(protocol.seed))
    owner = np.arange(len(ratings.viewer_ids), dtype=np.int32)
    for second, first in heirs.items():
        owner[second] = first
    spliced = mark(replace(fresh.events, viewers=owner[viewers]), protocol)
    taken_over = owner[viewers] != viewers
    gaps = [times[viewers == second].min() - times[viewers == first].max() for second, first in heirs.items()]
    gap_h = float(np.median(gaps)) / 3_600_000 if gaps else np.nan
    return Splice(fresh, spliced, taken_over, earlier(viewers), len(heirs), gap_h)


def _pairs(viewers: IndexColumn, rng: np.random.Generator) -> dict[int, int]:
    """Return the former owner of each viewer who takes an account over."""
    if not len(viewers):
        return {}
    names, first, counts = np.unique(viewers, return_index=True, return_counts=True)
    last = len(viewers) - 1 - np.unique(viewers[::-1], return_index=True)[1]
    kept = np.flatnonzero(counts >= LEAST_EVENTS)
    heirs: dict[int, int] = {}
    waiting: list[int] = []
    for at in kept[np.argsort(first[kept])].tolist():
        ended = [n for n, one in enumerate(waiting) if last[one] < first[at]]
        if ended:
            heirs[int(names[at])] = int(names[waiting.pop(int(rng.choice(ended)))])
        else:
            waiting.append(at)
    return heirs


@dataclass(frozen=True, slots=True)
class Launch:
    """A stream in which some titles appear midway.

    Attributes
    ----------
    stream
        Without the events that those titles had before.
    opened
        When each launched title may be shown first, ms, by title id.
    launched
        The launched titles' events, shape ``(events,)``.
    earlier
        Events of the same title before, shape ``(events,)``.
    """

    stream: Stream
    opened: dict[str, int]
    launched: BoolColumn
    earlier: IndexColumn


def launch(ratings: Ratings, protocol: EvaluationProtocol) -> Launch:
    """Keep a fifth of the titles, drawn by the protocol's seed, out of the first half of the stream.

    From the middle on they are in the catalog, with their tags and without a single event: popular titles
    among them, as a service launches them; in a recorded stream only obscure ones appear late.

    Examples
    --------
    >>> ratings = Ratings.from_columns("abcdefgh", "xyxyxyxy", [5] * 8, range(8))
    >>> made = launch(ratings, EvaluationProtocol())
    >>> len(made.stream), list(made.opened.values()), made.earlier[made.launched].tolist()
    (6, [4], [0, 1])
    """
    whole = prepare(ratings, protocol).events
    half = len(whole) // 2
    met = np.unique(whole.titles)
    chosen = np.zeros(len(ratings.title_ids), np.bool_)
    rng = np.random.default_rng(protocol.seed)
    chosen[rng.permutation(met)[: max(1, int(LAUNCHED_SHARE * len(met)))] if len(met) else met] = True
    places: npt.NDArray[np.intp] = np.arange(len(whole))
    stream = mark(whole.take(places[~chosen[whole.titles] | (places >= half)]), protocol)
    opens = int(whole.times[half]) if len(whole) else 0
    opened = {ratings.title_ids[title]: opens for title in np.flatnonzero(chosen).tolist()}
    return Launch(stream, opened, chosen[stream.events.titles], earlier(stream.events.titles))
