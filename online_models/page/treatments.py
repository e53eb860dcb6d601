"""Pages as an arm of an experiment has them."""

from dataclasses import replace

from online_models.page.config import PageConfig, layout_faults
from online_models.tables.keyed_random import draw_key, race
from online_models.tables.layout import DAY_MS
from schemas.experiments import Treatment
from schemas.fields import RowKind

__all__ = ["explores", "page_faults", "treated_page"]


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
