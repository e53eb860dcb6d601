"""The results stage: viewing events in; viewers' parts in experiments, and tallies of each partition, out.

It reads the events beside the viewers stage, in a group of its own, and is as exact: a tally is the same
whatever was killed, because viewers' parts, the tallies and the offset go in one transaction. A tally is
absolute and of one partition; the decisions stage (:mod:`streams.stages.experiments.decisions`) adds the partitions
up.

Who is forgotten has no part any more; what they added to tallies stays, as numbers of nobody.
"""

from collections.abc import Callable, Sequence

from online_models.experiments.exposure import take
from online_models.experiments.list_diversity import About, nothing_known
from online_models.experiments.plan import Plan
from online_models.experiments.tallies import Tally, ViewerTally
from online_models.tables.viewers import hash_ids
from schemas import Forget, topics
from streams.config.settings import Settings
from streams.engine.stage import Message, Outcome, Record, StageSpec, StateView
from streams.stages.analytics.events import EventReader, ViewerRows
from streams.stages.experiments.rows import TALLY, pack_part, pack_tally, tally_of, unpack_part, unpack_tally

__all__ = ["STAGE", "ResultsStep", "results_spec"]

STAGE = "results"
FLOOR_S = 1.0
"""Least seconds between two batches of a partition: tallies, a kilobyte an experiment, are written as
often."""


def _undescribed() -> About:
    return nothing_known


def results_spec(
    settings: Settings, plan: Callable[[], Plan], about: Callable[[], About] = _undescribed
) -> StageSpec:
    """Describe the stage.

    Parameters
    ----------
    settings
        Topics.
    plan
        Waits until the experiments are known, then returns the newest plan.
    about
        Waits until the catalog is known, then returns what tells a title's tags. Default: nothing does.
    """
    return StageSpec(
        name=STAGE,
        source=settings.topic(topics.EVENTS),
        changelog=settings.topic(topics.EXPERIMENT_VIEWERS),
        make_step=lambda partition, store: ResultsStep(settings, partition, store, plan, about=about()),
        dead_letters=settings.topic(topics.DEAD_LETTERS),
        max_events=settings.viewers_batch_events,
        max_bytes=settings.viewers_batch_bytes,
        min_interval_s=FLOOR_S,
    )


class ResultsStep:
    """The logic of one partition of the events.

    Parameters
    ----------
    settings
        Topics.
    partition
        Of the events.
    store
        Parts of viewers, and tallies.
    plan
        Asked before each batch for the experiments.
    about
        Returns a title's tags.
    """

    def __init__(
        self,
        settings: Settings,
        partition: int,
        store: StateView,
        plan: Callable[[], Plan],
        *,
        about: About = nothing_known,
    ) -> None:
        plan()  # waits until the experiments are known
        self._partition, self._plan, self._about = partition, plan, about
        self._events = EventReader(settings)
        self._topic = settings.topic(topics.EXPERIMENT_TALLIES)
        self._parts = ViewerRows(store, unpack_part)
        self._tallies = {
            key[len(TALLY) :].decode(): tally_of(unpack_tally(value)) for key, value in store.scan(TALLY)
        }

    def __call__(self, records: Sequence[Record]) -> Outcome:
        """Count a batch."""
        events = self._events(records)
        if not events:
            return Outcome()
        plan = self._plan()
        self._parts.load({event.viewer_id for event, _ in events})
        hashes = hash_ids([event.event_id for event, _ in events]).tolist()
        touched: dict[str, ViewerTally | None] = {}
        changed: dict[str, None] = {}
        for (event, at_ms), event_hash in zip(events, hashes, strict=True):
            viewer = event.viewer_id
            if isinstance(event, Forget):
                self._parts.hot.pop(viewer, None)
                touched[viewer] = None
                continue
            part = self._parts.hot.setdefault(viewer, ViewerTally(since_ms=at_ms))
            touched[viewer] = part
            names = take(
                part, event, at_ms, plan=plan, event_hash=event_hash, tally=self._tally, about=self._about
            )
            changed.update(dict.fromkeys(names))
        out = Outcome(
            rows=[(v.encode(), None if part is None else pack_part(part)) for v, part in touched.items()]
        )
        messages: list[Message] = []
        for name in changed:
            value = pack_tally(name, self._partition, self._tallies[name])
            out.rows.append((TALLY + name.encode(), value))
            messages.append({"key": f"{name}\n{self._partition}".encode(), "value": value})
        if messages:
            out.outputs[self._topic, 0] = messages
        return out

    def _tally(self, name: str) -> Tally:
        return self._tallies.setdefault(name, Tally())
