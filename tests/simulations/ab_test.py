"""An experiment in the closed loop: viewers in arms, counted as the product counts them.

One recommender learns from everybody, as it does live; each viewer's list is made as their arm says. What
came of it is told by the viewers' events alone (`online_models.experiments`); what is
true of it is told by other runs of the same world (`truth`).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Self

import numpy as np

from online_models.config import ModelConfig
from online_models.experiments.decision import AnalysisInput, analyze, split_p_value
from online_models.experiments.exposure import TagsOf, Tally, ViewerTally, count_event, no_tags
from online_models.experiments.interleaving import PreferenceStatistics, team_draft
from online_models.experiments.intervals import lift
from online_models.experiments.metrics import estimates
from online_models.experiments.moments import Moments
from online_models.experiments.plan import ExperimentPlan
from online_models.insights.catalog_snapshot import CatalogSnapshot
from online_models.page.build import build
from online_models.page.catalog_index import CatalogIndex
from online_models.page.config import PageConfig, treated_page
from online_models.simulation.common_random_numbers import Ints, uniform
from online_models.simulation.event_writer import viewer_name
from online_models.simulation.page_views import PageViews, ShownPages, ViewOutcomes
from online_models.simulation.policies import SLOTS, Nearline
from online_models.simulation.world import World
from online_models.tables.codes import TOP_PICKS
from online_models.tables.layout import I4
from schemas.events import Event, Impression
from schemas.experiment_results import ExperimentResult
from schemas.experiments import Experiment, Treatment

__all__ = ["AbTestPolicy", "EventCounter", "InterleavedPolicy", "lossy", "viewers_needed"]

LOST: Final = 22
"""What a draw is for: whether an impression is lost."""
LEAST: Final = 100
"""Viewers before bounds are looked at: they are asymptotic."""
_TWO_ROWS: Final = PageConfig(rows=2, explore=False)
"""The least page whose top picks are mixed."""


@dataclass(slots=True)
class EventCounter:
    """Count events as the results stage does.

    Attributes
    ----------
    plan
        The experiments.
    parts
        Of viewers.
    tallies
        Of experiments.
    about
        Returns a title's tags.
    """

    plan: ExperimentPlan
    about: TagsOf = no_tags
    parts: dict[str, ViewerTally] = field(default_factory=dict)
    tallies: dict[str, Tally] = field(default_factory=dict)
    _p: dict[str, float] = field(default_factory=dict)
    _count: int = 0

    @classmethod
    def of(cls, world: World, experiment: Experiment) -> Self:
        """Return a counter of one experiment that knows the world's titles."""
        stock = CatalogSnapshot()
        for title in world.titles:
            stock.put(title)
        return cls(ExperimentPlan([experiment]), stock.labels)

    def add(self, events: Iterable[Event]) -> None:
        """Take events, and look at every split."""
        for event in events:
            self._count += 1
            at_ms = event.event_time_ms
            part = self.parts.setdefault(event.viewer_id, ViewerTally(since_ms=at_ms))
            count_event(
                part,
                event,
                at_ms,
                plan=self.plan,
                event_hash=self._count,
                tally=self._tally,
                about=self.about,
            )
        for name, one in self.plan.by_id.items():
            self._p[name] = split_p_value(one, self._tally(name), self._p.get(name, 1.0))

    def result(self, name: str) -> ExperimentResult:
        """Return what an experiment came to so far."""
        tally = self._tally(name)
        standing = AnalysisInput(
            tally.arms, self._p.get(name, 1.0), tally.first_ms, tally.at_ms, tally.crossed
        )
        return analyze(self.plan.by_id[name], standing)

    def _tally(self, name: str) -> Tally:
        return self.tallies.setdefault(name, Tally())


class AbTestPolicy(Nearline):
    """The recommender under an experiment.

    Parameters
    ----------
    world
        Where viewers are.
    experiment
        What varies.
    lost
        Share of the last arm's viewers whose impressions never arrive (`lossy`).
    config
        The model's.

    Attributes
    ----------
    counter
        What came of it.
    """

    def __init__(
        self, world: World, experiment: Experiment, *, lost: float = 0.0, config: ModelConfig | None = None
    ) -> None:
        super().__init__(world, config)
        self.counter = EventCounter.of(world, experiment)
        self._shelves = CatalogIndex(self.recommender.titles, self.recommender.catalog, _TWO_ROWS)
        self._experiment, self._is_lost = experiment, lossy(experiment, lost, world.seed)

    def pages(self, views: PageViews) -> ShownPages:
        """See `Policy.pages`: each viewer's list as the arm says."""
        at_ms = self._event_ms(float(views.at_s[0]))
        names = [viewer_name(account) for account in views.accounts.tolist()]
        out = np.full((len(names), SLOTS), -1)
        for treatment, which in self._apart(names, at_ms):
            out[which] = self.ranked([names[n] for n in which], at_ms, treatment)
        return ShownPages.single(out, views)

    def ranked(self, names: Sequence[str], at_ms: int, treatment: Treatment) -> Ints:
        """Return the lists of viewers under a treatment, shape ``(viewers, SLOTS)``."""
        side = self.recommender.viewers
        slots = side.viewers.acquire(list(names))
        with side.blending.under(treatment):
            if treatment.diversity is None and treatment.calibration is None:
                found = side.rank(slots, at_ms, SLOTS).title
            else:
                found = self._top_picks(slots, at_ms, treatment)
        titles: Ints = self._number[found]
        titles[:, treatment.list_length or SLOTS :] = -1
        return titles

    def _top_picks(self, slots: I4, at_ms: int, treatment: Treatment) -> I4:
        """Return the top picks of pages: rows are mixed, lists are not."""
        side, config = self.recommender.viewers, treated_page(_TWO_ROWS, treatment)
        pages = build(side, self._shelves, slots, at_ms, SLOTS, config=config)
        top = np.argmax(pages.kind == TOP_PICKS, axis=1)
        found: I4 = pages.title[np.arange(slots.size), top]
        found[pages.kind[np.arange(slots.size), top] != TOP_PICKS] = -1
        return found

    def learn(self, events: Sequence[Event]) -> None:
        """See `Policy.learn`; and count what arrives."""
        super().learn(events)
        self.counter.add(event for event in events if not self._is_lost(event))

    def _apart(self, names: Sequence[str], at_ms: int) -> Iterator[tuple[Treatment, list[int]]]:
        """Yield treatments, and the places of the viewers who get them."""
        groups: dict[Treatment, list[int]] = {}
        for n, name in enumerate(names):
            treated = self.counter.plan.treatment_for(name, at_ms=at_ms, country=None, maturity=None)
            groups.setdefault(treated.treatment, []).append(n)
        yield from groups.items()


def lossy(experiment: Experiment, lost: float, seed: int) -> Callable[[Event], bool]:
    """Return whether an event is lost on its way: impressions of some viewers of the last arm are.

    Parameters
    ----------
    experiment
        What varies.
    lost
        Share of that arm's viewers whose impressions never arrive: a broken split.
    seed
        Of the draws.
    """
    plan, last = ExperimentPlan([experiment]), experiment.arms[-1].name

    def is_lost(event: Event) -> bool:
        if not lost or type(event) is not Impression:
            return False
        treated = plan.treatment_for(event.viewer_id, at_ms=event.event_time_ms, country=None, maturity=None)
        account = int(event.viewer_id.rpartition("-")[2])
        unlucky = uniform(seed, LOST, account)[0] < lost
        return bool(unlucky) and any(arm.arm == last for arm in treated.arms)

    return is_lost


class InterleavedPolicy(AbTestPolicy):
    """Both arms' rankings in every viewer's list, by team draft.

    Attributes
    ----------
    credit
        Seconds watched of the second arm's picks and of the control's, by account.
    """

    def __init__(self, world: World, experiment: Experiment, *, since_s: float = 0.0) -> None:
        super().__init__(world, experiment)
        self.credit: dict[int, list[float]] = {}
        self._since_s = since_s
        self._teams: Ints = np.zeros((0, SLOTS), np.int64)

    def pages(self, views: PageViews) -> ShownPages:
        """See `Policy.pages`."""
        at_ms = self._event_ms(float(views.at_s[0]))
        names = [viewer_name(account) for account in views.accounts.tolist()]
        control, new = (
            self.ranked(names, at_ms, arm.treatment or Treatment()) for arm in self._experiment.arms[:2]
        )
        out = np.full((len(names), SLOTS), -1)
        self._teams = np.zeros(out.shape, np.int64)
        for n, (name, visit, number) in enumerate(
            zip(names, views.visits.tolist(), views.numbers.tolist(), strict=True)
        ):
            first, second = ([str(t) for t in row[n] if t >= 0] for row in (new, control))
            titles, teams = team_draft(
                first, second, SLOTS, f"{self._experiment.salt} {name} {visit} {number}"
            )
            out[n, : len(titles)], self._teams[n, : len(teams)] = list(map(int, titles)), teams
        return ShownPages.single(out, views)

    def observe(self, views: PageViews, pages: ShownPages, outcomes: ViewOutcomes) -> None:  # noqa: ARG002
        """See `Policy.observe`: credit goes to the team of what was watched from the list."""
        watched = np.flatnonzero((outcomes.place >= 0) & (views.at_s >= self._since_s))
        for n in watched.tolist():
            team = int(self._teams[n, outcomes.place[n]])
            if team:
                credit = self.credit.setdefault(int(views.accounts[n]), [0.0, 0.0])
                credit[0 if team > 0 else 1] += float(outcomes.watched_s[n])

    def preferences(self) -> list[tuple[float, float]]:
        """Return the credit of each viewer."""
        return [(new, control) for new, control in self.credit.values()]


def viewers_needed(
    experiment: Experiment, parts: Iterable[ViewerTally], credit: Iterable[tuple[float, float]]
) -> dict[str, int | None]:
    """Return after how many viewers the bounds leave out zero: by A/B, and by interleaving; None: never.

    Parameters
    ----------
    experiment
        Two arms, and its metric.
    parts
        Viewers of the A/B, in the order in which they are looked at.
    credit
        Viewers of the interleaving.
    """
    exposed = [
        one.exposures[experiment.experiment_id] for one in parts if experiment.experiment_id in one.exposures
    ]
    arms = [Moments() for _ in experiment.arms]
    at = {arm.name: n for n, arm in enumerate(experiment.arms)}
    by_arms = None
    for n, one in enumerate(exposed, 1):
        arms[at[one.arm]].add(one.counts)
        if n >= LEAST and n % 10 == 0 and by_arms is None:
            found = estimates(experiment.metric, arms)
            bounds = lift(found[0], found[1], experiment.alpha) if found else None
            by_arms = n if bounds is not None and (bounds.low > 0 or bounds.high < 0) else None
    preferences, drafted = PreferenceStatistics(), None
    for n, (new, control) in enumerate(credit, 1):
        preferences.add(new, control)
        bounds = preferences.bounds(experiment.alpha) if n >= LEAST else None
        if drafted is None and bounds is not None and (bounds.low > 0 or bounds.high < 0):
            drafted = n
    return {"ab": by_arms, "interleaving": drafted}
