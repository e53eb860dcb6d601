"""Settings of pages: how many shelves, what each kind needs, and how long titles count as new."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Annotated, Any

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
"""Factor per rank of a preferred kind (`PageConfig.first`), so that kinds come before values. A shelf
whose best title is less than 1e-20 times as likely as the likeliest would get the wrong place; that
does no harm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageConfig:
    """Settings of pages. They affect nothing that is learned, so a change needs no `nearline model accept`.

    Examples
    --------
    >>> PageConfig(rows=1).is_list, PageConfig().rows
    (True, 12)
    >>> PageConfig(rows=0)
    Traceback (most recent call last):
    online_models.errors.InvalidConfigError: rows = 0 is outside 1..40
    """

    rows: Annotated[int, Ge(1), Le(40)] = 12
    """Shelves of a page (1 to 40). 1: a list of top picks, ranked by score alone."""
    visible: Annotated[int, Ge(1), Le(50)] = 6
    """Titles of a shelf that are visible without scrolling (1 to 50); 6 as on a television. No title is
    visible twice."""
    least: Annotated[int, Ge(1), Le(50)] = 4
    """Minimum number of titles of a shelf, unless it is the viewer's own."""
    seeds: Annotated[int, Ge(0), Le(6)] = 3
    """Maximum number of shelves "because you watched" (0 to 6)."""
    seed_watches: Annotated[float, Ge(0), Le(1e9)] = 5.0
    """Watches by all viewers that a title needs before its neighbours get a shelf: with fewer, co-watch
    weights are noise. The default is the evidence at which half a seed's weight counts
    (`online_models.page.candidates.EVIDENCE`)."""
    tag_rows: Annotated[int, Ge(0), Le(6)] = 5
    """Maximum number of shelves named by tags (0 to 6)."""
    tag_titles: Annotated[int, Ge(1), Le(1_000)] = 8
    """Minimum number of titles to choose from for such a shelf: some remain after other shelves took
    theirs."""
    series: Annotated[int, Ge(1), Le(1_000)] = 2
    """Maximum number of titles of one series on a shelf."""
    new_release_days: Annotated[float, Ge(0), Le(36_500)] = 30.0
    """Days that a title is new after its release or the start of its licence, whichever is later."""
    trending: Annotated[int, Ge(1), Le(10_000)] = 60
    """Number of titles that count as trending: three shelves' worth to choose from."""
    trending_half_life: Annotated[int, Ge(0), Le(2)] = 1
    """Index of the half-life that trending uses: 0, 1 (a day) or 2."""
    categories: Annotated[int, Ge(0), Le(40)] = 8
    """Genres and moods that a page names, by the viewer's taste (0 to 40): as many as a phone shows in
    three lines."""
    alerts_per_week: Annotated[int, Ge(0), Le(20)] = 2
    """Maximum number of alerts of a viewer in seven days (0 to 20; 0: none)."""
    alert_days: Annotated[float, Ge(0), Le(60)] = 14.0
    """Days after its release or the start of its licence in which a title can have an alert (0 to 60)."""
    alert_quantile: Annotated[float, Ge(0), Le(1)] = 0.99
    """Quantile of the viewer's remaining titles, by their taste alone, that an alert must reach: with 0.99
    and 10,000 titles, the first hundred. Where that is less than two shelves, two shelves will do, though
    at most a quarter of the titles."""
    alert_likes: Annotated[int, Ge(1), Le(1_000)] = 5
    """Liked titles of a viewer before the first alert: the watches of prior evidence of tag affinity
    (`online_models.learners.tag_affinity.PRIOR`)."""
    segment_watches: Annotated[float, Ge(0), Le(1e9)] = 20.0
    """Recent watches that a country or a cohort needs to have a shelf: two pages' worth of evidence, as in
    `CohortConfig.prior`."""
    rare: Annotated[float, Ge(0), Le(1)] = 0.5
    """Share of the watched titles, the least watched ones, that can be hidden gems."""
    continue_days: Annotated[float, Ge(0), Le(36_500)] = 60.0
    """Days after which an unfinished title leaves continue watching."""
    again_days: Annotated[float, Ge(0), Le(36_500)] = 90.0
    """Days after which a finished title can be in watch again."""
    calibration: Annotated[float, Ge(0), Le(10)] = 0.3
    """Weight of genre proportions in top picks, in units of the score (log-odds): 0 is off. The only genre
    of a viewer gains .33 while it is missing. It brings lists near the history, it does not vary them:
    divergence from the history's genres with 0 / .3 / 1 / 3 .918 / .901 / .867 / .798, distinct genres 11.6
    each (as for `variety`)."""
    variety: Annotated[float, Ge(0), Le(10)] = 0.0
    """Weight of new genres in top picks, in units of the score: 0 is off. The first title of a genre gains so
    much, the second half of it, and so on, whatever the viewer watches. Simulated top picks with 0 / .5 / 1 /
    2 (600 viewers, 1,000 titles): 11.6 / 12.1 / 12.6 / 13.3 distinct genres, distance inside a list .9159 /
    .9170 / .9182 / .9195, next watch among the 20 .321 / .321 / .317 / .313."""
    explore: bool = True
    """Whether the last shelf explores (on lists, sometimes the last title): titles drawn at random, with
    propensity."""
    explore_floor: Annotated[float, Ge(0), Le(0.05)] = 0.01
    """Share of the positions of lists (pages of one shelf) that explore (0 to .05; 0: none). The last
    title of a list is drawn with this share times the length. 1 % is the usual minimum share per arm of
    bandits (`online_models.artwork.bandit.BanditConfig`)."""
    first: tuple[RowKind, ...] = ()
    """Kinds of shelves above all others, in this order. Default: none, values decide."""
    without: tuple[RowKind, ...] = ()
    """Kinds of shelves that are left out. Default: none."""

    def __post_init__(self) -> None:
        check_bounds(self)
        found = layout_faults(self.first, self.without)
        if found:
            raise InvalidConfigError("; ".join(found))

    @property
    def is_list(self) -> bool:
        """Whether a page is a list: a single shelf."""
        return self.rows == 1

    def explore_share(self, length: int) -> float:
        """Return the share of pages whose last title is drawn; 0 unless the page is a list.

        Examples
        --------
        >>> PageConfig(rows=1).explore_share(20), PageConfig().explore_share(20)
        (0.2, 0.0)
        >>> PageConfig(rows=1, explore=False).explore_share(20)
        0.0
        """
        return min(1.0, self.explore_floor * length) if self.is_list and self.explore else 0.0

    @property
    def alerts(self) -> int:
        """Maximum number of titles to remember as alerted while they are new, plus one; 0: no alerts.

        Examples
        --------
        >>> PageConfig().alerts, PageConfig(alerts_per_week=0).alerts
        (7, 0)
        """
        weeks = ceil(self.alert_days / 7) + 1
        return self.alerts_per_week * weeks + 1 if self.alerts_per_week else 0

    def spec(self, length: int, now_ms: int, seed: int) -> PageSpec:
        """Return the settings as the kernels take them, for shelves of at most `length` titles."""
        return PageSpec(
            shelves=self.rows,
            length=length,
            visible=min(self.visible, length),
            least=min(self.least, length),
            seeds=self.seeds,
            seed_watches=float(self.seed_watches),
            tag_shelves=self.tag_rows,
            tag_titles=self.tag_titles,
            series=self.series,
            calibration=float(self.calibration),
            variety=float(self.variety),
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
        """Return the factor of each kind's value; preferred kinds differ by orders of magnitude (`AHEAD`)."""
        out = np.array([0.0 if kind.wire in self.without else kind.prior for kind in KINDS])
        wires = [kind.wire for kind in KINDS]
        for steps, wire in enumerate(reversed(self.first), 1):
            out[wires.index(wire)] *= AHEAD**steps
        return out


def layout_faults(first: Sequence[RowKind], without: Sequence[RowKind]) -> list[str]:
    """Return the reasons why a layout is invalid; empty if it is valid.

    Parameters
    ----------
    first
        Kinds above all others.
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
    """Return the settings of a page under the treatment of an experiment's arm.

    Parameters
    ----------
    config
        Settings without the treatment.
    treatment
        Shelves, their order, kinds left out, calibration, diversity.
    explore
        Whether the page has an explore shelf (`explores`); None: as without the treatment.

    Examples
    --------
    >>> treated_page(PageConfig(), Treatment(rows=3), explore=False).rows
    3
    """
    stated = {
        "rows": min(config.rows, treatment.rows) if treatment.rows else None,
        "first": treatment.rows_first,
        "without": treatment.rows_without,
        "explore": explore,
        "calibration": treatment.calibration,
        "variety": treatment.diversity,
    }
    changes: dict[str, Any] = {name: value for name, value in stated.items() if value is not None}
    return replace(config, **changes) if changes else config


def explores(share: float, viewer: int, now_ms: int, seed: int) -> bool:
    """Return whether a viewer's page explores today, where a share of the viewers' pages does.

    The draw depends on seed, viewer and day: it is stable for a day, and independent of the draws of titles.

    Parameters
    ----------
    share
        Probability.
    viewer
        Key of the viewer.
    now_ms
        Time.
    seed
        Seed of all draws.

    Examples
    --------
    >>> explores(1.0, 7, 0, 0), explores(0.0, 7, 0, 0)
    (True, False)
    """
    return race((share, 1.0 - share), ("explores", "does not"), draw_key(seed, viewer, now_ms // DAY_MS)) == 0


def page_faults(treatment: Treatment) -> list[str]:
    """Return the reasons why a treatment of pages is invalid; empty if it is valid.

    Examples
    --------
    >>> page_faults(Treatment(rows=1, explore=0.5))
    ['a page of one row is top picks alone: nothing to order, leave out, explore or mix']
    """
    found = layout_faults(treatment.rows_first or (), treatment.rows_without or ())
    others = (
        treatment.rows_first,
        treatment.rows_without,
        treatment.explore,
        treatment.calibration,
        treatment.diversity,
    )
    if treatment.rows == 1 and any(other is not None for other in others):
        found.append("a page of one row is top picks alone: nothing to order, leave out, explore or mix")
    if treatment.explore is not None and RowKind.EXPLORE in (treatment.rows_without or ()):
        found.append("a page without exploring rows cannot say how many pages have one")
    return found
