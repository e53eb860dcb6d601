"""Page views: one viewer, one page, one time; the shown titles and the outcome. Column by column."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from online_models.simulation.common_random_numbers import Floats, Ints

__all__ = ["Bools", "PageViews", "PendingView", "ShownPages", "ViewOutcomes"]

Bools = npt.NDArray[np.bool_]


class PendingView(NamedTuple):
    """A planned page view; page views happen in order of time, then account."""

    at_s: float
    account: int
    visit: int
    """Hour of world time in which the visit began: identifies the visit of an account."""
    number: int
    """Number of the page view in the visit, from 0."""
    autoplay: int
    """Title that autoplays, without a page; -1 for a view of a page."""
    settled_s: float
    """End of the events of the viewer's last page view."""


class PageViews(NamedTuple):
    """Page views of different viewers as columns, in order of time; see `PendingView`."""

    at_s: Floats
    accounts: Ints
    visits: Ints
    numbers: Ints
    autoplay: Ints
    profiles: Ints
    """Profile of the account; only the world and the oracle know it."""

    @classmethod
    def of(cls, pending: Sequence[PendingView], profiles: Ints) -> Self:
        """Make columns of planned views."""
        at, accounts, visits, numbers, autoplay, _ = zip(*pending, strict=True)
        who, when, which, playing = map(np.array, (accounts, visits, numbers, autoplay))
        return cls(np.array(at), who, when, which, playing, profiles)


class ShownPages(NamedTuple):
    """The pages of page views."""

    titles: Ints
    """Index of the title in each place, -1 for an empty one, shape ``(views, rows, slots)``."""
    list_ids: Sequence[str]
    """Ids of the lists, for the events."""
    arms: Sequence[Mapping[int, str]] = ()
    """For each view: arm labels of titles by place, for impressions; empty for none."""

    @classmethod
    def single(cls, titles: Ints, views: PageViews) -> Self:
        """Make pages of one shelf from lists, shape ``(views, slots)``."""
        names = zip(views.accounts.tolist(), views.visits.tolist(), views.numbers.tolist(), strict=True)
        return cls(titles[:, None, :], [f"page-{a:x}-{v:x}-{n}" for a, v, n in names])


class ViewOutcomes(NamedTuple):
    """Outcomes of page views as columns."""

    title: Ints
    """Started title, -1 for none."""
    place: Ints
    """Its place, shelf * slots + slot; -1 for a search or autoplay."""
    watched_s: Floats
    enjoyment: Floats
    """0 to 1; 0 without a started title."""
    quick: Bools
    """Stopped within 90 seconds."""
    finished: Bools
    """Watched to the credits."""
    searched: Bools
    examined: Bools
    """Examined places, shape ``(views, rows * slots)``."""
    enjoyable: Floats
    """Enjoyment of the title of each place, same shape."""
