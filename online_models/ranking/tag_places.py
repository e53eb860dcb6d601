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

At most `MOST` titles of a tag rise, so whether a title is among the best `SEEN` is decided by few: the
*front*, the `SEEN` + `MOST` best before any vote and what the voted tags may bring. A title outside of it has
as many better ones that do not fall, even without those that a tag brings. It is found anew after a tag has
lost something: then others may climb.
"""

import numpy as np

from online_models.jit import jit_exact, jit_no_alloc
from online_models.passed_by_pointer import PassedByPointer
from online_models.ranking.tag_table import TagTable
from online_models.ranking.tag_votes import DISLIKED, DOUBT, INTENT, TURNED, TagVotes, new_votes
from online_models.tables.layout import F4, I4, Params, Real
from online_models.tables.top_k import BLOCK, keep_score, top
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
"""Tags of a viewer that move titles, the strongest."""


class VoteScratch(PassedByPointer):
    """Working memory of a call."""

    votes: TagVotes
    voted: I4
    """[VOTED] tags with the strongest votes, weakest first."""
    places: I4
    """[VOTED] best titles with each of them, before anything moves."""
    least: F4
    """[VOTED] what titles with a disliked tag lose at least."""
    lost: F4
    """[T] what each title loses, or its score while it is left out of a search; 0 between calls."""
    own: I4
    """[VOTED, MOST] the best titles of each tag before any is moved, in descending order."""
    own_n: I4
    """[VOTED] how many."""
    own_score: F4
    """[MOST] their scores while they are searched."""
    piles: F4
    """[BLOCK] for `tables.top_k.top`."""
    top: I4
    """[SEEN + MOST] best titles of a search, in descending order, -1 for none."""
    top_score: F4
    """[SEEN + MOST]"""
    front: I4
    """[SEEN + MOST + VOTED * MOST] titles of the front."""
    best: F4
    """[2, SEEN] the best scores without and with a tag, in descending order."""


def vote_scratch(tags: TagTable) -> VoteScratch:
    """Return working memory."""
    return _vote_scratch(tags.genres.size, new_votes(tags))


@kept_by_thread
def _vote_scratch(size: int, votes: TagVotes) -> VoteScratch:
    return VoteScratch(
        votes,
        np.empty(VOTED, np.int32),
        np.empty(VOTED, np.int32),
        np.empty(VOTED, np.float32),
        np.zeros(size, np.float32),
        np.empty((VOTED, MOST), np.int32),
        np.empty(VOTED, np.int32),
        np.empty(MOST, np.float32),
        np.empty(BLOCK, np.float32),
        np.empty(SEEN + MOST, np.int32),
        np.empty(SEEN + MOST, np.float32),
        np.empty(SEEN + MOST + VOTED * MOST, np.int32),
        np.empty((2, SEEN), np.float32),
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
def _enter(title: int, score: Real, titles: I4, scores: F4) -> None:
    """Enter a title into the best ones, in descending order of their scores."""
    k = scores.size - 1
    if score > scores[k]:
        while k > 0 and scores[k - 1] < score:
            titles[k], scores[k] = titles[k - 1], scores[k - 1]
            k -= 1
        titles[k], scores[k] = title, score


@jit_no_alloc
def _find_own(tags: TagTable, base: F4, row: F4, k: int, at: VoteScratch) -> None:
    """Find the best titles of a voted tag: as many as it may bring."""
    tag, titles, scores, votes = at.voted[k], at.own[k], at.own_score, at.votes.votes
    wanted = min(int(MOST * max(votes[INTENT, tag], votes[TURNED, tag]) + 0.5), MOST)
    last, least, n = wanted - 1, np.float32(-np.inf), 0
    scores[:] = -np.inf
    for a in range(tags.starts[tag], tags.starts[tag + 1] if wanted > 0 else 0):
        t = tags.titles[a]
        score = row[t] + base[t] if t < row.size else np.float32(-np.inf)
        if score > least:
            _enter(t, score, titles[:wanted], scores[:wanted])
            least = scores[last]
            n += 1
    at.own_n[k] = min(n, wanted)


@jit_no_alloc
def _find_front(base: F4, row: F4, n: int, at: VoteScratch) -> int:
    """Find the titles that may be among the best while tags bring theirs; return how many."""
    top(row, base, at.piles, at.top, at.top_score)
    front, m = at.front, 0
    for i in range(at.top.size):
        front[m] = at.top[i]
        m += at.top[i] >= 0
    for k in range(n):
        for i in range(at.own_n[k]):
            known = False
            for j in range(m):
                known |= front[j] == at.own[k, i]
            front[m] = at.own[k, i]
            m += not known
    return m


@jit_no_alloc
def _count_places(tags: TagTable, n: int, at: VoteScratch) -> None:
    """Count the best titles with each voted tag."""
    at.places[:] = 0
    for i in range(SEEN):
        t = at.top[i]
        tagged = 0 <= t < tags.indptr.size - 1
        for a in range(tags.indptr[t] if tagged else 0, tags.indptr[t + 1] if tagged else 0):
            for k in range(n):
                at.places[k] += tags.ids[a] == at.voted[k]


@jit_no_alloc
def _any_disliked(n: int, at: VoteScratch) -> bool:
    found = False
    for k in range(n):
        found |= at.votes.votes[DISLIKED, at.voted[k]] > 0
    return found


@jit_no_alloc
def _take_least(params: Params, tags: TagTable, base: F4, row: F4, n: int, at: VoteScratch) -> None:
    """Take from titles what the most disliked of their tags takes."""
    for k in range(n):
        g = at.voted[k]
        d = max(at.votes.votes[DISLIKED, g] - np.float32(DOUBT), np.float32(0.0))
        at.least[k] = np.float32(params.dislike) * tags.rarity[g] * d / (np.float32(1.0) + d)
        for a in range(tags.starts[g], tags.starts[g + 1] if at.least[k] > 0 else 0):
            t = tags.titles[a]
            at.lost[t] = max(at.lost[t], at.least[k])
    for k in range(n):
        g = at.voted[k]
        for a in range(tags.starts[g], tags.starts[g + 1] if at.least[k] > 0 else 0):
            t = tags.titles[a]
            if t < row.size and row[t] + base[t] > -np.inf:
                row[t] -= at.lost[t]
            at.lost[t] = 0.0  # a title with two of the tags loses once


@jit_no_alloc
def _find_best(base: F4, row: F4, k: int, wanted: int, m: int, at: VoteScratch) -> None:
    """Write the best scores of the titles that a voted tag brings, and of all others."""
    at.best[:] = -np.inf
    own = at.own[k]
    for i in range(m):
        t, brought = at.front[i], False
        for j in range(wanted):
            brought |= own[j] == t
        keep_score(at.best[1 if brought else 0], row[t] + base[t])


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


@jit_exact
def _move_towards(base: F4, row: F4, titles: I4, near: Real, shrink: Real) -> None:
    """Move titles towards another one, if their scores are lower."""
    for t in titles:
        distance = near - (row[t] + base[t])
        if distance > 0:
            row[t] += distance - shrink * distance


@jit_no_alloc
def _bring_places(base: F4, row: F4, k: int, m: int, at: VoteScratch) -> None:
    """Give a voted tag the places that a search intent or a change of taste asks for."""
    tag = at.voted[k]
    for way, staying in ((INTENT, 1), (TURNED, STAYING)):
        wanted = min(int(MOST * at.votes.votes[way, tag] + 0.5), at.own_n[k])
        if wanted > 0:
            _find_best(base, row, k, wanted, m, at)
            near, shrink = _bring(at.best[1], at.best[0], wanted, staying)
            if near < np.inf:
                _move_towards(base, row, at.own[k, :wanted], near, shrink)


@jit_no_alloc
def _bound_places(tags: TagTable, base: F4, row: F4, k: int, at: VoteScratch) -> bool:
    """Leave a tag with many votes against it a part of the places that it had; return whether any moved."""
    tag, having = at.voted[k], at.best[1]
    start, stop = tags.starts[tag], tags.starts[tag + 1]
    having[:] = -np.inf
    for a in range(start, stop):
        t = tags.titles[a]
        if t < row.size:
            keep_score(having, row[t] + base[t])
            at.lost[t], row[t] = row[t], -np.inf
    top(row, base, at.piles, at.top, at.top_score)
    left = int(at.places[k] / (1.0 + at.votes.votes[DISLIKED, tag]) + 0.5)
    loss = _excess(having, at.top_score, left)
    for a in range(start, stop):
        t = tags.titles[a]
        if t < row.size:
            row[t] = at.lost[t] - (loss if base[t] > -np.inf else np.float32(0.0))
            at.lost[t] = 0.0
    return bool(loss > 0)


@jit_no_alloc
def apply_votes(params: Params, tags: TagTable, base: F4, row: F4, at: VoteScratch) -> None:
    """Move titles of the tags on which a viewer voted in their score row, after `count_votes`.

    ``row + base`` are the scores of the titles; titles at -inf are not compared.
    """
    n = _strongest(at.votes, at.voted)
    if _any_disliked(n, at):
        top(row, base, at.piles, at.top, at.top_score)
        _count_places(tags, n, at)
        _take_least(params, tags, base, row, n, at)
    for k in range(n):
        _find_own(tags, base, row, k, at)
    m = _find_front(base, row, n, at)
    for k in range(n):
        _bring_places(base, row, k, m, at)
        if at.votes.votes[DISLIKED, at.voted[k]] >= SURE and _bound_places(tags, base, row, k, at):
            m = _find_front(base, row, n, at)
