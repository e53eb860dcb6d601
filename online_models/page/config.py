"""What a page shall be: how many rows, what a row takes, how far back it looks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Annotated

import numpy as np
from annotated_types import Ge, Le

from online_models.config import check_bounds
from online_models.errors import InvalidConfigError
from online_models.page.layout import PageSpec
from online_models.page.shelf_kinds import KINDS
from online_models.tables.keyed_random import draw_key, race
from online_models.tables.layout import DAY_MS, F8
from schemas.experiments import Treatment
from schemas.fields import RowKind

__all__ = ["PageConfig", "explores", "layout_faults", "page_faults", "treated_page"]

AHEAD = 1e24
"""What the value of a row is multiplied by for each kind that it stands above, so that kinds come before
values. Rows whose best title is less than 1e-20 times as likely as the likeliest are missed by nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageConfig:
    """Constants of pages. They say nothing about what is learned: a change needs no `nearline model accept`.

    Examples
    --------
    >>> PageConfig(rows=1).plain, PageConfig().rows
    (True, 12)
    >>> PageConfig(rows=0)
    Traceback (most recent call last):
    online_models.errors.InvalidConfigError: rows = 0 is outside 1..40
    """

    rows: Annotated[int, Ge(1), Le(40)] = 12
    """Rows of a page (1 to 40). 1: top picks alone, ranked by score and nothing else."""
    visible: Annotated[int, Ge(1), Le(50)] = 6
    """Titles of a row that are in sight without scrolling (1 to 50): what a television shows. No title is in
    sight twice."""
    least: Annotated[int, Ge(1), Le(50)] = 4
    """Titles that a row has at least, where they are not the viewer's own."""
    seeds: Annotated[int, Ge(0), Le(6)] = 3
    """Rows "because you watched" at most (0 to 6)."""
    seed_watches: Annotated[float, Ge(0), Le(1e9)] = 5.0
    """Watches by anybody that a title has before its neighbours make a row (`reference/algorithms.md`
    3.4)."""
    tag_rows: Annotated[int, Ge(0), Le(6)] = 5
    """Rows named by tags at most (0 to 6)."""
    tag_titles: Annotated[int, Ge(1), Le(1_000)] = 8
    """Titles that such a row can choose from at least: something is left once others have taken theirs."""
    series: Annotated[int, Ge(1), Le(1_000)] = 2
    """Titles of one series in a row at most."""
    fresh_days: Annotated[float, Ge(0), Le(36_500)] = 30.0
    """A title is new for so long after release or the beginning of its licence, whichever is later."""
    trending: Annotated[int, Ge(1), Le(10_000)] = 60
    """Titles that count as trending: three rows' worth to choose from."""
    trending_half_life: Annotated[int, Ge(0), Le(2)] = 1
    """Which of the configured half-lives trending counts by: 0, 1 (a day) or 2."""
    categories: Annotated[int, Ge(0), Le(40)] = 8
    """Genres and moods that a page names, those that the viewer watches most first (0 to 40): as many as a
    telephone shows in three lines."""
    alerts_per_week: Annotated[int, Ge(0), Le(20)] = 2
    """Alerts that a viewer gets in seven days at most (0 to 20; 0: none): they are to be read."""
    alert_days: Annotated[float, Ge(0), Le(60)] = 14.0
    """A title is news for so long after release or the beginning of its licence (0 to 60)."""
    alert_quantile: Annotated[float, Ge(0), Le(1)] = 0.99
    """Part of the titles left to a viewer that one worth an alert scores no lower than: its page's first
    hundred, of ten thousand."""
    alert_likes: Annotated[int, Ge(1), Le(1_000)] = 5
    """Liked titles of a viewer before anything is said to fit strongly: as many as tags need watches of prior
    evidence (`tag_affinity.PRIOR`)."""
    crowd_watches: Annotated[float, Ge(0), Le(1e9)] = 20.0
    """Watches of late that a country or a cohort has before there is a row of them: two pages' worth of
    evidence, as in `CohortConfig.prior`."""
    rare: Annotated[float, Ge(0), Le(1)] = 0.5
    """Share of the watched titles, the least watched, that can be hidden gems."""
    continue_days: Annotated[float, Ge(0), Le(36_500)] = 60.0
    """What was not gone on with for so long is not offered any more."""
    again_days: Annotated[float, Ge(0), Le(36_500)] = 90.0
    """What was finished may be watched again after so long."""
    calibration: Annotated[float, Ge(0), Le(10)] = 0.3
    """Weight of genres' proportions inside top picks, in units of the score (a log-odds): 0 is off. A genre
    that is the viewer's alone and missing gains .33."""
    explore: bool = True
    """Whether the last row (of a list the last title, now and then) explores: drawn at random, with the
    probability."""
    explore_floor: Annotated[float, Ge(0), Le(0.05)] = 0.01
    """Share of the places of lists (pages of one row) that explore: of so many lists the last title is drawn
    (0 to .05; 0: none). 1 % is the least share per arm that bandits keep (`reference/algorithms.md` 5)."""
    first: tuple[RowKind, ...] = ()
    """Kinds of rows that stand above all others, in this order. Default: none, the rows' values decide."""
    without: tuple[RowKind, ...] = ()
    """Kinds of rows that are not on the page. Default: none."""

    def __post_init__(self) -> None:
        check_bounds(self)
        found = layout_faults(self.first, self.without)
        if found:
            raise InvalidConfigError("; ".join(found))

    @property
    def plain(self) -> bool:
        """Whether a page is a list."""
        return self.rows == 1

    def drawn(self, length: int) -> float:
        """Return the share of pages whose last title is drawn: one title of a list at most, none of rows.

        Examples
        --------
        >>> PageConfig(rows=1).drawn(20), PageConfig(rows=1, explore=False).drawn(20), PageConfig().drawn(20)
        (0.2, 0.0, 0.0)
        """
        return min(1.0, self.explore_floor * length) if self.plain and self.explore else 0.0

    @property
    def alerts(self) -> int:
        """Titles that a viewer can have been told of while they are new, and one more; 0: no alerts.

        Examples
        --------
        >>> PageConfig().alerts, PageConfig(alerts_per_week=0).alerts
        (7, 0)
        """
        weeks = ceil(self.alert_days / 7) + 1
        return self.alerts_per_week * weeks + 1 if self.alerts_per_week else 0

    def spec(self, length: int, now_ms: int, seed: int) -> PageSpec:
        """Return the configuration as the kernels take it, for rows of so many titles at a time."""
        return PageSpec(
            rows=self.rows,
            length=length,
            visible=min(self.visible, length),
            least=min(self.least, length),
            seeds=self.seeds,
            seed_watches=float(self.seed_watches),
            tag_rows=self.tag_rows,
            tag_titles=self.tag_titles,
            series=self.series,
            calibration=float(self.calibration),
            explore=int(self.explore and RowKind.EXPLORE not in self.without),
            continue_ms=-np.inf
            if RowKind.CONTINUE_WATCHING in self.without
            else float(self.continue_days * DAY_MS),
            again_s=np.inf
            if RowKind.WATCH_AGAIN in self.without
            else float(self.again_days * DAY_MS / 1_000),
            day=now_ms // DAY_MS,
            seed=seed,
            alert_likes=self.alert_likes,
            alert_quantile=float(self.alert_quantile),
            discount=1.0 / np.log2(np.arange(min(self.visible, length)) + 2.0),
            prior=self._priors(),
        )

    def _priors(self) -> F8:
        """Return what a row's kind multiplies its value by: an order of kinds is one of magnitudes."""
        out = np.array([0.0 if kind.wire in self.without else kind.prior for kind in KINDS])
        wires = [kind.wire for kind in KINDS]
        for steps, wire in enumerate(reversed(self.first), 1):
            out[wires.index(wire)] *= AHEAD**steps
        return out


def layout_faults(first: Sequence[RowKind], without: Sequence[RowKind]) -> list[str]:
    """Return every reason against an order of rows; none if pages can have it.

    Parameters
    ----------
    first
        Kinds that stand above all others.
    without
        Kinds that are left out.

    Examples
    --------
    >>> layout_faults([RowKind.EXPLORE], [RowKind.MY_LIST])
    ['the exploring row is the last one', 'my_list is on every page: it is what the viewer asked for']
    """
    named = [*first, *without]
    twice = [kind for kind in dict.fromkeys(named) if named.count(kind) > 1]
    found = [f"{kind} is named twice" for kind in twice]
    if RowKind.EXPLORE in first:
        found.append("the exploring row is the last one")
    why = {
        RowKind.TOP_PICKS: "what there is for a viewer of whom nothing is known",
        RowKind.MY_LIST: "what the viewer asked for",
    }
    return found + [f"{kind} is on every page: it is {why[kind]}" for kind in without if kind in why]


def treated_page(config: PageConfig, treatment: Treatment, *, explore: bool | None = None) -> PageConfig:
    """Return what a page shall be under a treatment.

    Parameters
    ----------
    config
        What it is without.
    treatment
        Rows, their order, kinds left out, diversity.
    explore
        Whether it has an exploring row (`explores`); None: as without.

    Examples
    --------
    >>> treated_page(PageConfig(), Treatment(rows=3), explore=False).rows
    3
    """
    return replace(
        config,
        rows=min(config.rows, treatment.rows or config.rows),
        first=config.first if treatment.rows_first is None else treatment.rows_first,
        without=config.without if treatment.rows_without is None else treatment.rows_without,
        explore=config.explore if explore is None else explore,
        calibration=config.calibration if treatment.diversity is None else treatment.diversity,
    )


def explores(share: float, viewer: int, now_ms: int, seed: int) -> bool:
    """Say whether a viewer's page explores today, where a share of the viewers' pages does.

    The draw derives from seed, viewer and day: it stays for a day, and is none of the titles' draws.

    Parameters
    ----------
    share
        Probability.
    viewer
        Key of the viewer.
    now_ms
        Its day.
    seed
        Start of every draw.

    Examples
    --------
    >>> explores(1.0, 7, 0, 0), explores(0.0, 7, 0, 0)
    (True, False)
    """
    return race((share, 1.0 - share), ("explores", "does not"), draw_key(seed, viewer, now_ms // DAY_MS)) == 0


def page_faults(treatment: Treatment) -> list[str]:
    """Return every reason against what a treatment makes of pages; none if it can be.

    Examples
    --------
    >>> page_faults(Treatment(rows=1, explore=0.5))
    ['a page of one row is top picks alone: nothing to order, leave out, explore or mix']
    """
    found = layout_faults(treatment.rows_first or (), treatment.rows_without or ())
    others = (treatment.rows_first, treatment.rows_without, treatment.explore, treatment.diversity)
    if treatment.rows == 1 and any(other is not None for other in others):
        found.append("a page of one row is top picks alone: nothing to order, leave out, explore or mix")
    if treatment.explore is not None and RowKind.EXPLORE in (treatment.rows_without or ()):
        found.append("a page without exploring rows cannot say how many pages have one")
    return found
