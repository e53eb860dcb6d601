"""What came of a policy, look by look, and the measures that are taken of it."""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np

from online_models.simulation.catalog import DAY_S
from online_models.simulation.keyed_chance import Floats, Ints
from online_models.simulation.page_views import Bools, Outcomes, PageViews, ShownPages
from online_models.simulation.world import World

__all__ = ["GROUPS", "MEASURES", "TITLE_AGES", "VISIT_AGES", "OutcomeLog"]

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
GROUPS: Final = ("one taste", "household", "newcomer")
"""Accounts with one profile, with two; those of both who arrived while the world ran."""
NEW_DAYS: Final = 7
"""A title is new for so many days."""


@dataclass(slots=True)
class OutcomeLog:
    """Everything that a policy's viewers did.

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

    def add(self, looks: PageViews, pages: ShownPages, outcomes: Outcomes) -> None:
        """Enter looks and what came of them."""
        for account, number in zip(looks.accounts.tolist(), looks.numbers.tolist(), strict=True):
            self._visits[account] = self._visits.get(account, 0) + (number == 0)
        visit = np.array([self._visits[account] for account in looks.accounts.tolist()])
        before_page = (looks.autoplay < 0) & ~outcomes.searched
        first = looks.numbers == 0
        minutes = outcomes.watched_s / 60
        rest = (outcomes.title, minutes, outcomes.finished, outcomes.quick)
        self._columns.append(_Columns(looks.at_s, looks.accounts, visit, first, before_page, *rest))
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
        household, newcomer = people.second >= 0, people.arrives_s > 0
        stay = np.maximum(0.0, days - np.maximum(warm_up, people.arrives_s / DAY_S))
        minutes = np.bincount(c.account, c.minutes, len(people))
        groups = (~household & ~newcomer, household & ~newcomer, newcomer)
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
    """A line a look."""

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
