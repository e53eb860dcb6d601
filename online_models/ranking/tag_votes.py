r"""Votes on tags: dislikes, search intent and changes of taste, out of a viewer's newest acts.

* **Dislikes** (ADR 45). The newest entries of the history vote by :math:`\beta^l`, l = 0 for the newest, a
  thumb down 1, a skip or a quick stop `SKIP`, a like :math:`-\gamma`:
  :math:`v_g = \sum_l \beta^l v_l [g \in G_l]`, which counts beyond :math:`\theta`. Likes protect a genre: one
  thumb down after three likes of it has no effect; one thumb up takes back a part.
* **Searches, browsing and opened titles** (`learners.intent`): each shows an intent for the tag that it
  names, or for the genres of the title.
* **A change of taste.** Who has liked hardly anything but one genre likes a film of a genre that is not among
  the likes before: :math:`u_g = \kappa \sum_l \beta^l [g \in G_l]`.

What votes do to scores is in `ranking.tag_places`. The constants were chosen in the world of
`tests/situations`; MovieLens-100K is in ADR 45 and 49.
"""

import numpy as np

from online_models.jit import jit_no_alloc
from online_models.learners.intent import strength_of
from online_models.passed_by_pointer import PassedByPointer
from online_models.ranking.tag_table import GENRES, TagTable
from online_models.tables.feedback_layout import MOST_REJECTED, SECOND
from online_models.tables.layout import CHUNK, F4, I4, U1, U8, Params, Real, Viewers
from online_models.tables.working_memory import kept_by_thread

__all__ = ["DISLIKED", "DOUBT", "INTENT", "TURNED", "TagVotes", "count_votes", "new_votes"]

EXPLICIT = 1.0
"""Least weight of a rejection that votes in full: a low rating, a thumb down."""
SKIPPED = 0.5
"""Least weight of a rejection that votes as a skip (`RewardConfig.quick_stop`); weaker ones have no vote."""
SKIP = 0.4
"""Vote of a skip or a quick stop: eight skips leave eight of 20 comedies."""
STEP = 0.85
"""Weight of a vote per entry back: the last four entries have half of all weight."""
LIKE = 0.3
"""Votes of a like against the dislikes of its tags. With .5, three thumbs down leave 19 comedies of 20, five
none."""
DOUBT = 0.5
"""Votes on a tag that have no effect; .3 leaves up to one comedy of 20 less."""
VOTES = 32
"""Newest entries that vote: .85 ** 32 = .006."""
NEWEST = 6
"""Newest likes in which a genre may be new."""
STEADY = 0.8
"""Share of the likes before that one genre must have: a change of taste needs a taste."""
FEW = 4
"""Likes that a viewer needs before: the first ones are all of a new taste."""
INTENT, TURNED, DISLIKED = 0, 1, 2
"""Rows of votes."""


class TagVotes(PassedByPointer):
    """A viewer's votes, and working memory to count them. All tags but few have none: only those are read."""

    votes: F4
    """[3, G], zero but for ``tags``."""
    is_voted: U1
    """[G]"""
    tags: I4
    """[G] tags with votes, until the next viewer."""
    n: I4
    """[1] how many."""
    bits: U8
    """[VOTES] genres of the newest likes."""


def new_votes(tags: TagTable) -> TagVotes:
    """Return working memory."""
    return _new_votes(tags.rarity.size)


@kept_by_thread
def _new_votes(size: int) -> TagVotes:
    return TagVotes(
        np.zeros((3, size), np.float32),
        np.zeros(size, np.uint8),
        np.empty(size, np.int32),
        np.zeros(1, np.int32),
        np.zeros(VOTES, np.uint64),
    )


@jit_no_alloc
def _clear(at: TagVotes) -> None:
    for k in range(at.n[0]):
        g = at.tags[k]
        at.is_voted[g] = 0
        for way in range(at.votes.shape[0]):
            at.votes[way, g] = 0.0
    at.n[0] = 0


@jit_no_alloc
def _vote(at: TagVotes, way: int, tag: int, weight: Real) -> None:
    at.votes[way, tag] += np.float32(weight)
    if not at.is_voted[tag]:
        at.is_voted[tag] = 1
        at.tags[at.n[0]] = tag
        at.n[0] += 1


@jit_no_alloc
def _dislike_of(viewers: Viewers, params: Params, v: int, title: int, now: int) -> Real:
    """Return a viewer's vote against a title, 0 for none; -1 as title: the largest one."""
    found = np.float32(0.0)
    for s in range(viewers.rejected.shape[1]):
        h, weight = viewers.rejected[v, s], viewers.rejected_weight[v, s]
        recent = now - SECOND * np.int64(viewers.rejected_at[v, s]) <= params.reward.rejection_ms
        if h >= 0 and weight >= SKIPPED and recent and (h == title or title < 0):
            found = max(found, weight / np.float32(MOST_REJECTED) if weight >= EXPLICIT else np.float32(SKIP))
    return found


@jit_no_alloc
def _vote_for_title(at: TagVotes, tags: TagTable, title: int, weight: Real) -> None:
    if title < tags.indptr.size - 1:
        for a in range(tags.indptr[title], tags.indptr[title + 1]):
            _vote(at, DISLIKED, tags.ids[a], weight)


@jit_no_alloc
def _count_dislikes(viewers: Viewers, params: Params, v: int, now: int, tags: TagTable, at: TagVotes) -> bool:
    """Add the votes against tags; return whether there are any."""
    weight, n, c = 1.0, 0, viewers.tail[v]
    used = (viewers.known[v] - 1) % CHUNK + 1
    while c >= 0 and n < VOTES:
        for s in range(used - 1, -1, -1):
            entry = viewers.chunk[c, s]
            if entry >= 0:
                _vote_for_title(at, tags, entry, -LIKE * weight)
            else:
                disliked = _dislike_of(viewers, params, v, ~entry, now)
                if disliked <= 0:
                    continue
                _vote_for_title(at, tags, ~entry, disliked * weight)
            weight *= STEP
            n += 1
        c = viewers.prev[c]
        used = CHUNK
    found = False
    for k in range(at.n[0]):
        g = at.tags[k]
        if at.votes[DISLIKED, g] > DOUBT:
            found = True
        else:
            at.votes[DISLIKED, g] = 0.0
    return found


@jit_no_alloc
def _count_intent(viewers: Viewers, params: Params, v: int, tags: TagTable, at: TagVotes) -> bool:
    """Add the search intent for each tag; return whether there is any."""
    for s in range(viewers.intent.shape[1]):
        key = viewers.intent[v, s]
        strength = strength_of(viewers, params, v, s) if key != 0 else np.float32(0.0)
        if strength <= 0:
            continue
        k = np.searchsorted(tags.word, key)
        is_word = k < tags.word.size and tags.word[k] == key
        while k < tags.word.size and tags.word[k] == key:
            _vote(at, INTENT, tags.named[k], strength)
            k += 1
        k = tags.half.size if is_word else np.searchsorted(tags.half, key)
        while k < tags.half.size and tags.half[k] == key:
            _vote_for_genres(at, tags, tags.genres[tags.having[k]], strength)
            k += 1
    for k in range(at.n[0]):
        g = at.tags[k]
        at.votes[INTENT, g] /= np.float32(1.0) + at.votes[INTENT, g]
    return bool(at.n[0] > 0)


@jit_no_alloc
def _vote_for_genres(at: TagVotes, tags: TagTable, genres: np.uint64, strength: Real) -> None:
    for b in range(GENRES):
        if genres >> np.uint64(b) & np.uint64(1):
            _vote(at, INTENT, tags.tag_of[b], strength)


@jit_no_alloc
def _recent_genres(viewers: Viewers, v: int, tags: TagTable, bits: U8) -> int:
    """Write the genres of the newest likes, newest first, into ``bits`` [VOTES]; return how many have any."""
    n, c, used = 0, viewers.tail[v], (viewers.known[v] - 1) % CHUNK + 1
    while c >= 0 and n < bits.size:
        for s in range(used - 1, -1, -1):
            entry = viewers.chunk[c, s]
            if 0 <= entry < tags.genres.size and tags.genres[entry] != 0 and n < bits.size:
                bits[n] = tags.genres[entry]
                n += 1
        c = viewers.prev[c]
        used = CHUNK
    return n


@jit_no_alloc
def _is_steady(bits: U8, start: int, stop: int) -> bool:
    """Return whether nearly all of the likes from ``start`` on have one genre in common."""
    left, g, steady = np.uint64(0), 0, False
    for k in range(start, stop):
        left |= bits[k]
    while left and not steady:
        if left & np.uint64(1):
            count = 0
            for k in range(start, stop):
                count += bits[k] >> np.uint64(g) & np.uint64(1) != 0
            steady = count >= STEADY * (stop - start)
        left >>= np.uint64(1)
        g += 1
    return steady


@jit_no_alloc
def _count_turn(viewers: Viewers, params: Params, v: int, tags: TagTable, at: TagVotes) -> bool:
    """Add how far a viewer has turned to each genre; return whether to any."""
    bits, n, found = at.bits, _recent_genres(viewers, v, tags, at.bits), False
    newest, older = np.uint64(0), np.uint64(0)
    for k in range(n):
        if k < NEWEST:
            newest |= bits[k]
        else:
            older |= bits[k]
    left = newest & ~older if n > FEW else np.uint64(0)
    g = 0
    while left:
        if left & np.uint64(1):
            strength, weight, last = 0.0, 1.0, 0
            for k in range(min(n, NEWEST)):
                if bits[k] >> np.uint64(g) & np.uint64(1):
                    strength += weight
                    last = k
                weight *= STEP
            if n - last - 1 >= FEW and tags.tag_of[g] >= 0 and _is_steady(bits, last + 1, n):
                _vote(at, TURNED, tags.tag_of[g], min(params.turn * strength, 1.0))
                found = True
        left >>= np.uint64(1)
        g += 1
    return found


@jit_no_alloc
def count_votes(viewers: Viewers, params: Params, v: int, now: int, tags: TagTable, at: TagVotes) -> bool:
    """Count a viewer's votes on tags; return whether there are any."""
    _clear(at)
    found = _count_intent(viewers, params, v, tags, at)
    if params.turn > 0:
        found |= _count_turn(viewers, params, v, tags, at)
    if params.dislike > 0 and _dislike_of(viewers, params, v, -1, now) > 0:
        found |= _count_dislikes(viewers, params, v, now, tags, at)
    return bool(found)
