"""A look: one viewer before one page, at one moment; what is shown, and what comes of it. Many at a time."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from online_models.simulation.common_random_numbers import Floats, Ints

__all__ = ["Bools", "PageViews", "PendingView", "ShownPages", "ViewOutcomes"]

Bools = npt.NDArray[np.bool_]


class PendingView(NamedTuple):
    """A look that is going to happen; they are taken in order of time, then account."""

    at_s: float
    account: int
    visit: int
    """Hour of world time in which the visit began: with the account, the name of the visit."""
    number: int
    """Of the look in the visit, from 0."""
    autoplay: int
    """Title that starts by itself, whatever the page; -1 for a look at the page."""
    settled_s: float
    """When the events of the viewer's last look were over."""


class PageViews(NamedTuple):
    """Looks of different viewers, column by column, in order of time; see `PendingView`."""

    at_s: Floats
    accounts: Ints
    visits: Ints
    numbers: Ints
    autoplay: Ints
    profiles: Ints
    """Who of the household it is: known to the world and to the oracle alone."""

    @classmethod
    def of(cls, pending: Sequence[PendingView], profiles: Ints) -> Self:
        """Put looks side by side."""
        at, accounts, visits, numbers, autoplay, _ = zip(*pending, strict=True)
        who, when, which, playing = map(np.array, (accounts, visits, numbers, autoplay))
        return cls(np.array(at), who, when, which, playing, profiles)


class ShownPages(NamedTuple):
    """What the looks see."""

    titles: Ints
    """Index of the title in each place, -1 for an empty one, shape ``(views, rows, slots)``."""
    list_ids: Sequence[str]
    """Names of the lists, for events to echo."""
    arms: Sequence[Mapping[int, str]] = ()
    """By look: arms of titles that say one, by place, for impressions to echo; empty: none say any."""

    @classmethod
    def single(cls, titles: Ints, views: PageViews) -> Self:
        """Make pages of one row out of lists, shape ``(views, slots)``."""
        names = zip(views.accounts.tolist(), views.visits.tolist(), views.numbers.tolist(), strict=True)
        return cls(titles[:, None, :], [f"page-{a:x}-{v:x}-{n}" for a, v, n in names])


class ViewOutcomes(NamedTuple):
    """What came of the looks, column by column."""

    title: Ints
    """What was started, -1 for nothing."""
    place: Ints
    """Row times slots plus slot where it stood, -1 when it was searched or played by itself."""
    watched_s: Floats
    enjoyment: Floats
    """0 to 1; 0 where nothing was started."""
    quick: Bools
    """Left within a minute and a half."""
    finished: Bools
    """Watched up to the credits."""
    searched: Bools
    examined: Bools
    """What was examined, shape ``(views, rows * slots)``."""
    enjoyable: Floats
    """How much each place's title would be enjoyed, same shape."""
