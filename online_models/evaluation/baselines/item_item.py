"""Item-item models over a viewer's whole history: cosine, counted event by event, and EASE, a batch model."""

import numpy as np
import numpy.typing as npt

from online_models.errors import CapacityError
from online_models.evaluation.baselines.memory import (
    Events,
    SeenTitles,
    TitleMemory,
    events_of,
    has,
    rank,
    remember,
)
from online_models.evaluation.model import Ranks
from online_models.evaluation.protocol import Block
from online_models.jit import jit
from online_models.tables.growing import grown
from online_models.tables.layout import F4, F8, I4

__all__ = ["EASE", "Cosine"]


Matrix = npt.NDArray[np.float32]

MOST_TITLES = 12_000
"""Limit of the pair matrix: 576 MB."""


class _Pairs:
    """Pair counts of positives; the titles of each viewer, and the liked ones."""

    columns = ("",)
    every = 1

    def __init__(self) -> None:
        self._pairs: Matrix = np.zeros((0, 0), np.float32)
        self._known, self._liked = TitleMemory(), TitleMemory()

    def _reserve(self, block: Block) -> int:
        self._liked.reserve(block)
        _, titles = self._known.reserve(block)
        if titles > MOST_TITLES:
            msg = f"{type(self).__name__} keeps a matrix and takes {MOST_TITLES} titles at most, not {titles}"
            raise CapacityError(msg)
        self._pairs = squared(self._pairs, titles)
        return titles


class Cosine(_Pairs):
    r"""Cosine of titles over all viewers, summed over all of a viewer's history, one event at a time.

    .. math:: s_{uj} = \sum_{h \in H_u} \frac{C_{hj}}{\sqrt{n_h n_j}}

    with :math:`C_{hj}` the viewers who liked both, :math:`n_j` those who liked :math:`j`: Sarwar et al. (WWW
    2001) for positives, updated incrementally as by Miranda and Jorge (2008). Unlike our `CoWatch` it has no
    decay.

    Raises
    ------
    CapacityError
        There are more titles than the matrix can hold.

    Examples
    --------
    >>> from online_models.evaluation import EvaluationProtocol, Ratings, evaluate
    >>> ratings = Ratings.from_columns("aabbcc", "xyxyxy", [5] * 6, range(6))
    >>> report = evaluate(ratings, {"cosine": Cosine()}, EvaluationProtocol(warm_up=0.5))
    >>> report.models["cosine"].metrics.hit_rate.value
    1.0
    """

    def __init__(self) -> None:
        super().__init__()
        self._scale: Matrix = np.zeros(0, np.float32)

    def rank_then_learn(self, block: Block) -> Ranks:
        """See `PrequentialModel.rank_then_learn`."""
        self._scale = grown(self._scale, self._reserve(block))
        memories = (self._known.known, self._liked.known)
        pairs = self._pairs
        ranks = rank_then_count_pairs(*memories, events_of(block), pairs, pairs, self._scale, cosine=True)
        return np.asarray(ranks)[:, None]


class EASE(_Pairs):
    r"""The linear autoencoder of Steck (WWW 2019), solved at intervals: the quality of a batch model.

    With :math:`G` the counts of pairs (a title's own watches on the diagonal):

    .. math:: P = (G + \lambda I)^{-1}, \quad B_{ij} = -\frac{P_{ij}}{P_{jj}}\ (i \ne j), \quad B_{jj} = 0,
              \quad s_{uj} = \sum_{h \in H_u} B_{hj}

    Between two solutions the histories are current, the weights are not, and new titles score 0.

    Parameters
    ----------
    penalty
        :math:`\lambda`.
    solve_every
        Events of the stream between two solutions.

    Raises
    ------
    ValueError
        The penalty or the interval is not positive.
    CapacityError
        There are more titles than the matrix can hold.
    """

    def __init__(self, penalty: float = 100.0, solve_every: int = 2_000) -> None:
        super().__init__()
        if penalty <= 0 or solve_every < 1:
            msg = f"penalty and interval are positive, not {penalty} and {solve_every}"
            raise ValueError(msg)
        self._penalty, self._interval = penalty, solve_every
        self._weights: Matrix = np.zeros((0, 0), np.float32)
        self._events = 0

    def rank_then_learn(self, block: Block) -> Ranks:
        """See `PrequentialModel.rank_then_learn`."""
        titles = self._reserve(block)
        self._weights = squared(self._weights, titles)
        ranks = np.full((len(block), 1), np.inf)
        one, start = np.ones(titles, np.float32), 0
        while start < len(block):
            stop = min(len(block), start + self._interval - self._events % self._interval)
            events = events_of(block.cut(start, stop))
            memories = (self._known.known, self._liked.known)
            ranks[start:stop, 0] = rank_then_count_pairs(
                *memories, events, self._pairs, self._weights, one, cosine=False
            )
            self._events += stop - start
            if self._events % self._interval == 0:
                self._solve(int(self._known.known.size[1]))
            start = stop
        return ranks

    def _solve(self, known: int) -> None:
        """Solve for all titles with an event."""
        rows = self._known.known.order[:known]
        gram = self._pairs[np.ix_(rows, rows)].astype(np.float64)
        inverse = np.linalg.inv(gram + self._penalty * np.eye(known))
        weights = -inverse / np.diag(inverse)
        np.fill_diagonal(weights, 0.0)
        self._weights[np.ix_(rows, rows)] = weights


def squared(matrix: Matrix, rows: int) -> Matrix:
    """Return a square matrix with at least `rows` rows, new ones 0."""
    if rows <= len(matrix):
        return matrix
    larger = np.zeros((rows, rows), matrix.dtype)
    larger[: len(matrix), : len(matrix)] = matrix
    return larger


@jit
def sum_of_rows(liked: SeenTitles, viewer: int, matrix: F4, scale: F4, order: I4, scores: F8) -> None:
    """Write the sum of the scaled rows of a viewer's liked titles, for the titles of ``order``."""
    for place in range(order.size):
        scores[order[place]] = 0.0
    entry = liked.last[viewer]
    while entry >= 0:
        title = liked.title[entry]
        row, weight = matrix[title], scale[title]
        for place in range(order.size):
            scores[order[place]] += weight * row[order[place]]
        entry = liked.previous[entry]
    for place in range(order.size):
        scores[order[place]] *= scale[order[place]]


@jit
def count_pairs(liked: SeenTitles, viewer: int, title: int, pairs: F4) -> None:
    """Count the title, and its pairs with every title that the viewer liked before, symmetrically."""
    pairs[title, title] += 1
    entry = liked.last[viewer]
    while entry >= 0:
        other = liked.title[entry]
        pairs[title, other] += 1
        pairs[other, title] += 1
        entry = liked.previous[entry]


@jit
def rank_then_count_pairs(
    known: SeenTitles, liked: SeenTitles, events: Events, pairs: F4, matrix: F4, scale: F4, cosine: bool
) -> F8:
    """Rank by the sum of ``matrix`` rows of all liked titles, then count the pairs of a first positive.

    ``scale`` weights rows and columns; with ``cosine`` it is 1 / sqrt(count of the title).
    """
    ranks = np.full(events.titles.size, np.inf)
    scores = np.zeros(scale.size)
    for at in range(events.titles.size):
        viewer, title = events.viewers[at], events.titles[at]
        if events.tested[at] and known.seen[title]:
            sum_of_rows(liked, viewer, matrix, scale, known.order[: known.size[1]], scores)
            ranks[at] = rank(known, viewer, title, scores)
        if events.rewards[at] > 0 and not has(liked, viewer, title):
            count_pairs(liked, viewer, title, pairs)
            if cosine:
                scale[title] = np.float32(1.0 / np.sqrt(pairs[title, title]))
            remember(liked, viewer, title)
        remember(known, viewer, title)
    return ranks
