r"""How different the titles are that a viewer saw on one list.

.. math:: d(a, b) = 1 - \frac{|T_a \cap T_b|}{|T_a \cup T_b|}

over the tags T of two titles; the mean over all pairs of a list is its intra-list diversity (Ziegler et al.,
WWW 2005, with Jaccard's distance). What was seen counts, not what was listed: a list goes on beyond the
screen. A title without tags is in no pair.
"""

from collections.abc import Callable, Collection
from typing import Final

from online_models.experiments.tallies import ViewerTally
from schemas.events import Impression

__all__ = ["MOST", "About", "nothing_known", "seen_together"]

MOST: Final = 24
"""Titles of a list that count, the first that were seen: four rows of six in sight."""
THOUSANDTHS: Final = 1_000

About = Callable[[str], Collection[str]]
"""Tags of a title; none where it is not known."""


def nothing_known(title_id: str) -> tuple[str, ...]:  # noqa: ARG001 - of no title
    """Return no tags."""
    return ()


def seen_together(part: ViewerTally, event: Impression, about: About) -> dict[str, int]:
    """Return the pairs that a title makes with those seen on its list before, and their distance.

    Examples
    --------
    >>> tags = {"a": ("dark", "slow"), "b": ("slow", "long"), "c": ("slow",)}
    >>> def look(title):
    ...     head = {"event_id": title, "viewer_id": "v", "event_time_ms": 10**12}
    ...     return Impression(**head, list_id="l", row=0, slot=0, title_id=title)
    >>> part = Part(0)
    >>> [seen_together(part, look(title), tags.__getitem__) for title in "abca"]
    [{}, {'pairs': 1, 'distance': 667}, {'pairs': 2, 'distance': 1000}, {}]
    """
    if event.list_id != part.list_id:
        part.list_id, part.shown = event.list_id, []
    title = event.title_id
    mine = frozenset(about(title))
    if not mine or title in part.shown or len(part.shown) == MOST:
        return {}
    others = [frozenset(about(other)) for other in part.shown]
    part.shown = [*part.shown, title]
    distances = [round(THOUSANDTHS * (1 - len(mine & one) / len(mine | one))) for one in others]
    return {"pairs": len(others), "distance": sum(distances)} if others else {}
