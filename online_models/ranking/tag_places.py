r"""Gives titles of a tag more or fewer of the best places, by what a viewer's acts say of the tag.

`ranking.tag_votes` says how much a tag is sought, turned to and disliked. A constant added to
scores would have to suit every model: in a world of four genres the genre of a viewer with six likes leads by
2 nats or by 5, by how many others like the same. So a vote says how many of the twenty best titles have the
tag:

* A tag that is sought with strength x has at least :math:`10 x / (1 + x)` of them, one that the viewer turns
  to :math:`10 \min(1, u)`. Its titles move towards the score c of a title that stays:
  :math:`s' = c - r (c - s)`, with the r that brings as many to twenty. For a sought tag c is the best score;
  for one that the viewer turns to it is the tenth: the first ten stay as the model has them, and the other
  ten are a hedge.
* A title loses what the most disliked of its tags takes (ADR 45): :math:`\lambda (1 - p_g) d / (1 + d)` with
  d the votes beyond the doubt, and :math:`p_g` the share of titles with the tag: what most titles have, such
  as a language, says little. From `SURE` votes v on the tag has at most :math:`n / (1 + v)` of the n that it
  had: if more are left, its titles lose more.

Tags move one after the other, the strongest vote last: so it has its places whatever the others bring.
"""

from typing import NamedTuple

import numpy as np

from online_models.jit import jit, jit_no_alloc
from online_models.ranking.tag_table import GENRES, TagTable
from online_models.ranking.tag_votes import (
    DOUBT,
    VOTES,
    count_dislikes,
    count_sought,
    count_turn,
    has_dislikes,
    has_sought,
)
from online_models.tables.layout import F4, I4, U1, U8, Params, Real, Titles, Viewers

__all__ = ["VoteScratch", "apply_votes", "find_voters", "has_votes", "vote_scratch"]

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
SOUGHT, TURNED, DISLIKED = 0, 1, 2
"""Rows of votes."""


class VoteScratch(NamedTuple):
    """Working memory of a call."""

    votes: F4
    """[3, G]"""
    bits: U8
    """[VOTES]"""
    turn: F4
    """[GENRES]"""
    best: F4
    """[2, SEEN] the best scores without and with a tag, in descending order."""
    voted: I4
    """[VOTED] tags with the strongest votes, weakest first."""
    places: I4
    """[VOTED] best titles with each of them, before anything moves."""
    least: F4
    """[VOTED] what titles with a disliked tag lose at least."""
    number: U1
    """[G] 1 + the number of a voted tag, else 0."""
    mask: U1
    """[T] the voted tags of each title, one bit each."""


@jit
def vote_scratch(tags: TagTable) -> VoteScratch:
    """Allocate working memory."""
    return VoteScratch(
        np.zeros((3, tags.rarity.size), np.float32),
        np.zeros(VOTES, np.uint64),
        np.zeros(GENRES, np.float32),
        np.empty((2, SEEN), np.float32),
        np.empty(VOTED, np.int32),
        np.empty(VOTED, np.int32),
        np.empty(VOTED, np.float32),
        np.zeros(tags.rarity.size, np.uint8),
        np.zeros(tags.genres.size, np.uint8),
    )


@jit_no_alloc
def has_votes(viewers: Viewers, params: Params, v: int, now: int, tags: TagTable, at: VoteScratch) -> bool:
    """Return whether a viewer may have voted on a tag; write how they turned into ``at.turn``."""
    turned = params.turn > 0 and count_turn(viewers, params, v, tags, at.bits, at.turn)
    return bool(turned or has_sought(viewers, params, v) or has_dislikes(viewers, params, v, now))


@jit_no_alloc
def _count_votes(
    titles: Titles, viewers: Viewers, params: Params, v: int, now: int, tags: TagTable, at: VoteScratch
) -> bool:
    """Write a viewer's votes; return whether there are any. ``at.turn`` is as `has_votes` has written it."""
    at.votes[:] = 0.0
    found = count_sought(titles, viewers, params, v, tags, at.votes[SOUGHT])
    for b in range(GENRES if params.turn > 0 else 0):
        if at.turn[b] > 0 and tags.tag_of[b] >= 0:
            at.votes[TURNED, tags.tag_of[b]] = at.turn[b]
            found = True
    if has_dislikes(viewers, params, v, now):
        found |= count_dislikes(viewers, params, v, now, tags, at.votes[DISLIKED])
    return bool(found)


@jit_no_alloc
def _strength(votes: F4, tag: int) -> Real:
    against = votes[DISLIKED, tag]
    return np.float32(max(votes[SOUGHT, tag], votes[TURNED, tag], against / (np.float32(1.0) + against)))


@jit_no_alloc
def _strongest(votes: F4, voted: I4) -> int:
    """Write the tags of the strongest votes into ``voted``, the weakest first; return how many."""
    n = 0
    for g in range(votes.shape[1]):
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
def _mark(tags: TagTable, n: int, base: F4, row: F4, at: VoteScratch) -> Real:
    """Write the voted tags of each title into ``at.mask``; return the least score of a best title."""
    best = at.best[0]
    best[:] = -np.inf
    for k in range(n):
        at.number[at.voted[k]] = k + 1
    for t in range(min(row.size, at.mask.size)):
        mask, score = np.uint8(0), row[t] + base[t]
        if score > -np.inf:
            for a in range(tags.indptr[t], tags.indptr[t + 1]):
                number = at.number[tags.ids[a]]
                if number > 0:
                    mask |= np.uint8(1) << np.uint8(number - 1)
            _keep(best, score)
        at.mask[t] = mask
    for k in range(n):
        at.number[at.voted[k]] = 0
    return np.float32(best[SEEN - 1])


@jit_no_alloc
def _take_least(
    params: Params, tags: TagTable, n: int, last: Real, base: F4, row: F4, at: VoteScratch
) -> None:
    """Count best titles with each voted tag, and take from titles what the most disliked of theirs takes."""
    at.places[:] = 0
    for k in range(n):
        g = at.voted[k]
        d = max(at.votes[DISLIKED, g] - np.float32(DOUBT), np.float32(0.0))
        at.least[k] = np.float32(params.dislike) * tags.rarity[g] * d / (np.float32(1.0) + d)
    for t in range(min(row.size, at.mask.size)):
        if at.mask[t] == 0:
            continue
        loss, seen = np.float32(0.0), row[t] + base[t] >= last
        for k in range(n):
            if at.mask[t] >> np.uint8(k) & np.uint8(1):
                at.places[k] += seen
                loss = max(loss, at.least[k])
        row[t] -= loss


@jit_no_alloc
def _find_best(k: int, base: F4, row: F4, at: VoteScratch) -> None:
    """Write the best scores without and with a voted tag."""
    at.best[:] = -np.inf
    for t in range(min(row.size, at.mask.size)):
        score = row[t] + base[t]
        if score > -np.inf:
            _keep(at.best[at.mask[t] >> np.uint8(k) & np.uint8(1)], score)


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
    while wanted > 0 and having[wanted - 1] == -np.inf:
        wanted -= 1
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
def _move_towards(k: int, near: Real, shrink: Real, base: F4, row: F4, at: VoteScratch) -> None:
    """Move titles with a voted tag towards a score, if theirs are lower."""
    for t in range(min(row.size, at.mask.size)):
        distance = near - (row[t] + base[t])
        if at.mask[t] >> np.uint8(k) & np.uint8(1) and distance > 0:
            row[t] += distance - shrink * distance


@jit_no_alloc
def _move_down(k: int, loss: Real, row: F4, at: VoteScratch) -> None:
    """Take something from titles with a voted tag."""
    for t in range(min(row.size, at.mask.size)):
        if at.mask[t] >> np.uint8(k) & np.uint8(1):
            row[t] -= loss


@jit_no_alloc
def _bring_places(tag: int, k: int, base: F4, row: F4, at: VoteScratch) -> None:
    """Give a voted tag its places."""
    for way, staying in ((SOUGHT, 1), (TURNED, STAYING)):
        if at.votes[way, tag] > 0:
            _find_best(k, base, row, at)
            wanted = int(MOST * at.votes[way, tag] + 0.5)
            near, shrink = _bring(at.best[1], at.best[0], wanted, staying)
            if near < np.inf:
                _move_towards(k, near, shrink, base, row, at)
    if at.votes[DISLIKED, tag] >= SURE:
        _find_best(k, base, row, at)
        left = int(at.places[k] / (1.0 + at.votes[DISLIKED, tag]) + 0.5)
        _move_down(k, _excess(at.best[1], at.best[0], left), row, at)


@jit_no_alloc
def apply_votes(
    titles: Titles,
    viewers: Viewers,
    params: Params,
    v: int,
    now: int,
    tags: TagTable,
    base: F4,
    row: F4,
    at: VoteScratch,
) -> None:
    """Move titles of the tags that a viewer voted on in their score row, if `has_votes`.

    ``row + base`` are the scores of the titles; titles at -inf are not compared.
    """
    if not _count_votes(titles, viewers, params, v, now, tags, at):
        return
    n = _strongest(at.votes, at.voted)
    _take_least(params, tags, n, _mark(tags, n, base, row, at), base, row, at)
    for k in range(n):
        _bring_places(at.voted[k], k, base, row, at)


@jit
def find_voters(viewers: Viewers, params: Params, slots: I4, now: int, tags: TagTable, out: U1) -> None:
    """Set ``out`` [n] to 1 for the viewers who may have voted on a tag."""
    at = vote_scratch(tags)
    for q in range(slots.size):
        out[q] |= has_votes(viewers, params, slots[q], now, tags, at)
