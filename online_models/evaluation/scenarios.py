"""Five hard situations for recommenders, each made of a recorded stream.

=============== ==========================================================================================
taste-switch    Viewers take over the accounts of viewers who have left (`splice`). HR@10 on the same events
                in both streams, by the number of the new viewer's earlier events: *switched* with the
                former owner's history, *fresh* without it, and their ratio *share*.
cold-viewer     HR@10 by number of the viewer's earlier events, from the first event on (0: cold start).
cold-title      A fifth of the titles is launched midway (`launch`): in the catalog, with tags and without
                events. HR@10 on their first ten events, by the title's earlier events. Only in this
                scenario a title without events is a candidate, in the list that would be served.
dislikes        All feedback. *disliked*: share of rejected titles in the viewer's top 10 just before the
                rejection; *liked*: HR@10; *ratio*: disliked over liked. *learned*: rejections are learned;
                *ignored*: they only make the title known; *kept*: HR@10 of learned over ignored.
young           A service in its first days: the first 2,000 events of the stream that are of 100, 200 and
                300 titles (`young_stream`), by new models. HR@10 from the first event on.
=============== ==========================================================================================

The rules are those of `online_models.evaluation`.
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

__all__ = ["SCENARIOS", "Launch", "ModelFactory", "Scenario", "Splice", "launch", "splice", "young_stream"]


LEAST_EVENTS = 20
"""Smallest number of events of each viewer of a spliced account."""
LAUNCHED_SHARE = 0.2
"""Share of titles that are launched midway."""
YOUNG_EVENTS = 2_000
"""Events of a young stream: what a service with a few hundred viewers has after its first days."""


@dataclass(frozen=True, slots=True)
class Splice:
    """A stream before and after pairs of viewers are merged into one account.

    Attributes
    ----------
    fresh
        The original stream: each viewer has an account.
    spliced
        The same events; the second viewer of each pair continues the account of the first.
    taken_over
        The second viewers' events, shape ``(events,)``.
    since
        Earlier events of the same viewer without those of the former owner, shape ``(events,)``.
    pairs
        Number of pairs.
    gap_h
        Median gap between the two viewers, hours.
    """

    fresh: Stream
    spliced: Stream
    taken_over: BoolColumn
    since: IndexColumn
    pairs: int
    gap_h: float


def splice(ratings: Ratings, protocol: EvaluationProtocol) -> Splice:
    """Let viewers with at least `LEAST_EVENTS` events take over the accounts of viewers who have left.

    A viewer is in at most one pair. The first event of the second viewer is after the last event of the first
    viewer, so nothing is reordered. Pairs are drawn with the protocol's seed.

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
        The stream without the earlier events of those titles.
    opened
        Opening time of each launched title, ms, by title id.
    launched
        The launched titles' events, shape ``(events,)``.
    earlier
        Earlier events of the same title, shape ``(events,)``.
    """

    stream: Stream
    opened: dict[str, int]
    launched: BoolColumn
    earlier: IndexColumn


def launch(ratings: Ratings, protocol: EvaluationProtocol) -> Launch:
    """Remove a fifth of the titles, drawn with the protocol's seed, from the first half of the stream.

    From the middle on they are in the catalog, with tags and without events. Popular titles are among them,
    as in a real launch; in a recorded stream only obscure titles appear late.

    Examples
    --------
    >>> ratings = Ratings.from_columns("abcdefgh", "xyxyxyxy", [5] * 8, range(8))
    >>> made = launch(ratings, EvaluationProtocol())
    >>> len(made.stream), list(made.opened.values()), made.earlier[made.launched].tolist()
    (6, [4], [0, 1])
    """
    whole = prepare(ratings, protocol).events
    half = len(whole) // 2
    seen = np.unique(whole.titles)
    chosen = np.zeros(len(ratings.title_ids), np.bool_)
    rng = np.random.default_rng(protocol.seed)
    chosen[rng.permutation(seen)[: max(1, int(LAUNCHED_SHARE * len(seen)))] if len(seen) else seen] = True
    places: npt.NDArray[np.intp] = np.arange(len(whole))
    stream = mark(whole.take(places[~chosen[whole.titles] | (places >= half)]), protocol)
    opens = int(whole.times[half]) if len(whole) else 0
    opened = {ratings.title_ids[title]: opens for title in np.flatnonzero(chosen).tolist()}
    return Launch(stream, opened, chosen[stream.events.titles], earlier(stream.events.titles))


def young_stream(ratings: Ratings, protocol: EvaluationProtocol, titles: int) -> Stream:
    """Return the first `YOUNG_EVENTS` events of so many titles, drawn with the protocol's seed.

    Examples
    --------
    >>> ratings = Ratings.from_columns("abcdefgh", "xyxyxyxy", [5] * 8, range(8))
    >>> len(young_stream(ratings, EvaluationProtocol(), titles=1))
    4
    """
    whole = prepare(ratings, protocol).events
    seen = np.unique(whole.titles)
    chosen = np.zeros(len(ratings.title_ids), np.bool_)
    chosen[np.random.default_rng(protocol.seed).permutation(seen)[:titles]] = True
    return mark(whole.take(np.flatnonzero(chosen[whole.titles])[:YOUNG_EVENTS]), protocol)


ModelFactory = Callable[[Mapping[str, int] | None], Mapping[str, PrequentialModel]]
"""Builds untrained models by name. With the opening times of launched titles they rank the whole catalog."""
Scenario = Callable[[Ratings, ModelFactory, EvaluationProtocol, Progress | None], ScenarioReport]
"""Runs a scenario."""

SINCE = ((1, 2), (3, 5), (6, 10), (11, 20), (21, 40))
"""Buckets of earlier events of a viewer who took over an account."""
HISTORY = ((0, 0), (1, 1), (2, 2), (3, 3), (4, 7), (8, 15), (16, 31), (32, 63), (64, None))
"""Buckets of earlier events of a viewer."""
YOUNG_TITLES = (100, 200, 300)
"""Titles of young streams' catalogs."""
LAUNCHED = ((0, 0), (1, 3), (4, 9), (0, 9))
"""Buckets of earlier events of a launched title."""

Span = tuple[int, int | None]


def taste_switch(
    ratings: Ratings, entrants: ModelFactory, protocol: EvaluationProtocol, progress: Progress | None = None
) -> ScenarioReport:
    """Splice two viewers into one account, and compare with a separate account."""
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
    """Test every event of a viewer, from the first one on."""
    stream = prepare(ratings, protocol)
    asked = _after_warm_up((stream.rewards > 0) & first_of_pair(stream.events), protocol)
    # models that cannot rank for cold-start viewers give NaN there
    cold_start = asked & (stream.history == 0)
    found = _hits(stream, asked, entrants(None), progress, missing=cold_start)
    facts = {"cold_start_viewers": int(cold_start.sum())}
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
    """Test rejected and liked titles, with rejections learned and ignored."""
    rules = replace(protocol, feedback="all")
    stream = prepare(ratings, rules)
    rejected = (stream.rewards < 0) & (stream.history > 0) & first_of_pair(stream.events)
    asked = _after_warm_up(stream.tested | rejected, rules)
    ignored = replace(stream, rewards=np.maximum(stream.rewards, 0))
    learned_hits = _hits(stream, asked, entrants(None), progress)
    ignored_hits = _hits(ignored, asked, entrants(None), progress)
    liked = stream.rewards[asked] > 0
    models: dict[str, Figures] = {}
    for name in learned_hits:
        models[name] = {
            how: _liked_and_disliked(hit, liked)
            for how, hit in (("learned", learned_hits[name]), ("ignored", ignored_hits[name]))
        }
        models[name]["learned"]["kept"] = Rate.paired(learned_hits[name][liked], ignored_hits[name][liked])
    return ScenarioReport("dislikes", rules, {"rejections": int((~liked).sum())}, models)


def young(
    ratings: Ratings, entrants: ModelFactory, protocol: EvaluationProtocol, progress: Progress | None = None
) -> ScenarioReport:
    """Test the beginnings of streams with few titles."""
    models: dict[str, Figures] = {}
    facts: dict[str, int | float] = {}
    for titles in YOUNG_TITLES:
        stream = young_stream(ratings, protocol, titles)
        facts[f"tests_of_{titles}_titles"] = int(stream.tested.sum())
        for name, hit in _hits(stream, stream.tested, entrants(None), progress).items():
            models.setdefault(name, {})[f"{titles} titles"] = {"hr@10": Rate.mean(hit)}
    return ScenarioReport("young", protocol, facts, models)


SCENARIOS: Final[dict[str, Scenario]] = {
    "taste-switch": taste_switch,
    "cold-viewer": cold_viewer,
    "cold-title": cold_title,
    "dislikes": dislikes,
    "young": young,
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
    """Return 1 or 0 for each asked event, by ranking.

    A ranking with a NaN rank is left out, unless the event is in ``missing``: then its hit is NaN. Slow
    models rank all of the events, since they are few.
    """
    found: dict[str, Ranks] = {}
    for name, model in models.items():
        on_block = partial(progress, name) if progress else None
        ranks = rank_stream(model, stream, asked, on_block=on_block)[asked]
        if not whole_catalogue:
            ranks[stream.new[asked] & ~np.isnan(ranks).any(axis=1)] = np.inf
        for column, column_ranks in zip(model.columns, ranks.T, strict=True):
            unknown = np.isnan(column_ranks)
            if missing is not None:
                unknown &= ~missing[asked]
            if not unknown.any():
                found[column or name] = np.where(np.isnan(column_ranks), np.nan, hits(column_ranks))
    return found


def _by_span(found: Mapping[str, Ranks], counts: IndexColumn, spans: tuple[Span, ...]) -> dict[str, Figures]:
    """Average hits by a count."""
    models: dict[str, Figures] = {}
    for name, hit in found.items():
        known = ~np.isnan(hit)
        models[name] = {
            _named(span): {"hr@10": Rate.mean(hit[_within(counts, span) & known])} for span in spans
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
