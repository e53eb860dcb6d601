"""Four situations in which recommenders fail, each made out of a recorded stream.

=============== ==========================================================================================
taste-switch    Viewers take over the accounts of others who have ended (`made_streams.splice`). HR@10 on
                the same events in both streams, by the number of the new viewer's earlier events:
                *switched* with the former owner's history, *fresh* without it, and the *share* of the two.
cold-viewer     HR@10 by number of the viewer's earlier events, from the very first one on (0: a stranger).
cold-title      A fifth of the titles is launched midway (`made_streams.launch`): in the catalog, with tags
                and without an event. HR@10 on their first ten events, by the title's earlier events. Here,
                and only here, a title without an event is a candidate, in the list that would be served.
dislikes        All feedback. *disliked*: share of the rejected titles that stood in the viewer's top 10 a
                moment before; *liked*: HR@10; *ratio*: the one over the other. *told*: rejections are learned
                as such; *ignored*: they only make the title known; *kept*: HR@10 told over ignored.
=============== ==========================================================================================

The rules are those of the package (`online_models.evaluation`): a list holds all titles met so far minus the
viewer's own, ties count half, the first fifth of the stream is learned and not averaged.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from online_models.evaluation.evaluator import Progress, rank_stream
from online_models.evaluation.metrics import Rate, hits
from online_models.evaluation.model import PrequentialModel, Ranks
from online_models.evaluation.protocol import (
    BoolColumn,
    EvaluationProtocol,
    Stream,
    earlier,
    first_of_pair,
    mark,
    prepare,
)
from online_models.evaluation.ratings import IndexColumn, Ratings
from online_models.evaluation.report import Figures, ScenarioReport

__all__ = ["SCENARIOS", "Launch", "ModelFactory", "Scenario", "Splice", "launch", "splice"]


# Streams made out of others: two viewers in one account, and titles that are launched midway.


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


ModelFactory = Callable[[Mapping[str, int] | None], Mapping[str, PrequentialModel]]
"""Builds untrained models by name; told when launched titles open, they rank the whole catalog."""
Scenario = Callable[[Ratings, ModelFactory, EvaluationProtocol, Progress | None], ScenarioReport]
"""Runs a scenario."""

SINCE = ((1, 2), (3, 5), (6, 10), (11, 20), (21, 40))
"""Earlier events of the viewer who took an account over."""
HISTORY = ((0, 0), (1, 1), (2, 2), (3, 3), (4, 7), (8, 15), (16, 31), (32, 63), (64, None))
"""Earlier events of a viewer."""
LAUNCHED = ((0, 0), (1, 3), (4, 9), (0, 9))
"""Earlier events of a launched title."""

Span = tuple[int, int | None]


def taste_switch(
    ratings: Ratings, entrants: ModelFactory, protocol: EvaluationProtocol, progress: Progress | None = None
) -> ScenarioReport:
    """Splice two viewers into one account, and compare with an account of one's own."""
    made = splice(ratings, protocol)
    asked = _after_warm_up(made.fresh.tested & made.spliced.tested & made.taken_over, protocol)
    asked &= made.since <= SINCE[-1][1]
    fresh = _hits(made.fresh, asked, entrants(None), progress)
    switched = _hits(made.spliced, asked, entrants(None), progress)
    models: dict[str, Figures] = {}
    for name in fresh:
        models[name] = {}
        for span in SINCE:
            at = _within(made.since[asked], span)
            models[name][_named(span)] = {
                "switched": Rate.mean(switched[name][at]),
                "fresh": Rate.mean(fresh[name][at]),
                "share": Rate.paired(switched[name][at], fresh[name][at]),
            }
    facts = {"pairs": made.pairs, "median_gap_h": round(made.gap_h, 2)}
    return ScenarioReport("taste-switch", protocol, facts, models)


def cold_viewer(
    ratings: Ratings, entrants: ModelFactory, protocol: EvaluationProtocol, progress: Progress | None = None
) -> ScenarioReport:
    """Test from a viewer's first event on."""
    stream = prepare(ratings, protocol)
    asked = _after_warm_up((stream.rewards > 0) & first_of_pair(stream.events), protocol)
    # the stranger's column first: models that make lists for strangers alone are asked for nothing else
    strangers = asked & (stream.history == 0)
    found = _hits(stream, asked, entrants(None), progress, missing=strangers)
    facts = {"strangers": int(strangers.sum())}
    return ScenarioReport("cold-viewer", protocol, facts, _by_span(found, stream.history[asked], HISTORY))


def cold_title(
    ratings: Ratings, entrants: ModelFactory, protocol: EvaluationProtocol, progress: Progress | None = None
) -> ScenarioReport:
    """Launch titles midway, and test their first ten events."""
    made = launch(ratings, protocol)
    asked = _after_warm_up(made.stream.tested & made.launched & (made.earlier <= LAUNCHED[-1][1]), protocol)
    found = _hits(made.stream, asked, entrants(made.opened), progress, whole_catalogue=True)
    titles = np.unique(made.stream.events.titles[asked])
    facts = {"launched": len(made.opened), "tested_titles": len(titles)}
    return ScenarioReport("cold-title", protocol, facts, _by_span(found, made.earlier[asked], LAUNCHED))


def dislikes(
    ratings: Ratings, entrants: ModelFactory, protocol: EvaluationProtocol, progress: Progress | None = None
) -> ScenarioReport:
    """Test rejected titles beside liked ones, with rejections told and ignored."""
    rules = replace(protocol, feedback="all")
    stream = prepare(ratings, rules)
    rejected = (stream.rewards < 0) & (stream.history > 0) & first_of_pair(stream.events)
    asked = _after_warm_up(stream.tested | rejected, rules)
    ignored = replace(stream, rewards=np.maximum(stream.rewards, 0))
    told = _hits(stream, asked, entrants(None), progress)
    deaf = _hits(ignored, asked, entrants(None), progress)
    liked = stream.rewards[asked] > 0
    models: dict[str, Figures] = {}
    for name in told:
        models[name] = {
            how: _liked_and_disliked(hit, liked)
            for how, hit in (("told", told[name]), ("ignored", deaf[name]))
        }
        models[name]["told"]["kept"] = Rate.paired(told[name][liked], deaf[name][liked])
    return ScenarioReport("dislikes", rules, {"rejections": int((~liked).sum())}, models)


SCENARIOS: Final[dict[str, Scenario]] = {
    "taste-switch": taste_switch,
    "cold-viewer": cold_viewer,
    "cold-title": cold_title,
    "dislikes": dislikes,
}
"""Every scenario by its name."""


def _hits(
    stream: Stream,
    asked: BoolColumn,
    models: Mapping[str, PrequentialModel],
    progress: Progress | None,
    *,
    whole_catalogue: bool = False,
    missing: BoolColumn | None = None,
) -> dict[str, Ranks]:
    """Return 1 or 0 for each event asked for, by ranking.

    A ranking that cannot be asked about all of them is left out; where it cannot about those in ``missing``,
    they are NaN. A slow model is asked about all: the events are few.
    """
    found: dict[str, Ranks] = {}
    for name, model in models.items():
        told = partial(progress, name) if progress else None
        ranks = rank_stream(model, stream, asked, told=told)[asked]
        if not whole_catalogue:
            ranks[stream.new[asked] & ~np.isnan(ranks).any(axis=1)] = np.inf
        for column, judged in zip(model.columns, ranks.T, strict=True):
            unknown = np.isnan(judged)
            if missing is not None:
                unknown &= ~missing[asked]
            if not unknown.any():
                found[column or name] = np.where(np.isnan(judged), np.nan, hits(judged))
    return found


def _by_span(found: Mapping[str, Ranks], counts: IndexColumn, spans: tuple[Span, ...]) -> dict[str, Figures]:
    """Average hits by a count."""
    models: dict[str, Figures] = {}
    for name, hit in found.items():
        told = ~np.isnan(hit)
        models[name] = {
            _named(span): {"hr@10": Rate.mean(hit[_within(counts, span) & told])} for span in spans
        }
    return models


def _liked_and_disliked(hit: Ranks, liked: BoolColumn) -> dict[str, Rate]:
    good, bad = Rate.mean(hit[liked]), Rate.mean(hit[~liked])
    return {"liked": good, "disliked": bad, "ratio": bad.over(good)}


def _after_warm_up(asked: BoolColumn, protocol: EvaluationProtocol) -> BoolColumn:
    kept = asked.copy()
    kept[: int(protocol.warm_up * len(asked))] = False
    return kept


def _within(counts: IndexColumn, span: Span) -> BoolColumn:
    low, high = span
    return (counts >= low) & (counts <= (high if high is not None else np.iinfo(np.int32).max))


def _named(span: Span) -> str:
    low, high = span
    return f"{low}+" if high is None else str(low) if low == high else f"{low}-{high}"
