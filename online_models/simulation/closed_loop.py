r"""The closed loop: viewers act on pages, the policy learns from what they did and makes the next pages.

Every policy runs in the same world: the same viewers at the same times with the same random draws
(`common_random_numbers`), so that differences between policies are theirs. All but `MULTI_ROW_POLICIES` list
twenty titles in one row. What the oracle gains over popularity is the yardstick:

.. math:: share = \frac{m_{policy} - m_{popularity}}{m_{oracle} - m_{popularity}}

with :math:`m` the minutes watched per viewer and day. `InformedPolicy` says how much of it can be learned at
all.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np

from online_models.simulation.catalog import DAY_S
from online_models.simulation.common_random_numbers import Floats, Ints
from online_models.simulation.page_views import Bools, PageViews, ShownPages, ViewOutcomes
from online_models.simulation.policies import (
    InformedPolicy,
    Nearline,
    NearlineGrid,
    NearlinePages,
    Oracle,
    Policy,
    PopularityPolicy,
    Random,
)
from online_models.simulation.world import World

__all__ = [
    "GROUPS",
    "MEASURES",
    "MULTI_ROW_POLICIES",
    "POLICIES",
    "TITLE_AGES",
    "VISIT_AGES",
    "Figure",
    "LoopReport",
    "OutcomeLog",
    "Run",
    "run_closed_loop",
    "summarise",
]


MEASURES: Final = (
    "minutes",
    "starts",
    "start_share",
    "completion",
    "abandonment",
    "coverage",
    "new_minutes",
)
"""Minutes watched and titles started, per viewer and day; share of looks at a page with a start; shares of
what was started that was watched to the credits, and that was left at once; share of the catalog that was
examined by anyone; minutes on titles in their first week, per viewer and day."""
VISIT_AGES: Final = {"1": 1, "2-3": 2, "4-7": 4, "8-15": 8, "16-31": 16, "32+": 32}
"""Names of the buckets of a viewer's visits, and the first visit of each."""
TITLE_AGES: Final = {"day 1": 0, "days 2-3": 1, "days 4-7": 3, "week 2": 7, "later": 14}
"""Names of the buckets of days since a title came out, and the first day of each."""
GROUPS: Final = ("one taste", "household", "new viewer")
"""Accounts with one profile, with two; those of both who arrived while the world ran."""
NEW_DAYS: Final = 7
"""A title is new for so many days."""


@dataclass(slots=True)
class OutcomeLog:
    """The outcomes of all page views of a policy.

    Parameters
    ----------
    world
        Where it happened.
    """

    world: World
    _columns: "list[_Columns]" = field(default_factory=list)
    _visits: dict[int, int] = field(default_factory=dict)
    _examined: Bools = field(init=False)

    def __post_init__(self) -> None:
        self._examined = np.zeros(len(self.world.titles), np.bool_)

    def add(self, views: PageViews, pages: ShownPages, outcomes: ViewOutcomes) -> None:
        """Add page views and their outcomes."""
        for account, number in zip(views.accounts.tolist(), views.numbers.tolist(), strict=True):
            self._visits[account] = self._visits.get(account, 0) + (number == 0)
        visit = np.array([self._visits[account] for account in views.accounts.tolist()])
        before_page = (views.autoplay < 0) & ~outcomes.searched
        first = views.numbers == 0
        minutes = outcomes.watched_s / 60
        rest = (outcomes.title, minutes, outcomes.finished, outcomes.quick)
        self._columns.append(_Columns(views.at_s, views.accounts, visit, first, before_page, *rest))
        self._examined[pages.titles.reshape(outcomes.examined.shape)[outcomes.examined]] = True

    def minutes_a_viewer_day(self) -> float:
        """Return the minutes watched so far, per viewer and day begun."""
        minutes = sum(float(columns.minutes.sum()) for columns in self._columns)
        return minutes / float(self._viewer_days(int(self.world.now_s // DAY_S) + 1).sum())

    def measures(self, days: int, warm_up: int) -> dict[str, float]:
        """Return the `MEASURES` of the days after the warm-up."""
        c = self._since(warm_up)
        started = np.maximum(1, (c.title >= 0).sum())
        viewer_days = self._viewer_days(days)[warm_up:].sum()
        released = self.world.catalog.released_s
        new = (c.title >= 0) & (released[c.title] > 0) & (c.at_s - released[c.title] < NEW_DAYS * DAY_S)
        values = (
            c.minutes.sum() / viewer_days,
            (c.title >= 0).sum() / viewer_days,
            ((c.title >= 0) & c.before_page).sum() / np.maximum(1, c.before_page.sum()),
            c.finished.sum() / started,
            c.quick.sum() / started,
            self._examined[released < days * DAY_S].mean(),
            c.minutes[new].sum() / viewer_days,
        )
        return {name: float(value) for name, value in zip(MEASURES, values, strict=True)}

    def by_day(self, days: int) -> list[float]:
        """Return the minutes per viewer, day by day."""
        c = self._since(0)
        minutes = np.bincount((c.at_s // DAY_S).astype(np.int64), c.minutes, minlength=days)[:days]
        per: list[float] = (minutes / np.maximum(1, self._viewer_days(days))).tolist()
        return per

    def by_visit(self) -> list[float]:
        """Return the minutes per visit, by its number among the viewer's (`VISIT_AGES`)."""
        c = self._since(0)
        bucket = np.searchsorted(list(VISIT_AGES.values()), c.visit, side="right") - 1
        return _ratio(bucket, c.minutes, c.first, len(VISIT_AGES))

    def by_title_age(self, days: int) -> list[float]:
        """Return the minutes that a release draws a day, per 1,000 viewers, by its age (`TITLE_AGES`)."""
        c = self._since(0)
        edges, released = list(TITLE_AGES.values()), self.world.catalog.released_s
        mine = (c.title >= 0) & (released[c.title] > 0)
        age = (c.at_s[mine] - released[c.title[mine]]) / DAY_S
        minutes = np.bincount(np.searchsorted(edges, age, "right") - 1, c.minutes[mine], len(edges))
        there = np.maximum(0.0, days - released[(released > 0) & (released < days * DAY_S)] / DAY_S)
        upper = [*edges[1:], np.inf]
        exposed = [
            sum(max(0.0, min(t, high) - low) for t in there) for low, high in zip(edges, upper, strict=True)
        ]
        per = minutes / np.maximum(1e-9, exposed) * 1000 / len(self.world.population)
        listed: list[float] = per.tolist()
        return listed

    def by_group(self, days: int, warm_up: int) -> list[float]:
        """Return the minutes per viewer and day after the warm-up, by `GROUPS`."""
        c, people = self._since(warm_up), self.world.population
        household, new = people.second >= 0, people.arrives_s > 0
        stay = np.maximum(0.0, days - np.maximum(warm_up, people.arrives_s / DAY_S))
        minutes = np.bincount(c.account, c.minutes, len(people))
        groups = (~household & ~new, household & ~new, new)
        return [float(minutes[group].sum() / max(1e-9, stay[group].sum())) for group in groups]

    def _since(self, day: int) -> "_Columns":
        columns = _Columns._make(np.concatenate(column) for column in zip(*self._columns, strict=True))
        kept = columns.at_s >= day * DAY_S
        return _Columns._make(column[kept] for column in columns)

    def _viewer_days(self, days: int) -> Floats:
        """Return how many viewers were there each day, those who arrived in it for its rest."""
        arrives = self.world.population.arrives_s / DAY_S
        there: Floats = np.clip(np.arange(1, days + 1)[:, None] - arrives, 0.0, 1.0).sum(axis=1)
        return there


class _Columns(NamedTuple):
    """One entry per page view."""

    at_s: Floats
    account: Ints
    visit: Ints
    first: Bools
    before_page: Bools
    title: Ints
    minutes: Floats
    finished: Bools
    quick: Bools


def _ratio(bucket: Ints, above: Floats, below: Bools, size: int) -> list[float]:
    """Return sums of one column over sums of another, bucket by bucket; 0 where there is nothing."""
    numerator, denominator = (np.bincount(bucket, column, size) for column in (above, below))
    ratios: list[float] = (numerator / np.maximum(1, denominator)).tolist()
    return ratios


POLICIES: Final[dict[str, Callable[[World], Policy]]] = {
    "random": Random,
    "popularity": PopularityPolicy,
    "nearline": Nearline,
    "informed": InformedPolicy,
    "oracle": Oracle,
    "grid": NearlineGrid,
    "pages": NearlinePages,
}
"""Makers of policies, by name, the weakest first; the last two fill a page of rows instead of one row."""
MULTI_ROW_POLICIES: Final = ("grid", "pages")
"""Those whose viewers have more before them than the oracle's: no share of its gain is theirs."""
WINDOW_S: Final = 900.0
"""Page views within a quarter of an hour form a batch, answered from the events before it."""


@dataclass(frozen=True, slots=True)
class Run:
    """One policy in one world, measured; lists run along `VISIT_AGES`, `TITLE_AGES` and `GROUPS`."""

    policy: str
    seed: int
    measures: dict[str, float]
    by_day: list[float]
    by_visit: list[float]
    by_title_age: list[float]
    by_group: list[float]


def run_closed_loop(
    name: str,
    world: World,
    policy: Policy,
    *,
    days: int,
    warm_up: int,
    on_batch: Callable[[float, OutcomeLog], None] | None = None,
) -> Run:
    """Let a policy make the pages of a world for some days.

    Parameters
    ----------
    name
        Of the policy.
    world
        A fresh one.
    policy
        Who makes the pages.
    days, warm_up
        Days to run; days at the beginning that do not count.
    on_batch
        Called with the current day and the log, after every batch of page views.

    Examples
    --------
    >>> runs = {}
    >>> for name in ("random", "oracle"):
    ...     world = World(seed=3, viewers=40, titles=100)
    ...     runs[name] = run_closed_loop(name, world, POLICIES[name](world), days=3, warm_up=1)
    >>> runs["oracle"].measures["minutes"] > runs["random"].measures["minutes"]
    True
    """
    log = OutcomeLog(world)
    while True:
        views = world.next_views(within_s=WINDOW_S, settled=True)
        if world.now_s >= days * DAY_S:
            break
        policy.learn(world.happened(world.now_s))
        pages = policy.pages(views)
        outcomes = world.act(views, pages)
        policy.observe(views, pages, outcomes)
        log.add(views, pages, outcomes)
        if on_batch:
            on_batch(world.now_s / DAY_S, log)
    return Run(
        name,
        world.seed,
        log.measures(days, warm_up),
        log.by_day(days),
        log.by_visit(),
        log.by_title_age(days),
        log.by_group(days, warm_up),
    )


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean over seeds and its standard error; nan with one seed."""

    mean: float
    se: float

    @classmethod
    def of(cls, values: "list[float] | np.ndarray[Any, np.dtype[np.float64]]") -> "Figure":
        """Return the mean of one value a seed.

        Examples
        --------
        >>> Figure.of([1.0, 3.0])
        Figure(mean=2.0, se=1.0)
        """
        found = np.asarray(values, np.float64)
        spread = found.std(ddof=1) / np.sqrt(found.size) if found.size > 1 else np.nan
        return cls(float(found.mean()), float(spread))


@dataclass(frozen=True, slots=True)
class LoopReport:
    """Results of policies over all seeds.

    Attributes
    ----------
    policies
        Names, in the order of `POLICIES` where they have one.
    seeds
        The worlds.
    measures
        Policy, then one of `MEASURES`.
    gains
        Policy, then another: minutes per viewer and day gained over it; paired by world, so its standard
        error is that of the difference.
    shares
        Share of the oracle's gain over popularity; empty without these two, and not of `MULTI_ROW_POLICIES`.
    curves
        Policy, then ``by_day``, ``by_visit``, ``by_title_age`` or ``by_group``: means over seeds.
    """

    policies: tuple[str, ...]
    seeds: tuple[int, ...]
    measures: dict[str, dict[str, Figure]]
    gains: dict[str, dict[str, Figure]]
    shares: dict[str, Figure]
    curves: dict[str, dict[str, list[float]]]

    def to_dict(self) -> dict[str, Any]:
        """Return the report for JSON: figures as mean and se."""
        return {
            "policies": {
                name: {
                    **{measure: _plain(figure) for measure, figure in self.measures[name].items()},
                    "gain_over": {other: _plain(figure) for other, figure in self.gains[name].items()},
                    "share_of_oracle": _plain(self.shares[name]) if name in self.shares else None,
                    **self.curves[name],
                }
                for name in self.policies
            },
            "seeds": list(self.seeds),
            "visit_ages": list(VISIT_AGES),
            "title_ages": list(TITLE_AGES),
            "groups": list(GROUPS),
        }


def summarise(runs: "list[Run]") -> LoopReport:
    """Combine the runs of all policies over the same seeds."""
    names = tuple(dict.fromkeys(run.policy for run in runs))
    by_name = {name: [run for run in runs if run.policy == name] for name in names}
    minutes = {name: np.array([run.measures["minutes"] for run in some]) for name, some in by_name.items()}
    return LoopReport(
        names,
        tuple(dict.fromkeys(run.seed for run in runs)),
        {
            name: {measure: Figure.of([run.measures[measure] for run in some]) for measure in MEASURES}
            for name, some in by_name.items()
        },
        {
            name: {other: Figure.of(minutes[name] - minutes[other]) for other in names if other != name}
            for name in names
        },
        _shares(minutes),
        {
            name: {
                curve: np.mean([getattr(run, curve) for run in some], axis=0).tolist()
                for curve in ("by_day", "by_visit", "by_title_age", "by_group")
            }
            for name, some in by_name.items()
        },
    )


def _shares(minutes: "Mapping[str, np.ndarray[Any, np.dtype[np.float64]]]") -> dict[str, Figure]:
    if not {"popularity", "oracle"} <= minutes.keys():
        return {}
    floor = minutes["popularity"]
    room = minutes["oracle"] - floor
    return {
        name: Figure.of((some - floor) / room)
        for name, some in minutes.items()
        if name not in {"popularity", "oracle", *MULTI_ROW_POLICIES}
    }


def _plain(figure: Figure) -> dict[str, float]:
    return {"mean": figure.mean, "se": figure.se}
