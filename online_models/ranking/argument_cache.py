"""Tables handed to a kernel in one piece, for calls that are shorter than handing them over.

Numba takes a tuple apart at every call: 14 us for the arrays of titles, viewers and parameters, which is
a third of a single list. Behind one pointer they take 2 us.
"""

from typing import Any

from online_models.ranking.single_list import hold
from online_models.tables.layout import Params, Titles, Viewers

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
        self._held: tuple[Titles, Viewers, Any] | None = None

    def __reduce__(self) -> tuple[type["Held"], tuple[()]]:
        return Held, ()  # what can be made again is no state

    def of(self, titles: Titles, viewers: Viewers, params: Params) -> Any:  # noqa: ANN401 - numba's list
        """Return the tables as `ranking.single_list.rank_alone` takes them; the parameters are always the same."""
        self.let_go(titles, viewers)
        if self._held is None:
            self._held = titles, viewers, hold(titles, viewers, params)
        return self._held[2]

    def let_go(self, titles: Titles, viewers: Viewers) -> None:
        """Let tables go that have grown into others: memory that nobody else holds."""
        if self._held and not (self._held[0] is titles and self._held[1] is viewers):
            self._held = None
