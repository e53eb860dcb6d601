"""`nearline evaluate --through-kafka`: the same stream and rules through a worker, beside our own figures."""

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from streams.cli.console import interruptible

if TYPE_CHECKING:
    from rich.console import Console

    from online_models.evaluation import EvaluationProtocol, Report
    from streams.ops.ratings import Dataset
    from streams.ops.runs.pacing import Speed

__all__ = ["Comparison", "Kafka", "compare_through_kafka"]


@dataclass(frozen=True, slots=True)
class Kafka:
    """Where and how the stream goes through a worker.

    Attributes
    ----------
    speed
        As `nearline replay` takes it.
    partitions
        Of the topic of events.
    brokers
        Address, or None for the setting's.
    embedded
        Use the in-process cluster.
    """

    speed: "Speed"
    partitions: int = 4
    brokers: str | None = None
    embedded: bool = False

    def require_broker(self) -> None:
        """Find out before the long work whether a broker answers.

        Raises
        ------
        BrokerUnreachableError
            None does.
        """
        from streams.config.settings import Settings
        from streams.kafka.clients import require_broker

        if not self.embedded:
            require_broker(Settings.load(brokers=self.brokers))


@dataclass(frozen=True, slots=True)
class Comparison:
    """HR@10 in process and through Kafka, by ranking; and the worker's run (`RunReport.document`)."""

    in_process: dict[str, float]
    through_kafka: dict[str, float]
    run: dict[str, Any]

    def rows(self) -> list[tuple[str, ...]]:
        """Return a line a ranking: here, there, and the share that is kept."""
        pairs = [(name, self.in_process[name], self.through_kafka[name]) for name in self.through_kafka]
        return [(name, f"{a:.4f}", f"{b:.4f}", f"{b / a:.1%}" if a else "-") for name, a, b in pairs]

    def to_dict(self) -> dict[str, Any]:
        """Return ``hr@10.<name>`` with ``in_process``, ``through_kafka`` and ``ratio``, and ``run``."""
        figures = {}
        for name, there in self.through_kafka.items():
            here = self.in_process[name]
            ratio = there / here if here else None
            figures[name] = {"in_process": here, "through_kafka": there, "ratio": ratio}
        return {"hr@10": figures, "run": self.run}


def compare_through_kafka(
    dataset: "Dataset", protocol: "EvaluationProtocol", here: "Report", kafka: Kafka, console: "Console"
) -> Comparison:
    """Send a protocol's stream through a worker that ranks before it learns.

    Parameters
    ----------
    dataset
        Ratings and titles.
    protocol
        The rules that the worker is given too.
    here
        The same stream in process.
    kafka
        Where and how.
    console
        For progress.
    """
    from dataclasses import replace

    import numpy as np

    from online_models.evaluation import prepare
    from streams.cli.commands.replay import cluster, replay_through

    events = prepare(dataset.ratings, protocol).events
    with interruptible(), ExitStack() as stack:
        settings = cluster(stack, kafka.brokers, None, embedded=kafka.embedded, partitions=kafka.partitions)
        report = replay_through(
            stack,
            settings,
            dataset=replace(dataset, ratings=events),
            kept=np.arange(len(events)),
            pace=kafka.speed,
            model={
                "NEARLINE_MODEL__REWARD__LIKED_STARS": str(protocol.min_rating),
                "NEARLINE_PAGE__ROWS": "1",  # what is evaluated is the ranking
            },
            console=console,
            exact_warm_up=True,
        )
    document = report.document()
    rates = report.last.hit_rate(report.warm) if report.last else {}
    there = {name: rate for name, rate in rates.items() if rate is not None and name in here.models}
    return Comparison({name: here.models[name].metrics.hit_rate.value for name in there}, there, document)
