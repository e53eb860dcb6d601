"""The prequential loop: test, then learn."""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import numpy.typing as npt

from online_models.evaluation.metrics import hits, measure
from online_models.evaluation.model import BlendedModel, PrequentialModel, Ranks
from online_models.evaluation.protocol import BoolColumn, EvaluationProtocol, Stream, prepare
from online_models.evaluation.ratings import Ratings
from online_models.evaluation.report import CURVE_WINDOW, Curve, ModelResult, Report, Weights

__all__ = ["Progress", "evaluate", "rank_stream"]

Clock = Callable[[], float]
Progress = Callable[[str, int, int], None]

CURVE_POINTS = 200
"""Points of a curve: more than a chart resolves."""


def evaluate(
    ratings: Ratings,
    models: Mapping[str, PrequentialModel],
    protocol: EvaluationProtocol | None = None,
    *,
    clock: Clock | None = None,
    progress: Progress | None = None,
    block_events: int = 2_000,
) -> Report:
    """Rank, then learn, every event of a stream with every model.

    1. The protocol makes the stream (`prepare`) and marks the tested events.
    2. Each untrained model sees the stream once, block by block.
    3. Untested events are dropped; the first event of a title is a miss, whatever its rank.
    4. The first `warm_up` of the stream only enters the curve; the rest is averaged.

    Parameters
    ----------
    ratings
        The ratings, in time order.
    models
        Untrained models by name. A ranking is reported under its column's name, or under the model's
        name where the column is named ``""``.
    protocol
        The rules; by default those of the project's targets.
    clock
        Returns seconds, for the speed figures (the core reads no clock).
    progress
        Called after each block with the model's name, the events so far and all events.
    block_events
        Events of a block; no effect on results.

    Raises
    ------
    ValueError
        Two rankings have the same name, or the rank of a tested event is below 0 or NaN.

    Examples
    --------
    >>> from online_models.evaluation.baselines import Popularity
    >>> ratings = Ratings.from_columns("aabbcc", "xyxyxy", [5] * 6, range(6))
    >>> report = evaluate(ratings, {"popularity": Popularity()})
    >>> round(report.models["popularity"].metrics.hit_rate.value, 2)  # three tests; in one the title is new
    0.67
    """
    rules = protocol or EvaluationProtocol()
    stream = prepare(ratings, rules)
    results: dict[str, ModelResult] = {}
    weights: Weights | None = None
    seconds = 0.0
    for name, model in models.items():
        tested = _every(stream.tested, model.every)
        started = clock() if clock else 0.0
        monitor = _Monitor(model, partial(progress, name) if progress else None)
        ranks = rank_stream(model, stream, tested, block_events, monitor)
        took = clock() - started if clock else 0.0
        weights = weights or monitor.weights()
        seconds += took
        for column, column_ranks in zip(model.columns, ranks.T, strict=True):
            if (column or name) in results:
                msg = f"two rankings are named {column or name}: remove or rename one"
                raise ValueError(msg)
            results[column or name] = _result(
                column_ranks, stream, tested, every=model.every, warm_up=rules.warm_up, seconds=took
            )
    viewers, titles = len(np.unique(stream.events.viewers)), len(np.unique(stream.events.titles))
    return Report(rules, len(stream), viewers, titles, results, _rate(len(stream), seconds), weights)


def rank_stream(
    model: PrequentialModel,
    stream: Stream,
    tested: BoolColumn,
    block_events: int = 2_000,
    on_block: Callable[[int, int], None] | None = None,
) -> Ranks:
    """Let a fresh model rank and learn a stream, and return its ranks, shape ``(events, columns)``."""
    ranks = np.full((len(stream), len(model.columns)), np.inf)
    for start in range(0, len(stream), block_events):
        stop = min(start + block_events, len(stream))
        ranks[start:stop] = model.rank_then_learn(stream.block(start, stop, tested))
        if on_block:
            on_block(stop, len(stream))
    return ranks


class _Monitor:
    """Record a model's weights after each block, and report progress."""

    def __init__(self, model: PrequentialModel, progress: Callable[[int, int], None] | None) -> None:
        self._model, self._progress = model, progress
        self._events: list[int] = []
        self._seen: list[dict[str, Ranks]] = []

    def __call__(self, done: int, total: int) -> None:
        if isinstance(self._model, BlendedModel) and (found := self._model.blend_weights()):
            self._events.append(done)
            self._seen.append({name: np.atleast_1d(w).astype(np.float64) for name, w in found.items()})
        if self._progress:
            self._progress(done, total)

    def weights(self) -> Weights | None:
        """Return the recorded weights, or None."""
        if not self._seen:
            return None
        by_expert = {name: np.stack([seen[name] for seen in self._seen]) for name in self._seen[0]}
        return Weights(np.array(self._events, np.int64), by_expert)


def _every(tested: BoolColumn, every: int) -> BoolColumn:
    """Keep every n-th test."""
    kept = np.zeros_like(tested)
    kept[np.flatnonzero(tested)[::every]] = True
    return kept


def _result(
    ranks: Ranks, stream: Stream, tested: BoolColumn, *, every: int, warm_up: float, seconds: float
) -> ModelResult:
    places = np.flatnonzero(tested)
    tested_ranks = np.where(stream.new, np.inf, ranks)[places]
    if not np.all(tested_ranks >= 0):
        msg = (
            f"event {places[~(tested_ranks >= 0)][0]} of the stream is a test, but its rank is below 0 or NaN"
        )
        raise ValueError(msg)
    counted = places >= int(warm_up * len(stream))
    metrics = measure(tested_ranks[counted], stream.history[places[counted]])
    return ModelResult(metrics, _curve(places, hits(tested_ranks), every), every, _rate(len(stream), seconds))


def _curve(places: npt.NDArray[np.intp], hit: Ranks, every: int) -> Curve:
    window = max(1, min(CURVE_WINDOW // every, len(hit) // 5))
    sums = np.concatenate([[0.0], np.cumsum(hit)])
    means = (sums[window:] - sums[:-window]) / window
    shown = np.unique(np.linspace(0, len(means) - 1, CURVE_POINTS).astype(np.intp)) if len(hit) else slice(0)
    return Curve(places[window - 1 :][shown].astype(np.int64), means[shown])


def _rate(events: int, seconds: float) -> float | None:
    return events / seconds if seconds > 0 else None
