"""What the viewers' side does with a batch: judge it, learn from it, and rank those it touched."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from online_models.catalogue import Catalogue
from online_models.feedback import Verdict
from online_models.kernels.layout import F4, F8, I4, I8, U1, U8, Feedback, Params, Signals
from online_models.kernels.learn import observe
from online_models.kernels.probe import observe_tested
from online_models.kernels.rank import blend_row, pick, represent_many
from online_models.kernels.trial import EXPERTS
from online_models.titles import TitleTable
from online_models.viewers import Loader, ViewerTable

BLOCK = 128
"""Viewers per GEMM: their score rows (5 MB at 10k titles) are read again while still near; 64 to 256 measured alike."""


class Lists(NamedTuple):
    """The best titles of a batch's viewers, best first."""

    title: I4
    """[n, L] rows, -1 where the candidates ran out."""
    score: F4
    """[n, L] blended scores; comparable inside one list."""
    reason: U1
    """[n, L] what put it there (``kernels.rank``: taste, co-watch, trending)."""


class Columns(NamedTuple):
    """Verdicts of a batch, column by column, in the order of the stream."""

    viewers: Sequence[str]
    titles: Sequence[str]
    actions: Sequence[int]
    weights: Sequence[float]
    at: Sequence[int]
    """Event times, ms."""
    events: U8
    """Hashes of the event ids, 0 for none; events with several verdicts give each its own."""


def columns(verdicts: Sequence[tuple[str, Verdict, int]], events: U8) -> Columns:
    """Turn (viewer, verdict, event time) rows into columns."""
    return Columns(
        [v for v, _, _ in verdicts],
        [d.title_id for _, d, _ in verdicts],
        [int(d.action) for _, d, _ in verdicts],
        [d.weight for _, d, _ in verdicts],
        [at for _, _, at in verdicts],
        events,
    )


def feedback_of(batch: Columns, slots: I4, rows: I4) -> Feedback:
    """Hand a batch to the kernels; verdicts on titles beyond the capacity become nothing."""
    actions = np.where(rows >= 0, np.asarray(batch.actions, np.uint8), np.uint8(0)).astype(np.uint8)
    return Feedback(
        slots,
        np.maximum(rows, 0),
        actions,
        np.asarray(batch.weights, np.float32),
        np.asarray(batch.at, np.int64),
        batch.events,
    )


def blank_signals(n: int, titles: TitleTable) -> Signals:
    """Allocate signals for ``n`` events."""
    c = titles.config
    return Signals(
        np.zeros(n, np.uint8),
        np.zeros(n, np.int32),
        np.zeros(n, np.float32),
        np.zeros(n, np.int64),
        np.zeros((n, c.width), np.float32),
        np.zeros((n, c.input_width), np.float32),
        np.zeros((n, c.factorization.history), np.int32),
        np.zeros(n, np.int32),
    )


class ViewerSide:
    """Viewers of one source partition before the titles' table.

    Parameters
    ----------
    titles
        The titles as far as they are known here: a replica in a worker, the one table in process. Only read, but for
        making rows of titles not met before.
    catalogue
        The guards over the same rows.
    seed
        Start of every draw.
    """

    def __init__(self, titles: TitleTable, catalogue: Catalogue, *, seed: int = 0) -> None:
        self.titles = titles
        self.catalogue = catalogue
        self.viewers = ViewerTable(titles.config, titles, seed=seed)

    @property
    def params(self) -> Params:
        """The hyper-parameters as the kernels take them."""
        return self.titles.params

    def feedback(self, batch: Columns, load: Loader | None = None) -> Feedback:
        """Find or make the slots and rows of a batch, with room for what it will append."""
        slots = self.viewers.acquire(batch.viewers, load)
        rows = self.titles.intern(batch.titles)
        self.viewers.reserve(len(batch.viewers))
        return feedback_of(batch, slots, rows)

    def observe(self, feedback: Feedback) -> tuple[Signals, int]:
        """Learn a batch; return what it says about titles, and how many of its events were duplicates."""
        signals = self._signals(feedback)
        duplicates = observe(self.titles.arrays, self.viewers.arrays, self.params, feedback, signals)
        return signals, int(duplicates)

    def observe_tested(self, feedback: Feedback, tested: I4) -> tuple[Signals, F8]:
        """Learn a batch, and rank the titles of the positives marked in ``tested`` first.

        Returns
        -------
        signals, ranks
            What the batch says about titles; [n, 5] as :meth:`Recommender.prequential` has them.
        """
        signals = self._signals(feedback)
        ranks = np.full((feedback.viewer.size, EXPERTS), -1.0)
        arrays = self.titles.arrays
        observe_tested(arrays, self.viewers.arrays, self.params, feedback, signals, tested, ranks)
        return signals, ranks

    def _signals(self, feedback: Feedback) -> Signals:
        signals = blank_signals(feedback.viewer.size, self.titles)
        signals.title[:] = feedback.title
        signals.weight[:] = feedback.weight
        signals.at[:] = feedback.at
        return signals

    def rank(self, slots: I4, now_ms: int, n: int) -> Lists:
        """Return the best ``n`` titles of each viewer that the guards allow and the viewer does not have."""
        dense, context, candidates = self._dense(slots, now_ms)
        size = dense.shape[1]
        out = Lists(
            np.full((slots.size, n), -1, np.int32),
            np.zeros((slots.size, n), np.float32),
            np.zeros((slots.size, n), np.uint8),
        )
        if size == 0:
            return out
        arrays, viewers = self.titles.arrays, self.viewers.arrays
        x = self._represent(slots)
        rows = np.empty((min(BLOCK, slots.size), size), np.float32)
        for a in range(0, slots.size, BLOCK):
            b = min(a + BLOCK, slots.size)
            block = np.matmul(x[a:b], arrays.out[:size].T, out=rows[: b - a])
            pick(
                arrays,
                viewers,
                self.params,
                slots[a:b],
                block,
                dense,
                context[a:b],
                candidates,
                out.title[a:b],
                out.score[a:b],
                out.reason[a:b],
            )
        return out

    def score(self, slot: int, now_ms: int) -> F4:
        """Return the blended score of every row for one viewer; -inf where the guards forbid."""
        slots = np.array([slot], np.int32)
        dense, _, candidates = self._dense(slots, now_ms)
        size = dense.shape[1]
        row: F4 = self._represent(slots)[0] @ self.titles.arrays.out[:size].T
        if size:
            blend_row(self.titles.arrays, self.viewers.arrays, self.params, slot, int(candidates[0]), row)
        return row + dense[0]

    def _represent(self, slots: I4) -> F4:
        x = np.empty((slots.size, self.titles.config.width), np.float32)
        represent_many(self.titles.arrays, self.viewers.arrays, self.params, slots, x)
        x *= np.float32(self.params.blend[0])
        return x

    def _dense(self, slots: I4, now_ms: int) -> tuple[F4, I4, I4]:
        """Score what all viewers of a context (maturity limit, country) share, with -inf where a guard forbids."""
        a = self.viewers.arrays
        packed = (a.limit[slots].astype(np.int64) << 16) | a.country[slots]
        contexts, context = np.unique(packed, return_inverse=True)
        shared = self._shared()
        dense = np.empty((contexts.size, shared.size), np.float32)
        for c, code in enumerate(contexts.tolist()):
            allowed = self.catalogue.allowed(limit=code >> 16, country=code & 0xFFFF, now_ms=now_ms)[
                : shared.size
            ]
            dense[c] = np.where(allowed, shared, -np.inf)
        candidates = np.isfinite(dense).sum(axis=1).astype(np.int32)
        return dense, context.astype(np.int32), candidates

    def _shared(self) -> F4:
        """Return the blend's part that is the same for every viewer: bias and trending share."""
        a, w = self.titles.arrays, self.params.blend
        n = min(len(self.titles), a.bias.size)
        out: F4 = (w[0] * a.bias[:n]).astype(np.float32)
        if w[2] != 0.0 and n:
            trend = decayed(a.trend[:n, 2], a.trend_at[:n], self.params.half_lives[2])
            share = trend / max(trend.sum(), 1e-9) + self.params.floor / n
            out += (w[2] * np.log(share)).astype(np.float32)
        return out


def decayed(value: np.ndarray, at: I8, half_life_ms: float) -> np.ndarray:
    """Bring event-time counters to their newest moment: c * 2 ** (-(t_newest - t) / half-life)."""
    return value * np.exp2((at - at.max(initial=0)) / half_life_ms)
