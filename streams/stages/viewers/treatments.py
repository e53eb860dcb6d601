"""Which arm's list a viewer gets: pages that a batch asks for, put apart by how they are made."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from online_models.catalog.catalog import country_of
from online_models.experiments.plan import PLAIN, Plan, Rivals, Treated
from online_models.page.treatments import explores
from online_models.tables.viewers import NO_LIMIT, ViewerTable
from schemas.experiments import Treatment
from streams.stages.viewers.page_throttle import Moved

__all__ = ["PageVariant", "apart"]


class PageVariant(NamedTuple):
    """How some pages are made, and what they say of it."""

    treatment: Treatment
    arms: bytes
    """The page's field `arms` as JSON with its comma; empty for none."""
    explores: bool | None = None
    """Whether they have an exploring row, where the treatment says how likely that is; None: as without."""
    rivals: Rivals | None = None
    """Two rankers whose titles stand in top picks; None: one ranks."""


def apart(
    moved: Sequence[Moved], viewers: ViewerTable, plan: Plan, now_ms: int
) -> Iterator[tuple[PageVariant, list[Moved]]]:
    """Yield pages by the way they are made.

    A viewer's pages of one batch are made alike and stay in order, so that their numbers do.

    Parameters
    ----------
    moved
        What asks for a page.
    viewers
        Whose ids, countries and limits.
    plan
        The experiments.
    now_ms
        The batch's newest event: an experiment runs by it.
    """
    if plan.idle:
        yield PageVariant(PLAIN.treatment, b""), list(moved)
        return
    treated = {slot: _treated(slot, viewers, plan, now_ms) for slot, _, _ in moved}
    groups: dict[tuple[Treated, bool | None], list[Moved]] = {}
    for one in moved:
        groups.setdefault(treated[one[0]], []).append(one)
    for (how, explore), some in groups.items():
        arms = b',"arms":' + msgspec.json.encode(how.arms) if how.arms else b""
        yield PageVariant(how.treatment, arms, explore, how.rivals), some


def _treated(slot: int, viewers: ViewerTable, plan: Plan, now_ms: int) -> tuple[Treated, bool | None]:
    """Return how a viewer's pages are made, and whether they explore."""
    limit = int(viewers.arrays.limit[slot])
    how = plan.treat(
        viewers.ids[slot],
        at_ms=now_ms,
        country=country_of(int(viewers.arrays.country[slot])),
        maturity=None if limit == NO_LIMIT else limit,
    )
    share = how.treatment.explore
    if share is None:
        return how, None
    return how, explores(share, int(viewers.arrays.key[slot]), now_ms, viewers.seed)
