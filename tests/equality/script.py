"""What owners, experimenters and operators write down while events go by: titles, experiments, rules.

A script is a list of moments, each a share of the run from which on a record stands in its topic.
"""

import random
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from msgspec import structs

from schemas import Artwork, Availability, Tags, Title, TitleKind, Trailer, topics
from schemas.codec import encode
from schemas.experiments import (
    Arm,
    ArtworkPolicy,
    Audience,
    Evidence,
    Experiment,
    ExperimentKind,
    ExperimentState,
    Guardrail,
    Metric,
    Ranking,
    Rule,
    Treatment,
)
from schemas.fields import RowKind
from schemas.rules import BusinessRule, PinRow, RuleKind

__all__ = ["COUNTRIES", "DECIDES", "NEW", "Moment", "experiments", "rules", "titles"]

COUNTRIES: Final = ("IN", "DE", "US", "BR")
HOUR: Final = 3_600_000
DAY: Final = 24 * HOUR
NEW: Final = "new"
"""Arm of the experiment that is decided by its rule; its viewers watch more (`events`)."""
BAD: Final = b'{"title_id":'
"""What nobody can read."""


class Moment(NamedTuple):
    """A record that somebody writes."""

    at: float
    """Share of the run after which it is written."""
    topic: str
    key: str
    value: Callable[[int], bytes | None]
    """Given the event time by then (ms), makes it; None: a tombstone."""


def titles(made: tuple[Title, ...], seed: int) -> list[Moment]:
    """Return a catalog: what a simulated world has, and whatever else the contract allows."""
    rng, out = random.Random(seed), []
    for number, title in enumerate(made):
        late = rng.random() * 0.8 if rng.random() < 0.1 else 0.0
        out.append(_title(late, title.title_id, lambda now, n=number, t=title: encode(_varied(t, n, now))))
    series = dict.fromkeys(one.series_id for one in made if one.series_id)
    out += [
        _title(0.0, name, lambda _, n=name: encode(Title(title_id=n, kind=TitleKind.SERIES)))
        for name in series
    ]
    for n, one in enumerate(rng.sample(made, 24)):
        at, name = 0.1 + 0.8 * rng.random(), one.title_id
        if n % 3 == 0:
            out.append(_title(at, name, lambda _: None))
            out.append(_title(at + 0.1, name, lambda _, t=one: encode(t)))
        elif n % 3 == 1:
            out.append(_title(at, name, lambda _, t=one: encode(_revised(t))))
        else:
            out.append(_title(at, name, lambda _: BAD))
    out += [
        _title(0.2 + 0.03 * n, f"premiere-{n}", lambda now, n=n: encode(_premiere(made, n, now)))
        for n in range(24)
    ]
    out.append(_title(0.3, "never-heard-of", lambda _: None))
    return sorted(out, key=lambda one: one.at)


def experiments() -> list[Moment]:
    """Return experiments of every kind, and what becomes of them."""
    running = {
        "lists": (_arms(None, _FACTORS, Treatment(list_length=5, rows=4)), {}),
        "rows": (_arms(None, _ROWS), {"holdout": 0.1}),
        "pictures": (_arms(None, *(Treatment(artwork=one) for one in ArtworkPolicy)), {}),
        "rankers": (
            _arms(*(Treatment(ranking=one) for one in Ranking)),
            {"group": "rank", "group_from": 5_000, "group_to": 10_000},
        ),
        "drafted": (
            _arms(Treatment(ranking=Ranking.POPULARITY), Treatment(ranking=Ranking.COWATCH)),
            {"kind": ExperimentKind.INTERLEAVE, "group": "rank", "group_to": 5_000, "rule": _RULE},
        ),
        "aims": (_arms(None, _AIMS), {"audience": Audience(countries=COUNTRIES[:3])}),
        "children": (
            _arms(None, Treatment(list_length=8)),
            {"audience": Audience(maturity_at_most=12, devices=("tv", "phone"))},
        ),
        "decides": (
            (Arm(name="old", share=0.5), Arm(name=NEW, share=0.5, treatment=Treatment(list_length=12))),
            {"rule": _RULE, "alpha": 0.5, "guardrails": (Guardrail(metric=Metric.ABANDONMENT, worst=1.0),)},
        ),
    }
    out = [
        _experiment(0.03 + 0.01 * n, name, _running(name, arms, more))
        for n, (name, (arms, more)) in enumerate(running.items())
    ]
    arms = running["rows"][0]
    newcomers = {"audience": Audience(new_viewers=True), "metric": Metric.QUALITY_WATCHES, "salt": "pepper"}
    since = {"starts": True, **newcomers}
    out += [
        _experiment(0.15, "newcomers", _running("newcomers", arms, since)),
        _experiment(0.2, "draft", lambda _: encode(_made("draft", arms, state=ExperimentState.DRAFT))),
        _experiment(0.25, "faulty", lambda _: encode(_made("faulty", (arms[0], arms[0])))),
        _experiment(0.25, "unreadable", lambda _: BAD),
        _experiment(0.5, "rows", lambda _: None),
        _experiment(0.55, "lists", lambda _: encode(_made("lists", arms, state=ExperimentState.STOPPED))),
        _experiment(0.6, "pictures", lambda now: encode(_rolled_out("pictures", now))),
        _experiment(0.8, "pictures", lambda now: encode(_rolled_out("pictures", now, back=True))),
    ]
    return sorted(out, key=lambda one: one.at)


def rules(made: tuple[Title, ...]) -> list[Moment]:
    """Return business rules of every kind, and what becomes of them."""
    name = [one.title_id for one in made]
    genre = made[0].tags.genre
    several: dict[str, dict[str, Any]] = {
        "star": {"kind": RuleKind.PIN, "titles": (name[3],), "row": PinRow.FEATURED, "slot": 0},
        "stars": {"kind": RuleKind.PIN, "titles": (name[4],), "row": PinRow.FEATURED, "slot": 1},
        "picked": {"kind": RuleKind.PIN, "titles": (name[5],), "row": PinRow.TOP_PICKS, "slot": 2},
        "lifted": {"kind": RuleKind.BOOST, "tags": Tags(genre=genre), "factor": 2.5},
        "lowered": {"kind": RuleKind.BURY, "titles": tuple(name[6:12]), "factor": 0.2, "countries": ("DE",)},
        "nowhere": {"kind": RuleKind.EXCLUDE, "titles": tuple(name[12:15])},
        "children": {"kind": RuleKind.EXCLUDE, "tags": Tags(mood=("dark",)), "maturity_at_most": 12},
    }
    out = [_rule(0.05 + 0.02 * n, one, several[one]) for n, one in enumerate(several)]
    out += [
        Moment(0.2, topics.RULES, "campaign", lambda now: encode(_campaign(name[20], now))),
        _rule(0.3, "faulty", {"kind": RuleKind.BOOST, "titles": (name[0],), "factor": 0.5}),
        Moment(0.3, topics.RULES, "unreadable", lambda _: BAD),
        Moment(0.5, topics.RULES, "stars", lambda _: None),
        _rule(0.7, "star", several["star"] | {"titles": (name[2],)}),
    ]
    return sorted(out, key=lambda one: one.at)


_FACTORS: Final = Treatment(factorization=0.5, cowatch=2.0, cowatch_long=0.0, trending=1.5, popularity=0.2)
_ROWS: Final = Treatment(
    rows_first=(RowKind.NEW_RELEASES, RowKind.GENRE), rows_without=(RowKind.TRENDING_NOW,),
    explore=0.5, calibration=0.0,
)  # fmt: skip
_AIMS: Final = Treatment(watch_time=1.0, completion=0.5, satisfaction=2.0)
_RULE: Final = Rule(min_lift=-1.0, min_days=0.0, min_viewers=4, automatic=True)


def _arms(*treatments: Treatment | None) -> tuple[Arm, ...]:
    share = (10_000 // len(treatments)) / 10_000
    return tuple(Arm(name=f"arm-{n}", share=share, treatment=one) for n, one in enumerate(treatments))


def _made(name: str, arms: tuple[Arm, ...], **more: Any) -> Experiment:
    return Experiment(experiment_id=name, arms=arms, **{"state": ExperimentState.RUNNING, **more})


def _running(name: str, arms: tuple[Arm, ...], more: dict[str, Any]) -> Callable[[int], bytes]:
    given = {key: value for key, value in more.items() if key != "starts"}
    starts = "starts" in more
    return lambda now: encode(_made(name, arms, starts_at_ms=now if starts else None, **given))


def _rolled_out(name: str, now: int, *, back: bool = False) -> Experiment:
    arms = _arms(None, *(Treatment(artwork=one) for one in ArtworkPolicy))
    bounds = {"lift": 0.1, "low": 0.01, "high": 0.2}
    evidence = Evidence(metric=Metric.WATCH_MINUTES, viewers=9, sample_ratio_p=1.0, by="somebody", **bounds)
    state = ExperimentState.ROLLED_BACK if back else ExperimentState.ROLLED_OUT
    about: dict[str, Any] = {"winner": "arm-3", "decided_at_ms": now, "evidence": evidence, "holdout": 0.1}
    return _made(name, arms, state=state, **about)


DECIDES: Final = _made("decides", (Arm(name="old", share=0.5), Arm(name=NEW, share=0.5)))
"""The experiment that is decided by its rule, as far as its assignment goes."""


def _title(at: float, key: str, value: Callable[[int], bytes | None]) -> Moment:
    return Moment(at, topics.CATALOG, key, value)


def _experiment(at: float, key: str, value: Callable[[int], bytes | None]) -> Moment:
    return Moment(at, topics.EXPERIMENTS, key, value)


def _rule(at: float, key: str, fields: dict[str, Any]) -> Moment:
    return Moment(at, topics.RULES, key, lambda _: encode(BusinessRule(rule_id=key, **fields)))


def _campaign(title: str, now: int) -> BusinessRule:
    return BusinessRule(
        rule_id="campaign", kind=RuleKind.BOOST, titles=(title,), factor=9.0,
        starts_at_ms=now + HOUR, ends_at_ms=now + 3 * DAY, countries=("IN",),
    )  # fmt: skip


def _varied(title: Title, number: int, now: int) -> Title:
    """Return a title with more of what the contract allows than simulated ones have."""
    more: dict[str, Any] = {}
    if number % 7 == 0:
        more["availability"] = Availability(countries=COUNTRIES[number % 2 :: 2])
    elif number % 11 == 0:
        more["availability"] = Availability(start_ms=now - DAY, end_ms=now + number * HOUR)
    elif number % 13 == 0:
        more["availability"] = Availability(start_ms=now + number * HOUR // 2)
    if number % 5 == 0:
        more["name"] = None if number % 2 else f"{title.name} · अंत"
        more["languages"] = ("hi", "en")
    if number % 3 == 0:
        wide = [*title.tags.cast, *title.tags.genre, "en"]
        art = (Artwork(id=f"more-{n}", uri=f"art/{n}", tags=(tag,)) for n, tag in enumerate(wide))
        video = (Trailer(id=f"cut-{n}", uri=f"cut/{n}", tags=(tag,)) for n, tag in enumerate(wide[:3]))
        more["artwork"], more["trailers"] = (*title.artwork, *art), (*title.trailers, *video)
    if number % 17 == 0:
        more["artwork"], more["trailers"], more["tags"] = (), (), Tags()
    return structs.replace(title, **more)


def _revised(title: Title) -> Title:
    """Return a title after its owner had another look at it."""
    tags = structs.replace(title.tags, genre=("Drama", "Revision"), mood=("dark",), theme=())
    return structs.replace(title, name="Another Name", maturity=6, tags=tags, release_ms=None)


def _premiere(made: tuple[Title, ...], number: int, now: int) -> Title:
    """Return a title that has just come out, about what a famous one is about."""
    like = made[number % len(made)]
    window = Availability(start_ms=now - HOUR, end_ms=now + 60 * DAY)
    about = {
        "release_ms": now - HOUR,
        "availability": window,
        "name": f"Premiere {number}",
        "series_id": None,
    }
    return structs.replace(like, title_id=f"premiere-{number}", kind=TitleKind.FILM, maturity=0, **about)


def due(script: list[Moment], done: float) -> Iterator[Moment]:
    """Take what is to be written by now out of a script."""
    while script and script[0].at <= done:
        yield script.pop(0)
