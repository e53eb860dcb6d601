"""HR@10 against microseconds: what factors, negatives, horizons and history buy, in a table and a picture.

``python -m tests.benchmarks frontier --ratings ml-100k.inter --picture frontier.html`` (or ``.svg``: the raw
order's picture alone). Each configuration takes the prequential test (`nearline evaluate`'s protocol, >= 4
stars, positives) in raw and in shuffled order, and learns the stream once more with nothing tested, which is
what is timed; all in turn.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from html import escape
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from online_models import ModelConfig, Recommender
from online_models.config import FactorizationConfig
from online_models.evaluation import EvaluationProtocol
from online_models.evaluation.protocol import Stream, prepare
from online_models.evaluation.recommender import RecommenderModel
from streams.cli.views.reports import drawing
from streams.ops.ratings import Dataset, read_ratings

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TOP = 10
ROUNDS = 2
"""Times that each configuration is timed; the quickest counts."""
DEFAULT = "default"
SHOWN = 0.01
"""HR@10 below the best that a picture shows; what is further off is named above it."""

_CHANGES: Mapping[str, Mapping[str, Any]] = {
    DEFAULT: {},
    "8 factors": {"factors": 8},
    "16 factors": {"factors": 16},
    "24 factors": {"factors": 24},
    "30 negatives": {"negatives": 30},
    "60 negatives": {"negatives": 60},
    "200 negatives": {"negatives": 200},
    "two horizons": {"horizons": (0.8, 0.97)},
    "three horizons": {"horizons": (0.5, 0.9, 0.99)},
    "history of 30": {"history": 30},
    "16 factors, 200 negatives": {"factors": 16, "negatives": 200},
    "no factorization": {"negatives": 0},
}
"""Configurations, by what differs from the default."""

Figures = dict[str, Any]


def configurations() -> dict[str, ModelConfig]:
    """Return what is compared, by name."""
    return {
        name: ModelConfig(factorization=replace(FactorizationConfig(), **change))
        for name, change in _CHANGES.items()
    }


def _model(config: ModelConfig, stream: Stream, data: Dataset) -> RecommenderModel:
    ids = stream.events.viewer_ids, stream.events.title_ids
    return RecommenderModel(Recommender(config), *ids, titles=data.catalog())


def _hit_rate(config: ModelConfig, stream: Stream, data: Dataset) -> float:
    """Return the blend's HR@10 by the protocol."""
    model = _model(config, stream, data)
    ranks = model.rank_then_learn(stream.block(0, len(stream), stream.tested))[:, 0]
    asked = stream.tested & (np.arange(len(stream)) >= EvaluationProtocol().warm_up * len(stream))
    return float(np.mean((ranks < TOP)[asked] & ~stream.new[asked]))


def _seconds(config: ModelConfig, stream: Stream, data: Dataset) -> float:
    """Return the CPU seconds of learning the stream."""
    model = _model(config, stream, data)
    block = stream.block(0, len(stream), np.zeros(len(stream), np.bool_))
    began = process_time()
    model.rank_then_learn(block)
    return process_time() - began


def frontier(ratings: Path) -> Figures:
    """Measure every configuration."""
    data = read_ratings(ratings)
    orders: tuple[Literal["raw", "shuffled"], ...] = ("raw", "shuffled")
    streams = {order: prepare(data.ratings, EvaluationProtocol(order=order)) for order in orders}
    found: Figures = {name: {} for name in _CHANGES}
    spent: dict[str, list[float]] = {name: [] for name in _CHANGES}
    for name, config in configurations().items():
        for order, stream in streams.items():
            found[name][f"hr10_{order}"] = round(_hit_rate(config, stream, data), 4)
    for _ in range(ROUNDS):
        for name, config in configurations().items():
            spent[name].append(_seconds(config, streams["raw"], data))
    for name, seconds in spent.items():
        found[name]["learning_us_per_event"] = round(min(seconds) / len(streams["raw"]) * 1e6, 1)
    return found


def _draw(axes: "Axes", figures: Figures, order: str) -> None:
    measured = {name: (of["learning_us_per_event"], of[f"hr10_{order}"]) for name, of in figures.items()}
    least = max(rate for _, rate in measured.values()) - SHOWN
    points = {name: at for name, at in measured.items() if at[1] >= least}
    for n, (name, (us, rate)) in enumerate(sorted(points.items(), key=lambda one: one[1])):
        axes.plot(us, rate, "o", color="#d6336c" if name == DEFAULT else "#2f6fde")
        beside = (6, 4 if n % 2 else -11)
        axes.annotate(name, (us, rate), xytext=beside, textcoords="offset points", fontsize=8)
    far = [f"{name}: {rate:.3f} at {us:.0f} µs" for name, (us, rate) in measured.items() if rate < least]
    axes.set_title("; ".join(far) and f"(far below: {'; '.join(far)})", fontsize=8, loc="left")
    best, edge = 0.0, []
    for us, rate in sorted(points.values()):
        if rate > best:
            best = rate
            edge.append((us, rate))
    axes.step(*zip(*edge, strict=True), where="post", color="#9aa3b5", linewidth=1)
    axes.set(xlabel="microseconds of CPU to learn an event, both sides", ylabel="HR@10")


def plate(figures: Figures) -> str:
    """Return the raw order's picture alone: an SVG file."""
    return drawing(partial(_draw, figures=figures, order="raw"), "HR@10 by cost, raw order")


def drawn(figures: Figures, source: str) -> str:
    """Return a page of pictures and figures: one HTML file, nothing to fetch."""
    columns = ("hr10_raw", "hr10_shuffled", "learning_us_per_event")
    rows = "".join(
        f"<tr><td>{escape(name)}</td>{''.join(f'<td>{of[column]:g}</td>' for column in columns)}</tr>"
        for name, of in figures.items()
    )
    pictures = "".join(
        f"<h2>{order}</h2>" + drawing(partial(_draw, figures=figures, order=order), f"HR@10 {order} by cost")
        for order in ("raw", "shuffled")
    )
    head = "".join(f"<th>{name}</th>" for name in ("configuration", "HR@10 raw", "shuffled", "µs"))
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>The frontier</title>'
        "<style>body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem }</style>"
        f"</head><body><h1>HR@10 against microseconds: {escape(source)}</h1>{pictures}"
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></body></html>\n"
    )
