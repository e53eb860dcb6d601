"""The titles' side of learning: vectors, neighbours and counters of one shard's titles, learned from signals.

`TitleSide` is the class; the kernels before it learn a signal at a time. Co-watch after the item-item
tradition of TencentRec (Huang et al., SIGMOD 2015); the equations of the vectors stand in
`learners.factorization`.
"""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet

import numpy as np
from numpy.typing import NDArray

from online_models.config import WAYS
from online_models.feedback.interaction_state import POSITIVE, REJECT, TOUCH, is_choice
from online_models.jit import jit, jit_inline, jit_no_alloc
from online_models.learners.factorization import (
    SMALL,
    begin_batch,
    draw_negatives,
    mark_moved,
    moved_rows,
    next_stamp,
    scratch,
    softmax_gradient,
)
from online_models.learners.stale_steps import StaleSteps, StepCounts, renew
from online_models.learners.tag_vectors import learn_tags, move_tags
from online_models.tables.derived_columns import count_positives, is_stale, update_prior
from online_models.tables.growing import grown
from online_models.tables.hashing import below, fill_shards, mix
from online_models.tables.history import share_of, title_of
from online_models.tables.layout import (
    DAY_MS,
    F8,
    I4,
    I8,
    TAGS,
    U8,
    Int,
    Params,
    Real,
    Scratch,
    Signals,
    Titles,
)
from online_models.tables.prefetch import prefetch, prefetch_row
from online_models.tables.titles import TitleTable, title_key

__all__ = ["DRIFTED_SHARE", "MOST_DRIFTED", "MOST_JUMP_MS", "TitleSide", "bound_jumps", "decayed", "shard_of"]

STALE_STEPS = np.float32(8)
"""Steps that a gradient does not know of and that make its own step 1 / sqrt(2) as long; n make it
1 / sqrt(1 + n / 8) (McMahan and Streeter, NeurIPS 2014). Thirty viewers who finish the same six films move
the inputs of these 2.0 far in the mean if they come one after the other, 4.5 in one batch with steps of full
length, and 2.2 so (ADR 46)."""


@jit_no_alloc
def activate(titles: Titles, t: int) -> None:
    """Append a title to the active ones at its first positive."""
    if titles.counts[t, 0] == 0:
        titles.active[titles.size[1]] = t
        titles.size[1] += 1


@jit_inline
def add_drift(titles: Titles, params: Params, j: int, way: float) -> None:
    """Add the movement of a row's vectors to its drift, and mark the row as changed if that is large."""
    titles.drift[j] += np.float32(way)
    if titles.drift[j] > params.publish_drift:
        titles.changed[j] = 1


@jit_no_alloc
def learn_outputs(
    titles: Titles, params: Params, signals: Signals, i: int, stamp: int, work: Scratch
) -> None:
    """Move the output vector and bias of a title, and of negatives without the stamp."""
    t, w, x = signals.title[i], signals.weight[i], signals.x[i]
    # Keyed by the title and the number of its positives: there is no state of a generator to store
    # (of neutral ratings, bits inverted, if it is one)
    drawn = titles.counts[t, 0] if signals.action[i] == POSITIVE else ~titles.counts[t, 2]
    state = mix(titles.key[t] ^ mix(np.uint64(params.seed) + np.uint64(drawn)))
    n = draw_negatives(titles, params.negatives, t, stamp, state, work)
    for q in range(n):
        prefetch_row(titles.acc, work.cand[q])
        prefetch(titles.drift, work.cand[q])
        if params.tag_learning_rate > 0:
            prefetch(titles.tags, TAGS * work.cand[q])
    softmax_gradient(titles, x, n, work)
    square = np.float32(0.0)
    for f in range(x.size):
        square += x[f] * x[f]
    mean, length = square / np.float32(x.size), np.sqrt(square)
    rate = np.float32(params.learning_rate)
    for q in range(n + 1):
        j, g = work.cand[q], work.g[q] * w
        if abs(g) >= SMALL:
            titles.acc[j, 0] += g * g * mean
            titles.acc[j, 1] += g * g
            step = rate * g / np.sqrt(titles.acc[j, 0])
            for f in range(x.size):
                titles.out[j, f] += step * x[f]
            titles.bias[j] += rate * g / np.sqrt(titles.acc[j, 1])
            mark_moved(work, j)
            add_drift(titles, params, j, abs(step) * length)
    if params.tag_learning_rate > 0:
        learn_tags(titles, params, x, mean, w, n, work)


@jit_no_alloc
def learn_inputs(
    titles: Titles, params: Params, owned: I4, signals: Signals, i: int, stale: StepCounts
) -> None:
    """Propagate the gradient of a representation to the input vectors of the history.

    ``stale`` counts the steps that the gradients do not know of (`learners.stale_steps`): they make further
    ones shorter.
    """
    k, depth = params.factors, signals.depth[i]
    for h in range(params.horizons.size if depth > 0 else 0):
        d = params.horizons[h]
        total: Real = 0.0
        b = 1.0
        for step in range(depth):
            weight = b * share_of(params, signals.history[i, step], step >= signals.session_items[i])
            total += weight * weight
            b *= d
        square = np.float32(0.0)
        for f in range(h * k, (h + 1) * k):
            square += signals.gradient[i, f] * signals.gradient[i, f]
        a, length = np.float32(1.0 / np.sqrt(total)), np.sqrt(square)
        for step in range(depth):
            if a * length < SMALL:  # weights fall with each step: all further ones are small, too
                break
            j = title_of(signals.history[i, step])
            if owned[j]:
                part = a * share_of(params, signals.history[i, step], step >= signals.session_items[i])
                titles.acc[j, 2 + h] += part * part * square / np.float32(k)
                rate = np.float32(params.learning_rate) * part / np.sqrt(titles.acc[j, 2 + h])
                if stale.period.size > 0:
                    renew(stale, j)
                    steps = stale.steps
                    rate /= np.sqrt(np.float32(1.0) + (steps[0, j, h] + steps[1, j, h]) / STALE_STEPS)
                    steps[1, j, h] += 1
                for f in range(h * k, (h + 1) * k):
                    titles.inp[j, f] += rate * signals.gradient[i, f]
                add_drift(titles, params, j, rate * length)
            a *= np.float32(d)


@jit_inline
def pair(titles: Titles, a: int, b: int, w: Real) -> None:
    """Add weight to neighbour ``b`` of title ``a``; a new neighbour replaces the weakest one of its set.

    The row is a set-associative cache: its places are sets of ``WAYS``, and the neighbour's key selects the
    set, so that a pair costs two cache lines and not thirteen. The rule of replacement makes no difference
    (five measured, HR@10 within .0003); the number of places does.
    """
    sets = titles.nbr.shape[1] // WAYS
    first = WAYS * below(mix(titles.key[b]), sets)
    at: Int = -1
    # No early exit: without branches the sixteen comparisons become vector instructions
    for s in range(first, first + WAYS):
        at = s if titles.nbr[a, s] == b else at
    if at < 0:
        at = first
        for s in range(first + 1, first + WAYS):
            at = s if titles.nbr_w[a, s] < titles.nbr_w[a, at] else at
        titles.nbr[a, at] = b
        titles.nbr_w[a, at] = 0.0
    titles.nbr_w[a, at] += np.float32(w)


@jit_no_alloc
def prefetch_pairs(titles: Titles, params: Params, signals: Signals, i: int) -> None:
    """Ask for the places of a title among the neighbours of the newest titles of the history."""
    places = titles.nbr.shape[1]
    first = WAYS * below(mix(titles.key[signals.title[i]]), places // WAYS)
    for step in range(min(signals.depth[i], params.window)):
        at = title_of(signals.history[i, step]) * places + first
        prefetch(titles.nbr, at)
        prefetch(titles.nbr_w, at)


@jit_no_alloc
def learn_pairs(titles: Titles, params: Params, owned: I4, signals: Signals, i: int) -> None:
    """Pair a title with the newest titles of the history, both ways; the weight falls with each step.

    A title that is only known counts ``reward.neutral``; a rejected one is never in the history.
    """
    t, weight = signals.title[i], float(signals.weight[i])
    for step in range(min(signals.depth[i], params.window)):
        j = title_of(signals.history[i, step])
        part = weight * share_of(params, signals.history[i, step], False)  # noqa: FBT003 - a kernel
        if owned[t]:
            pair(titles, t, j, part)
        if owned[j]:
            pair(titles, j, t, part)
            titles.changed[j] = 1
        weight *= params.pair_decay


@jit_no_alloc
def count(titles: Titles, params: Params, t: int, w: float, at: int) -> None:
    """Add a watch to the decayed counters: c <- c * 2 ** (-(t - t0) / half_life) + w, O(1), in event time.

    A late watch counts what it has decayed to by the newest. A weight taken back carries the time at which it
    was given, and no counter falls below 0.
    """
    gap, late = max(at - titles.trend_at[t], 0), min(at - titles.trend_at[t], 0)
    for h in range(3):
        kept = titles.trend[t, h] * 2.0 ** (-gap / params.half_lives_ms[h])
        titles.trend[t, h] = max(kept + w * 2.0 ** (late / params.half_lives_ms[h]), 0.0)
    titles.trend_at[t] = max(titles.trend_at[t], at)


@jit_no_alloc
def change_weight(titles: Titles, params: Params, signals: Signals, i: int, kind: int, work: Scratch) -> None:
    """Count a signal of a kind (column of ``counts``), and change the title's counters by its difference."""
    t, w = signals.title[i], float(signals.change[i])
    titles.counts[t, kind] += 1
    titles.changed[t] = 1
    if w != 0:
        titles.watches[t] = max(titles.watches[t] + w, 0.0)
        titles.norm[t] = np.float32(max(titles.watches[t], 1.0) ** -params.alpha)
        count(titles, params, t, w, signals.at[i])
    update_prior(titles, params, t)
    mark_moved(work, t)


@jit
def learn_title(
    titles: Titles,
    params: Params,
    owned: I4,
    signals: Signals,
    i: int,
    work: Scratch,
    stale: StepCounts,
) -> None:
    """Learn a title that was chosen, for the titles of this shard (``owned``).

    A neutral one teaches vectors and pairs, with its weight; its popularity and the share of the positives
    stay.
    """
    t, liked = signals.title[i], signals.action[i] == POSITIVE
    if owned[t]:
        if liked:
            activate(titles, t)
        if params.negatives > 0:
            stamp = next_stamp(work)
            for step in range(signals.depth[i]):
                j = title_of(signals.history[i, step])
                work.mark[j] = stamp
                prefetch_row(titles.inp, j)
            prefetch_pairs(titles, params, signals, i)
            learn_outputs(titles, params, signals, i, stamp, work)
        change_weight(titles, params, signals, i, 0 if liked else 2, work)
        if liked:
            if is_stale(titles, 1):
                move_tags(titles, work.tags)
            count_positives(titles, params, 1)
    if params.negatives > 0:
        learn_inputs(titles, params, owned, signals, i, stale)
    learn_pairs(titles, params, owned, signals, i)


@jit
def absorb_one(
    titles: Titles,
    params: Params,
    owned: I4,
    signals: Signals,
    i: int,
    work: Scratch,
    stale: StepCounts,
) -> None:
    """Learn one signal on the titles' side."""
    t = signals.title[i]
    if is_choice(signals.action[i], signals.weight[i]):
        learn_title(titles, params, owned, signals, i, work, stale)
    elif owned[t] and signals.action[i] == REJECT:
        change_weight(titles, params, signals, i, 1, work)
    elif owned[t] and signals.action[i] == TOUCH:
        change_weight(titles, params, signals, i, 2, work)


@jit
def absorb(
    titles: Titles, params: Params, owned: I4, signals: Signals, stale: StepCounts, work: Scratch
) -> None:
    """Learn a batch of signals on the titles' side."""
    begin_batch(work)
    for i in range(signals.title.size):
        absorb_one(titles, params, owned, signals, i, work, stale)
    move_tags(titles, work.tags)


_FOREVER = int(np.iinfo(np.int64).max)

MOST_DRIFTED = 100
"""Most rows written at a time for drift alone, or `DRIFTED_SHARE` of the named ones if that is more. A row is
2.6 kB, and a few hundred events move all of 10,000 titles by ``publish_drift``. Lists hardly depend on it:
MovieLens-100K in batches of 100, through a replica, has HR@10 .2336 with up to 500 such rows or as many as
named ones, .2334 with up to 100 or a quarter of them (standard error .0018)."""

DRIFTED_SHARE = 0.25
"""Rows written for drift alone for each one that signals name."""


def shard_of(keys: U8, shards: int) -> I4:
    """Return the shard of each title key: every shard reads every signal and learns its own titles from it.

    Examples
    --------
    >>> shard_of(np.array([2, 4, 6, 8], np.uint64), 3).tolist()
    [1, 1, 2, 1]
    """
    out = np.zeros(keys.size, np.int32)
    if shards > 1:
        fill_shards(keys, shards, out)
    return out


class TitleSide:
    """The titles of one shard.

    Parameters
    ----------
    titles
        The shard's table; titles of other shards appear in it by key only.
    shard, shards
        Which of how many.
    """

    def __init__(self, titles: TitleTable, *, shard: int = 0, shards: int = 1) -> None:
        self.titles = titles
        self.shard = shard
        self.shards = shards
        self._owned: I4 = np.zeros(0, np.int32)
        self._reused = 0
        self._stale = StaleSteps(titles.params.horizons.size)
        self._named: NDArray[np.bool_] = np.zeros(0, np.bool_)
        most = titles.config.title_capacity
        self._most_owned, self._most_others = max(1, most // (2 * shards)), max(1, most // 4)

    def owned(self) -> I4:
        """Return 1 for each row of the shard, 0 for the others: [number of titles]."""
        if self._reused != self.titles.reused:
            self._owned, self._reused = np.zeros(0, np.int32), self.titles.reused
        new = self.titles.arrays.key[self._owned.size : len(self.titles)]
        if new.size:
            mine = (shard_of(new, self.shards) == self.shard).astype(np.int32)
            self._owned = np.concatenate((self._owned, mine))
        return self._owned

    def absorb(self, signals: Signals, *, seen: int = 0, learned: int = 0) -> None:
        """Learn a batch of signals.

        Parameters
        ----------
        signals
            The batch.
        seen, learned
            Signals that the replica of the sender had learned, and this side has. Default: equally many.
        """
        titles = self.titles.arrays
        stale = self._stale.before(seen, learned, titles.bias.size)
        work, published = scratch(titles, self.titles.params), titles.size[4]
        absorb(titles, self.titles.params, self.owned(), signals, stale, work)
        self.titles.mark_learned(moved_rows(titles, published, work))
        paired = signals.history[:, : self.titles.params.window]
        entries = paired[np.arange(paired.shape[1]) < signals.depth[:, None]]
        self._mark_named(signals.title)
        self._mark_named(np.where(entries < 0, ~entries, entries))

    def name(self, rows: I4) -> None:
        """Have the shard's own of these titles written, though nothing was learned of them."""
        own = rows[self.owned()[rows] > 0]
        self.titles.arrays.changed[own] = 1
        self._mark_named(own)

    def newest_ms(self) -> int:
        """Return the newest event time that a counter has seen; 0 before the first."""
        return int(self.titles.arrays.trend_at[: len(self.titles)].max(initial=0))

    def take_changed(self) -> I4:
        """Return the rows to write: those that signals or labels name, and those of the largest drift.

        The rest waits: its drift grows until it is among the largest.
        """
        a, changed = self.titles.arrays, self.titles.changed()
        self._mark_named(changed[:0])
        named, drifted = changed[self._named[changed]], changed[~self._named[changed]]
        self._named[:] = False
        most = max(MOST_DRIFTED, int(DRIFTED_SHARE * named.size))
        if drifted.size > most:
            drifted = drifted[np.argsort(-a.drift[drifted], kind="stable")[:most]]
        out: I4 = np.sort(np.concatenate((named, drifted)))
        return out

    def label(
        self,
        labels: Mapping[str, Sequence[str]],
        *,
        stored: AbstractSet[str] = frozenset(),
        all_labelled: bool = True,
    ) -> None:
        """Set the tags of titles; those of other shards are skipped.

        Parameters
        ----------
        labels
            Tags by title id.
        stored
            Titles whose loaded vectors already include the part of their tags.
        all_labelled
            As for `TitleTable.label`.
        """
        keys = np.array([title_key(title) for title in labels], np.uint64)
        mine = shard_of(keys, self.shards) == self.shard
        titles = [title for title, own in zip(labels, mine.tolist(), strict=True) if own]
        rows = self.titles.intern(titles, admit=True)
        self.titles.mark_in_catalog(rows)
        self.titles.label(
            rows,
            [labels[one] for one in titles],
            included=[one in stored for one in titles],
            all_labelled=all_labelled,
        )
        self._mark_named(rows)

    def surplus(self, in_catalog: Callable[[U8], NDArray[np.bool_]]) -> I4:
        """Return the rows of titles to evict, so that an eighth of the room outside of the catalog is free.

        Those are the least watched of the last weeks; of other shards' titles, those that the fewest have as
        neighbours. Half of the capacity is for the shard's own titles, a quarter for those of others, and the
        rest is room for what the next signals bring.

        Parameters
        ----------
        in_catalog
            Returns which titles, by key, the catalog has.
        """
        titles, a, n = self.titles, self.titles.arrays, len(self.titles)
        least = self._most_owned if self.shards == 1 else min(self._most_owned, self._most_others)
        if titles.outside <= least:
            return np.zeros(0, np.int32)
        titles.mark_in_catalog(np.arange(n, dtype=np.int32), in_catalog(a.key[:n]))
        outside, is_owned = titles.rows_outside(), self.owned() > 0
        own, others = outside[is_owned[outside]], outside[~is_owned[outside]]
        watched = decayed(a.trend[own, 2], a.trend_at[own], float(titles.params.half_lives_ms[2]))
        out = _least(own, watched, self._most_owned)
        if others.size > self._most_others:
            named = np.bincount(a.nbr[:n][a.nbr[:n] >= 0], minlength=n)[others]
            out = np.concatenate((out, _least(others, named.astype(np.float64), self._most_others)))
        return out

    def evict(self, rows: I4) -> None:
        """Evict titles."""
        self._mark_named(self.titles.evict(rows))
        self._named[rows] = False

    def _mark_named(self, rows: I4) -> None:
        """Mark rows as named by a signal or a label."""
        self._named = grown(self._named, len(self.titles))
        self._named[rows] = True

    def trending(self, half_life: int, n: int) -> list[tuple[str, float]]:
        """Return the ``n`` titles of the highest decayed count, highest first, then by id.

        Parameters
        ----------
        half_life
            Index of the half-life in `TrendingConfig.half_lives_s`: 0, 1 or 2.
        n
            Length of the list; it is shorter if fewer titles were watched.
        """
        a, size = self.titles.arrays, len(self.titles)
        half_life_ms = float(self.titles.params.half_lives_ms[half_life])
        value: F8 = decayed(a.trend[:size, half_life], a.trend_at[:size], half_life_ms)
        rows = np.arange(size)
        if size > 2 * n > 0:  # ties with the last one included
            rows = np.flatnonzero(value >= np.partition(value, size - 2 * n)[size - 2 * n])
        best = rows[np.argsort(-value[rows], kind="stable")[: 2 * n]]
        ids = self.titles.ids
        counts = zip(best.tolist(), value[best].tolist(), strict=True)
        named = sorted([(-count, ids[row]) for row, count in counts if count > 0 and ids[row]])
        return [(title, -count) for count, title in named[:n]]


def _least(rows: I4, activity: F8, most: int) -> I4:
    """Return the least active rows if there are too many: then an eighth of `most` becomes free."""
    if rows.size <= most:
        return rows[:0]
    order = np.argsort(activity, kind="stable")
    return rows[order][: rows.size - (most - most // 8)]


MOST_JUMP_MS = DAY_MS
"""How far the clock of the decayed counters moves with one signal: quiet installations and replays have
nights, and a longer pause is made up for by as many signals as it has days."""


def bound_jumps(at: I8, newest_ms: int) -> int:
    """Bound event times in place: each is at most `MOST_JUMP_MS` ahead of the newest before it.

    All counters decay to the newest time. Without this bound one signal from the year 2099 would let every
    counter fade to nothing, and whatever is watched until then would count nothing.

    Parameters
    ----------
    at
        [n] times of signals in their order, ms.
    newest_ms
        The newest that a counter has seen; 0 for none: then the first signal sets the clock.

    Returns
    -------
    int
        Latest time of whatever comes with these signals.

    Examples
    --------
    >>> at = np.array([10**12 + 5, 4 * 10**12, 4 * 10**12, 10**12 + 6])
    >>> bound_jumps(at, 10**12) - 10**12, (at - 10**12).tolist()
    (259200005, [5, 86400005, 172800005, 6])
    """
    if at.size and int(at.max()) > newest_ms + MOST_JUMP_MS:
        for n, time in enumerate(at.tolist()):
            if newest_ms:
                at[n] = min(time, newest_ms + MOST_JUMP_MS)
            newest_ms = max(newest_ms, int(at[n]))
    elif at.size:
        newest_ms = max(newest_ms, int(at.max()))
    return newest_ms + MOST_JUMP_MS if newest_ms else _FOREVER


def decayed(value: F8, at: I8, half_life_ms: float) -> F8:
    """Return counters decayed to the newest of their event times: c * 2 ** (-(t_newest - t) / half-life).

    Examples
    --------
    >>> decayed(np.array([8.0, 1.0]), np.array([0, 2_000]), half_life_ms=1_000.0).tolist()
    [2.0, 1.0]
    """
    out: F8 = value * np.exp2((at - at.max(initial=0)) / half_life_ms)
    return out
