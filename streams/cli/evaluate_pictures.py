"""The pictures of `nearline evaluate --report`, as SVG elements."""

from typing import TYPE_CHECKING

from online_models.baselines import BASELINES
from online_models.evaluation import HISTORY_BUCKETS, Rate, Report, ScenarioReport
from streams.cli.pictures import picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["bars", "curves", "histories", "scenario", "weights"]


def bars(report: Report) -> str:
    """Draw HR@10 of every model, with two standard errors."""

    def draw(axes: "Axes") -> None:
        names = list(report.models)
        rates = [model.metrics.hit_rate for model in report.models.values()]
        values, errors = [rate.value for rate in rates], [2 * rate.error for rate in rates]
        colours = ["#9aa3b5" if _is_baseline(name) else "#2f6fde" for name in names]
        axes.barh(names, values, xerr=errors, color=colours, ecolor="#1d2433", capsize=3)
        axes.invert_yaxis()
        axes.set_xlabel("HR@10")

    return picture(draw, "HR@10 of each model, with two standard errors")


def curves(report: Report) -> str:
    """Draw the learning curves."""

    def draw(axes: "Axes") -> None:
        for name, model in report.models.items():
            axes.plot(model.curve.events, model.curve.hit_rate, _line(name), label=name, linewidth=1.6)
        axes.axvspan(0, report.protocol.warm_up * report.events, color="#eceff5")
        axes.set(xlabel="events (grey: warm-up, not averaged)", ylabel="HR@10, moving average")
        _finish(axes)

    return picture(draw, "Moving average of HR@10 of each model along the stream")


def histories(report: Report) -> str:
    """Draw HR@10 by the length of the viewer's history."""
    figures = {name: model.metrics.by_history for name, model in report.models.items()}
    description = "HR@10 by number of the viewer's earlier events"
    return picture(lambda axes: _lines(axes, figures, HISTORY_BUCKETS, "HR@10"), description)


def scenario(report: ScenarioReport, column: str) -> str:
    """Draw one figure of a scenario along its rows."""
    figures = {
        name: {row: columns[column] for row, columns in table.items() if column in columns}
        for name, table in report.models.items()
    }
    rows = tuple(next(iter(figures.values())))
    description = f"{report.scenario}: {column} of each model"
    return picture(lambda axes: _lines(axes, figures, rows, column), description)


def weights(report: Report) -> str:
    """Draw the blend's weights along the stream: the mean over contexts, and the range in which they lie."""
    told = report.weights

    def draw(axes: "Axes") -> None:
        for name, values in (told.by_expert if told else {}).items():
            (line,) = axes.plot(told.events if told else (), values.mean(axis=1), label=name, linewidth=1.6)
            low, high = values.min(axis=1), values.max(axis=1)
            axes.fill_between(told.events if told else (), low, high, color=line.get_color(), alpha=0.12)
        axes.set(xlabel="events", ylabel="weight; shaded: least to most of all contexts")
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)

    return picture(draw, "Weights of the blend along the stream")


def _lines(axes: "Axes", figures: dict[str, dict[str, Rate]], across: tuple[str, ...], label: str) -> None:
    """Draw a line a model over named places; figures that are not known leave gaps."""
    for name, rates in figures.items():
        values = [rates[key].value if key in rates else float("nan") for key in across]
        axes.plot(range(len(across)), values, _line(name), marker="o", label=name, linewidth=1.6)
    axes.set_xticks(range(len(across)), across)
    axes.set(xlabel="earlier events", ylabel=label)
    _finish(axes)


def _finish(axes: "Axes") -> None:
    axes.set_ylim(bottom=0)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)


def _is_baseline(name: str) -> bool:
    return name in BASELINES or "." in name


def _line(name: str) -> str:
    """Baselines are dashed: to be told from the product without colour."""
    return "--" if _is_baseline(name) else "-"
