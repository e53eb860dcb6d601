"""A history that is sent at once against the same history sent slowly, each through a worker of its own.

What is learned from titles that have not moved yet is learned in vain, so a burst on an empty model may
teach less than the same events one after the other (`streams.stages.viewers.replica_lag` bounds by how much).
This measures it: a worker gets the first events of a stream as a backlog before it starts, another one gets
them in small parts and learns each before the next. Then both get the same further events, and HR@10 of these
is compared, before those have taught as much as the history. Both get them in the same parts, so the error of
the share is that of paired parts: what makes a part hard to guess is in both runs, and cancels.

The same in process, paired by event, on MovieLens-100K (>= 4 stars, raw), with histories from several places
of the stream and 4,000 further events after each. HR@10 slowly and at once, and the share with its error:

======= ========= ============================ ============================ =================
history histories blend                        factorization                long co-watch
======= ========= ============================ ============================ =================
100     7         .1251 .1234  .986 +- .008    .0983 .0984  1.001 +- .012   1.000
2,000   5         .1512 .1485  .982 +- .010    .1318 .1271   .964 +- .013   1.003 +- .003
10,000  4         .1784 .1791 1.004 +- .009    .1563 .1554   .994 +- .014   1.000 +- .005
50,000  2         .2150 .2098  .976 +- .012    .1940 .1885   .971 +- .016   1.014 +- .008
======= ========= ============================ ============================ =================

Through a worker on the embedded cluster, one history of 2,000: .1631 slowly, .1585 at once, .972 +- .021.

What a burst loses, the factorization loses: its gradients do not know of each other. Counters and co-watches
hardly depend on when they are learned.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, NamedTuple, Self

import numpy as np

from online_models.evaluation import EvaluationProtocol, ScenarioReport, prepare
from online_models.evaluation.metrics import Rate
from online_models.evaluation.report import Figures
from online_models.tables.layout import F8
from streams.config.settings import Settings
from streams.kafka.produce import EventProducer
from streams.ops.ratings import Dataset
from streams.ops.runs.replay import TITLES_FLOOR, as_events, replay_cluster
from streams.ops.runs.report import RunCounts
from streams.ops.runs.sync_sender import SyncSender
from streams.ops.runs.worker_process import WorkerProcess

__all__ = ["HISTORY", "SIZES", "TESTED", "OnRun", "history_at_once"]

HISTORY: Final = "history"
"""Name of the scenario."""
SIZES: Final = (100, 2_000, 10_000, 50_000)
"""Events of a history."""
TESTED: Final = 4_000
"""Further events, of which the positives of known viewers are tested."""
PARTS: Final = 400
"""Parts in which a history is sent slowly; each waits for its lessons, a tenth of a second or two."""
FEWEST: Final = 10
"""Events of a part at least."""
LATER: Final = 100
"""Events of a part of the further ones, which both workers get alike."""


class PartHits(NamedTuple):
    """What was tested of the further events, and the hits of each model, part by part."""

    tested: F8
    hits: dict[str, F8]

    @classmethod
    def of(cls, counts: Sequence[RunCounts]) -> Self:
        """Read them from a worker's counts before the first part and after each."""
        hits = {model: np.diff([float(one.hits[model]) for one in counts]) for model in counts[0].hits}
        return cls(np.diff([float(one.tested) for one in counts]), hits)

    def rate(self, model: str) -> Rate:
        """Return HR@10 of all parts."""
        tested = int(self.tested.sum())
        if tested == 0:
            return Rate(np.nan, np.nan, 0)
        share = float(self.hits[model].sum()) / tested
        return Rate(share, float(np.sqrt(share * (1 - share) / tested)), tested)


OnRun = Callable[[str, int, int], None]
"""Called with a label, what is done, and the total."""


def history_at_once(
    dataset: Dataset,
    protocol: EvaluationProtocol,
    on_run: OnRun,
    *,
    sizes: Sequence[int] = SIZES,
    tested: int = TESTED,
    brokers: str | None = None,
    embedded: bool = False,
    partitions: int = 4,
) -> ScenarioReport:
    """Measure HR@10 after histories sent slowly and at once.

    Parameters
    ----------
    dataset, protocol
        The stream. Histories that leave no event to test are left out.
    on_run
        Called before each run through a worker, and after the last.
    sizes, tested
        Events of the histories, and further events.
    brokers, embedded, partitions
        As of `replay_cluster`.
    """
    events = replace(dataset, ratings=prepare(dataset.ratings, protocol).events)
    fitting = [size for size in sizes if size < len(events.ratings)]
    models: dict[str, Figures] = {}
    for number, size in enumerate(fitting):
        found = {}
        for way, at_once in (("slowly", False), ("at_once", True)):
            on_run(f"{size:,} {way.replace('_', ' ')}", 2 * number + at_once, 2 * len(fitting))
            with replay_cluster(brokers, None, embedded=embedded, partitions=partitions) as settings:
                found[way] = _run(settings, events, protocol, size, tested, at_once=at_once)
        for model in found["slowly"].hits:
            models.setdefault(model, {})[f"{size:,} events"] = _compared(model, **found)
    on_run(HISTORY, 2 * len(fitting), 2 * len(fitting))
    return ScenarioReport(HISTORY, protocol, {"further_events": tested}, models)


def _run(
    settings: Settings,
    dataset: Dataset,
    protocol: EvaluationProtocol,
    size: int,
    tested: int,
    *,
    at_once: bool,
) -> PartHits:
    """Return the hits of the further events."""
    stream = list(as_events(dataset.ratings.take(np.arange(min(size + tested, len(dataset.ratings))))))
    history, further = stream[:size], stream[size:]
    variables = {
        "NEARLINE_MODEL__REWARD__LIKED_STARS": str(protocol.min_rating),
        "NEARLINE_PAGE__ROWS": "1",  # the ranking is evaluated, not the page
        "NEARLINE_PREQUENTIAL_SHARE": "1",
    }
    worker = WorkerProcess(settings, settings.state_dir.parent / settings.group, variables | TITLES_FLOOR)
    with EventProducer(settings) as producer:
        producer.send_titles(dataset.catalog())
        sender = SyncSender(worker, producer)
        if at_once:
            sender.put(history)
        with worker:
            worker.wait_ready()
            part = size if at_once else max(FEWEST, size // PARTS)
            for start in range(0, 0 if at_once else size, part):
                sender.put(history[start : start + part])
                sender.wait()
            parts = [further[start : start + LATER] for start in range(0, len(further), LATER)]
            counts = [sender.wait(), *map(sender.send, parts)]
    shutil.rmtree(worker.folder)
    return PartHits.of(counts)


def _compared(model: str, *, slowly: PartHits, at_once: PartHits) -> dict[str, Rate]:
    share = Rate.paired(at_once.hits[model], slowly.hits[model])
    return {
        "slowly": slowly.rate(model),
        "at once": at_once.rate(model),
        "share": replace(share, tested=int(at_once.tested.sum())),
    }
