r"""Gives titles of a tag more or fewer of the best places, by what a viewer's acts say of the tag.

`ranking.tag_votes` says how strong the search intent for a tag is, and how much it is turned to and
disliked. A constant added to scores would have to suit every model: in a world of four genres the genre of a
viewer with six likes leads by 2 nats or by 5, by how many others like the same. So a vote says how many of
the twenty best titles have the tag:

* A tag with a search intent of strength x has at least :math:`10 x / (1 + x)` of them, one that the viewer
  turns to :math:`10 \min(1, u)`. So many of its titles, the best before any vote, move towards the score c of
  a title that stays: :math:`s' = c - r (c - s)`, with the r that brings all of them to twenty. For a search
  intent c is the best score; for a tag that the viewer turns to it is the tenth: the first ten stay as the
  model has them, and the other ten are a hedge. All other titles of the tag stay where they are: if they
  moved as well, what one title gains would shift all of them against the titles of other tags (ADR 67).
* A title loses what the most disliked of its tags takes (ADR 45): :math:`\lambda (1 - p_g) d / (1 + d)` with
  d the votes beyond the doubt, and :math:`p_g` the share of titles with the tag: what most titles have, such
  as a language, says little. From `SURE` votes v on the tag has at most :math:`n / (1 + v)` of the n that it
  had: if more are left, its titles lose more.

Tags move one after the other, the strongest vote last: so it has its places whatever the others bring.
"""

from typing import NamedTuple

import numpy as np

from online_models.jit import jit_no_alloc
from online_models.passed_by_pointer import PassedByPointer
from online_models.ranking.tag_table import TagTable
from online_models.ranking.tag_votes import DISLIKED, DOUBT, INTENT, TURNED, TagVotes, new_votes
from online_models.tables.layout import F4, I4, U1, Params, Real
from online_models.tables.working_memory import kept_by_thread

__all__ = ["VoteScratch", "apply_votes", "vote_scratch"]

SEEN = 20
"""Best titles among which those with a tag are counted: a row of top picks."""
MOST = 10
"""Of these, titles that the strongest vote for a tag brings."""
STAYING = 10
"""Best titles that stay where they are when a viewer turns to a genre, so that HR@10 is not lost (ADR 49)."""
SURE = 1.5
"""Votes against a tag from which its places are bounded: three thumbs down after six likes are 1.8, eight
skips 1.6; low ratings among likes are less."""
VOTED = 8
"""Tags of a viewer that move titles, the strongest: the bits of a byte."""
BLOCK = 16
"""Titles that are compared at a time, as vector instructions."""


class VotedTitles(NamedTuple):
    """The titles with a voted tag, copied together: all passes but one are over these alone."""

    title: I4
    """[T + 1]: the last is written, and not counted."""
    row: F4
    base: F4
    mask: U1
    first: F4
    """Scores before votes bring any title nearer: they decide which titles of a tag these are."""


class VoteScratch(PassedByPointer):
    """Working memory of a call."""

    votes: TagVotes
    best: F4
    """[2, SEEN] the best scores without and with a tag, in descending order."""
    rest: F4
    """[SEEN] the best scores without any voted tag."""
    voted: I4
    """[VOTED] tags with the strongest votes, weakest first."""
    places: I4
    """[VOTED] best titles with each of them, before anything moves."""
    least: F4
    """[VOTED] what titles with a disliked tag lose at least."""
    mask: U1
    """[T] the voted tags of each title, one bit each; 0 between viewers."""
    title: I4
    """[T + 1] the titles with a voted tag, and their scores: `VotedTitles` are the first ones."""
    row: F4
    base: F4
    voted_mask: U1
    first: F4


def vote_scratch(tags: TagTable) -> VoteScratch:
    """Return working memory."""
    return _vote_scratch(tags.genres.size, new_votes(tags))


@kept_by_thread
def _vote_scratch(size: int, votes: TagVotes) -> VoteScratch:
    return VoteScratch(
        votes,
        np.empty((2, SEEN), np.float32),
        np.empty(SEEN, np.float32),
        np.empty(VOTED, np.int32),
        np.empty(VOTED, np.int32),
        np.empty(VOTED, np.float32),
        np.zeros(size, np.uint8),
        np.empty(size + 1, np.int32),
        np.empty(size, np.float32),
        np.empty(size, np.float32),
        np.empty(size, np.uint8),
        np.empty(size, np.float32),
    )


@jit_no_alloc
def _strength(votes: F4, tag: int) -> Real:
    against = votes[DISLIKED, tag]
    return np.float32(max(votes[INTENT, tag], votes[TURNED, tag], against / (np.float32(1.0) + against)))


@jit_no_alloc
def _sort_voted(at: TagVotes) -> int:
    """Sort the tags whose votes count to the front; return how many: of equal votes the order decides."""
    n = 0
    for i in range(at.n[0]):
        g = at.tags[i]
        if _strength(at.votes, g) > 0:
            k = n
            at.tags[i] = at.tags[n]
            while k > 0 and at.tags[k - 1] > g:
                at.tags[k] = at.tags[k - 1]
                k -= 1
            at.tags[k] = g
            n += 1
    return n


@jit_no_alloc
def _strongest(at: TagVotes, voted: I4) -> int:
    """Write the tags of the strongest votes into ``voted``, the weakest first; return how many."""
    n, votes = 0, at.votes
    for i in range(_sort_voted(at)):
        g = at.tags[i]
        strength = _strength(votes, g)
        if strength <= 0 or (n == VOTED and strength <= _strength(votes, voted[0])):
            continue
        k = 0
        if n < VOTED:
            for m in range(n, 0, -1):
                voted[m] = voted[m - 1]
            n += 1
        while k + 1 < n and _strength(votes, voted[k + 1]) <= strength:
            voted[k] = voted[k + 1]
            k += 1
        voted[k] = g
    return n


@jit_no_alloc
def _keep(best: F4, score: Real) -> None:
    """Enter a score into the best ones, in descending order."""
    if score > best[SEEN - 1]:
        k = SEEN - 1
        while k > 0 and best[k - 1] < score:
            best[k] = best[k - 1]
            k -= 1
        best[k] = score


@jit_no_alloc
def _gather(tags: TagTable, n: int, base: F4, row: F4, at: VoteScratch) -> int:
    """Copy the titles with a voted tag together; return how many."""
    m, size = 0, min(row.size, at.mask.size)
    for k in range(n):
        g = at.voted[k]
        for a in range(tags.starts[g], tags.starts[g + 1]):
            t = tags.titles[a]
            if t < size and row[t] + base[t] > -np.inf:
                at.title[m] = t
                m += at.mask[t] == 0
                at.mask[t] |= np.uint8(1) << np.uint8(k)
    for i in range(m):
        t = at.title[i]
        at.row[i], at.base[i], at.voted_mask[i] = row[t], base[t], at.mask[t]
    return m


@jit_no_alloc
def _find_rest(base: F4, row: F4, mask: U1, best: F4) -> None:
    """Write the best scores of titles without a voted tag: they do not move."""
    best[:] = -np.inf
    size = min(row.size, mask.size)
    whole = size // BLOCK * BLOCK
    for a in range(0, whole, BLOCK):
        better, least = np.int32(0), best[SEEN - 1]
        for t in range(a, a + BLOCK):
            better |= np.int32((row[t] + base[t] > least) & (mask[t] == 0))
        for t in range(a, a + BLOCK if better else a):
            if (mask[t] == 0) & (row[t] + base[t] > best[SEEN - 1]):  # one branch, seldom taken
                _keep(best, row[t] + base[t])
    for t in range(whole, size):
        if (mask[t] == 0) & (row[t] + base[t] > best[SEEN - 1]):
            _keep(best, row[t] + base[t])


@jit_no_alloc
def _any_disliked(n: int, at: VoteScratch) -> bool:
    found = False
    for k in range(n):
        found |= at.votes.votes[DISLIKED, at.voted[k]] > 0
    return found


@jit_no_alloc
def _find_last(moved: VotedTitles, at: VoteScratch) -> Real:
    """Return the least score of a best title."""
    having = at.best[1]
    having[:] = -np.inf
    for i in range(moved.row.size):
        _keep(having, moved.row[i] + moved.base[i])
    return _score_at(having, at.rest, SEEN - 1)


@jit_no_alloc
def _take_least(
    params: Params, tags: TagTable, n: int, last: Real, moved: VotedTitles, at: VoteScratch
) -> None:
    """Count best titles with each voted tag, and take from titles what the most disliked of theirs takes."""
    at.places[:] = 0
    for k in range(n):
        g = at.voted[k]
        d = max(at.votes.votes[DISLIKED, g] - np.float32(DOUBT), np.float32(0.0))
        at.least[k] = np.float32(params.dislike) * tags.rarity[g] * d / (np.float32(1.0) + d)
    for i in range(moved.row.size):
        loss, seen = np.float32(0.0), moved.row[i] + moved.base[i] >= last
        for k in range(n):
            bit = moved.mask[i] >> np.uint8(k) & np.uint8(1)
            at.places[k] += seen & (bit != 0)
            loss = max(loss, at.least[k] * np.float32(bit))  # a branch would be mispredicted
        moved.row[i] -= loss


@jit_no_alloc
def _find_least(k: int, wanted: int, moved: VotedTitles, at: VoteScratch) -> tuple[int, Real]:
    """Return how many titles with a voted tag have places, at most so many, and the least of their scores.

    These are its best ones before any moved: so what one title gains or loses changes one of them.
    """
    mask, bit, having = moved.mask, np.uint8(1) << np.uint8(k), at.best[1]
    having[:] = -np.inf
    for i in range(moved.first.size):
        if (mask[i] & bit != 0) & (moved.first[i] > having[SEEN - 1]):  # one branch, seldom taken
            _keep(having, moved.first[i])
    while wanted > 0 and having[wanted - 1] == -np.inf:
        wanted -= 1
    return wanted, np.float32(having[max(wanted - 1, 0)])


@jit_no_alloc
def _find_best(k: int, least: Real, moved: VotedTitles, at: VoteScratch) -> None:
    """Write the best scores of titles with a voted tag and at least a score at first, and of all others."""
    for n in range(SEEN):
        at.best[0, n], at.best[1, n] = at.rest[n], -np.inf
    row, base, mask, first = moved.row, moved.base, moved.mask, moved.first
    bit = np.uint8(1) << np.uint8(k)
    whole = row.size // BLOCK * BLOCK
    for a in range(0, whole, BLOCK):
        better, without, having = np.int32(0), at.best[0, SEEN - 1], at.best[1, SEEN - 1]
        for i in range(a, a + BLOCK):
            of = (mask[i] & bit != 0) & (first[i] >= least)
            better |= np.int32(row[i] + base[i] > (having if of else without))
        for i in range(a, a + BLOCK if better else a):
            _keep(at.best[1 if (mask[i] & bit != 0) & (first[i] >= least) else 0], row[i] + base[i])
    for i in range(whole, row.size):
        _keep(at.best[1 if (mask[i] & bit != 0) & (first[i] >= least) else 0], row[i] + base[i])


@jit_no_alloc
def _score_at(having: F4, others: F4, place: int) -> Real:
    """Return the score at a place among all titles, from the best with a tag and those without it."""
    n = 0
    for m in range(place + 1):
        if having[n] >= others[m - n]:
            if m == place:
                return np.float32(having[n])
            n += 1
    return np.float32(others[place - n])


@jit_no_alloc
def _bring(having: F4, others: F4, wanted: int, staying: int) -> tuple[Real, Real]:
    """Return c and r that bring a tag so many of the places; an infinite c if it has them."""
    if wanted == 0 or having[wanted - 1] > others[SEEN - wanted]:
        return np.float32(np.inf), np.float32(1.0)
    near = _score_at(having, others, staying - 1)
    distance = near - having[wanted - 1]
    if distance <= 0:
        return np.float32(np.inf), np.float32(1.0)
    return near, np.float32(0.999) * (near - others[SEEN - wanted]) / distance  # just above that score


@jit_no_alloc
def _excess(having: F4, others: F4, left: int) -> Real:
    """Return what the titles with a tag must lose to have at most so many of the places."""
    if left < SEEN and having[left] > -np.inf and others[SEEN - 1 - left] > -np.inf:
        return np.float32(1.001 * max(having[left] - others[SEEN - 1 - left], np.float32(0.0)))
    return np.float32(0.0)


@jit_no_alloc
def _move_towards(k: int, least: Real, near: Real, shrink: Real, moved: VotedTitles) -> None:
    """Move titles with a voted tag that had at least a score at first towards another, if theirs is lower."""
    row, base, mask, bit = moved.row, moved.base, moved.mask, np.uint8(1) << np.uint8(k)
    for i in range(row.size):
        distance = near - (row[i] + base[i])
        nearer = row[i] + (distance - shrink * distance)
        of = (mask[i] & bit != 0) & (moved.first[i] >= least)
        row[i] = nearer if of & (distance > 0) else row[i]


@jit_no_alloc
def _move_down(k: int, loss: Real, moved: VotedTitles) -> None:
    """Take something from titles with a voted tag."""
    row, mask, bit = moved.row, moved.mask, np.uint8(1) << np.uint8(k)
    for i in range(row.size):
        row[i] -= loss if mask[i] & bit else np.float32(0.0)


@jit_no_alloc
def _bring_places(tag: int, k: int, moved: VotedTitles, at: VoteScratch) -> None:
    """Give a voted tag its places."""
    votes = at.votes.votes
    for way, staying in ((INTENT, 1), (TURNED, STAYING)):
        if votes[way, tag] > 0:
            wanted, least = _find_least(k, int(MOST * votes[way, tag] + 0.5), moved, at)
            _find_best(k, least, moved, at)
            near, shrink = _bring(at.best[1], at.best[0], wanted, staying)
            if near < np.inf:
                _move_towards(k, least, near, shrink, moved)
    if votes[DISLIKED, tag] >= SURE:
        _find_best(k, np.float32(-np.inf), moved, at)
        left = int(at.places[k] / (1.0 + votes[DISLIKED, tag]) + 0.5)
        _move_down(k, _excess(at.best[1], at.best[0], left), moved)


@jit_no_alloc
def apply_votes(params: Params, tags: TagTable, base: F4, row: F4, at: VoteScratch) -> None:
    """Move titles of the tags on which a viewer voted in their score row, after `count_votes`.

    ``row + base`` are the scores of the titles; titles at -inf are not compared.
    """
    n = _strongest(at.votes, at.voted)
    m = _gather(tags, n, base, row, at)
    moved = VotedTitles(at.title[:m], at.row[:m], at.base[:m], at.voted_mask[:m], at.first[:m])
    _find_rest(base, row, at.mask, at.rest)
    if _any_disliked(n, at):
        _take_least(params, tags, n, _find_last(moved, at), moved, at)
    for i in range(m):
        moved.first[i] = moved.row[i] + moved.base[i]
    for k in range(n):
        _bring_places(at.voted[k], k, moved, at)
    for i in range(moved.title.size):
        row[moved.title[i]] = moved.row[i]
        at.mask[moved.title[i]] = 0
