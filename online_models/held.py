"""Tables handed to a kernel in one piece, for calls that are shorter than handing them over.

Numba takes a tuple apart at every call: 14 us for the arrays of titles, viewers and parameters, which is
a third of a single list. Behind one pointer they take 2 us.
"""

from typing import Any

from online_models.kernels.alone import hold
from online_models.kernels.layout import Params, Titles, Viewers

__all__ = ["Held"]


class Held:
    """The tables of the last call, held as long as they are those of the next.

    Examples
    --------
    >>> from online_models import Recommender
    >>> side, held = Recommender().viewers, Held()
    >>> now = side.titles.arrays, side.viewers.arrays, side.params
    >>> held.of(*now) is held.of(*now)
    True
    """

    def __init__(self) -> None:
        self._held: tuple[Titles, Viewers, Params, Any] | None = None

    def __reduce__(self) -> tuple[type["Held"], tuple[()]]:
        return Held, ()  # what can be made again is no state

    def of(self, titles: Titles, viewers: Viewers, params: Params) -> Any:  # noqa: ANN401 - numba's list
        """Return the tables as `kernels.alone.rank_alone` takes them."""
        if self._held is None or not self._is(titles, viewers) or self._held[2] is not params:
            self._held = titles, viewers, params, hold(titles, viewers, params)
        return self._held[3]

    def let_go(self, titles: Titles, viewers: Viewers) -> None:
        """Let tables go that have grown into others: memory that nobody else holds."""
        if self._held is not None and not self._is(titles, viewers):
            self._held = None

    def _is(self, titles: Titles, viewers: Viewers) -> bool:
        return self._held is not None and self._held[0] is titles and self._held[1] is viewers
