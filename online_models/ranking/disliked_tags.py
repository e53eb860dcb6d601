r"""Dislikes that generalise: titles with tags that a viewer has disliked of late rank lower.

Thumbs down for three comedies in a row mean more than these three titles. The newest entries of the history,
likes and explicit dislikes, vote on their tags:

.. math::

    d_u(g) = \max\Bigl(0, -\theta + \sum_l \beta^l v_l\,[g \in G_{h_l}]\Bigr) \qquad
    s_{uj} \mathrel{-}= \lambda \max_{g \in G_j} (1 - p_g)\, \frac{d_u(g)}{1 + d_u(g)}

with l = 0 for the newest entry, v the weight of a dislike in thumbs down and :math:`-\gamma` for a like, and
:math:`p_g` the share of titles with the tag: a tag that most titles have, such as a language, says nothing.
Likes protect a genre: one dislike after three likes of it has no effect; one thumb up takes back a part.

Votes are explicit dislikes alone (`EXPLICIT`): a skip or a quick stop says little about a genre, and is
frequent. It is the satisfaction of ADR 36, there of all viewers with a title, here of a viewer with a tag.

Four genres of 40 titles, 300 viewers, and new ones with six liked comedies and 20 comedies on their list of
20. With a weight of 4 / 5 / 6 it has, after three thumbs down in a row, 14.8 / 12.0 / 8.3 comedies, after
five 10.2 / 6.3 / 3.2, after eight 6.8 / 3.6 / .8, and 11.8 / 6.8 / 3.6 after a thumb up then. The other
constants were chosen in this world, too; MovieLens-100K is in ADR 45.
"""

from typing import NamedTuple

import numpy as np

from online_models.catalog.catalog import Catalog
from online_models.jit import jit, jit_no_alloc
from online_models.tables.feedback_layout import MOST_REJECTED, SECOND
from online_models.tables.layout import CHUNK, F4, I4, U1, Params, Real, Viewers

__all__ = ["DislikedTags", "TagTable"]

EXPLICIT = 1.0
"""Least weight of a rejection that votes: a low rating, a thumb down, a title skipped twice."""
STEP = 0.85
"""Weight of a vote per entry back: the last four entries have half of all weight."""
LIKE = 0.3
"""Votes of a like against the dislikes of its tags. With .5, three thumbs down leave 19 comedies of 20, five
none."""
DOUBT = 0.5
"""Votes on a tag that have no effect; .3 leaves up to one comedy of 20 less."""
VOTES = 32
"""Newest entries that vote: .85 ** 32 = .006."""


class TagTable(NamedTuple):
    """Tags of the titles of a catalog; titles beyond its rows have none."""

    indptr: I4
    """[T + 1] the tags of title ``t`` are ``ids[indptr[t] : indptr[t + 1]]``."""
    ids: I4
    rarity: F4
    """[G] share of titles without the tag."""


@jit_no_alloc
def explicit_weight(viewers: Viewers, params: Params, v: int, title: int, now: int) -> np.float32:
    """Return the weight of a viewer's explicit dislike of a title, 0 for none; -1 as title: of any title."""
    found = np.float32(0.0)
    for s in range(viewers.rejected.shape[1]):
        h, weight = viewers.rejected[v, s], viewers.rejected_weight[v, s]
        recent = now - SECOND * np.int64(viewers.rejected_at[v, s]) <= params.reward.rejection_ms
        if h >= 0 and weight >= EXPLICIT and recent and (h == title or title < 0):
            found = max(found, weight)
    return found


@jit_no_alloc
def vote(tags: TagTable, title: int, weight: Real, votes: F4) -> None:
    """Add a vote to the tags of a title."""
    if title < tags.indptr.size - 1:
        for a in range(tags.indptr[title], tags.indptr[title + 1]):
            votes[tags.ids[a]] += np.float32(weight)


@jit_no_alloc
def disliked_tags(viewers: Viewers, params: Params, v: int, now: int, tags: TagTable, votes: F4) -> bool:
    """Write what each tag takes from the score of a title ``votes`` [G]; return whether any takes something.

    If none does, ``votes`` is undefined.
    """
    if params.dislike <= 0.0 or explicit_weight(viewers, params, v, -1, now) <= 0:
        return False
    votes[:] = 0.0
    weight, n, c = 1.0, 0, viewers.tail[v]
    used = (viewers.known[v] - 1) % CHUNK + 1
    while c >= 0 and n < VOTES:
        for s in range(used - 1, -1, -1):
            entry = viewers.chunk[c, s]
            if entry >= 0:
                vote(tags, entry, -LIKE * weight, votes)
            else:
                disliked = explicit_weight(viewers, params, v, ~entry, now)
                if disliked <= 0:
                    continue
                vote(tags, ~entry, disliked / MOST_REJECTED * weight, votes)
            weight *= STEP
            n += 1
        c = viewers.prev[c]
        used = CHUNK
    found = False
    for g in range(votes.size):
        d = max(votes[g] - np.float32(DOUBT), np.float32(0.0))
        votes[g] = np.float32(params.dislike) * tags.rarity[g] * d / (np.float32(1.0) + d)
        found |= votes[g] > 0
    return found


@jit_no_alloc
def subtract_disliked(tags: TagTable, votes: F4, row: F4) -> None:
    """Subtract from each title's score what the most disliked of its tags takes."""
    for t in range(min(row.size, tags.indptr.size - 1)):
        most = np.float32(0.0)
        for a in range(tags.indptr[t], tags.indptr[t + 1]):
            most = max(most, votes[tags.ids[a]])
        row[t] -= most


@jit
def find_dislikers(viewers: Viewers, params: Params, slots: I4, now: int, tags: TagTable, out: U1) -> None:
    """Set ``out`` [n] to 1 for the viewers who dislike a tag."""
    votes = np.empty(tags.rarity.size, np.float32)
    for q in range(slots.size):
        out[q] |= disliked_tags(viewers, params, slots[q], now, tags, votes)


@jit
def subtract_from_rows(
    viewers: Viewers, params: Params, slots: I4, now: int, tags: TagTable, rows: F4
) -> None:
    """Subtract what disliked tags take from score rows [n, T]."""
    votes = np.empty(tags.rarity.size, np.float32)
    for q in range(slots.size):
        if disliked_tags(viewers, params, slots[q], now, tags, votes):
            subtract_disliked(tags, votes, rows[q])


class DislikedTags:
    """The tags that viewers dislike, over the titles of a catalog.

    Parameters
    ----------
    catalog
        The tags of the titles.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._version = -1
        self._table = TagTable(np.zeros(1, np.int32), np.zeros(0, np.int32), np.zeros(0, np.float32))

    def table(self) -> TagTable:
        """Return the tags of the titles as the catalog has them now."""
        if self._version != self._catalog.version:
            with self._catalog.lock:
                self._version, names = self._catalog.version, len(self._catalog.tag_names)
                indptr, ids = self._catalog.tags_of(np.arange(len(self._catalog.titles)))
            tagged = max(1, int(np.count_nonzero(np.diff(indptr))))
            share = np.bincount(ids, minlength=names) / tagged
            self._table = TagTable(indptr, ids.astype(np.int32), (1.0 - share).astype(np.float32))
        return self._table
