"""The results stage: viewing events in; viewers' counts in experiments, and tallies of each partition, out.

It reads the events in a group of its own, and is exact: viewers' counts, tallies and the offset are written
in one transaction. A tally is absolute and of one partition; the decisions stage
(:mod:`streams.stages.experiments.decisions`) adds the partitions up.

`forget` deletes a viewer's counts; what they added to tallies stays, as anonymous sums.
"""

from collections.abc import Callable, Sequence

from online_models.experiments.exposure import TagsOf, Tally, ViewerTally, count_event, no_tags
from online_models.experiments.plan import ExperimentPlan
from online_models.tables.hashing import hash_ids
from schemas import Forget, topics
from streams.config.settings import Settings
from streams.engine.stage import Message, Outcome, Record, StageSpec, StateView
from streams.stages.analytics.events import HOT_BYTES, usable_events
from streams.stages.experiments.rows import TALLIES, TALLY, VIEWERS, pack_tally, tally_of
from streams.stages.wire.cached_rows import CachedRows, RowMemory
from streams.stages.wire.events import Clock, EventReader

__all__ = ["STAGE", "ResultsStep", "results_spec"]

STAGE = "results"
FLOOR_S = 1.0
"""Least seconds between two batches of a partition: each writes the tallies, a kilobyte an experiment."""


def _no_tags() -> TagsOf:
    return no_tags


def results_spec(
    settings: Settings,
    plan: Callable[[], ExperimentPlan],
    about: Callable[[], TagsOf] = _no_tags,
    clock: Clock | None = None,
) -> StageSpec:
    """Describe the stage.

    Parameters
    ----------
    settings
        Topics.
    plan
        Waits until the experiments are known, then returns the newest plan.
    about
        Waits until the catalog is known, then returns the lookup of a title's tags. Default: no tags.
    clock
        Bounds the times of events. Default: for replays, no clock.
    """
    memory = RowMemory(HOT_BYTES)
    return StageSpec(
        name=STAGE,
        source=settings.topic(topics.EVENTS),
        changelog=settings.topic(topics.EXPERIMENT_VIEWERS),
        make_step=lambda partition, store: ResultsStep(
            settings, partition, store, plan, about=about(), clock=clock, memory=memory
        ),
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
        Partition of the events.
    store
        Viewers' counts, and tallies.
    plan
        Returns the experiments; called before each batch.
    about
        Returns a title's tags.
    clock
        As for `results_spec`.
    memory
        Shared by all partitions. Default: of this one.
    """

    def __init__(
        self,
        settings: Settings,
        partition: int,
        store: StateView,
        plan: Callable[[], ExperimentPlan],
        *,
        about: TagsOf = no_tags,
        clock: Clock | None = None,
        memory: RowMemory | None = None,
    ) -> None:
        plan()  # waits until the experiments are known
        self._partition, self._plan, self._about = partition, plan, about
        self._read = EventReader(settings, clock)
        self._topic = settings.topic(topics.EXPERIMENT_TALLIES)
        self._viewers = CachedRows(store, VIEWERS.unpack, memory or RowMemory(HOT_BYTES))
        self._tallies = {
            key[len(TALLY) :].decode(): tally_of(TALLIES.unpack(value)) for key, value in store.scan(TALLY)
        }

    def __call__(self, records: Sequence[Record]) -> Outcome:
        """Count a batch."""
        events = usable_events(self._read, records)
        if not events:
            return Outcome()
        plan = self._plan()
        self._viewers.load(event.viewer_id for event, _ in events)
        hashes = hash_ids([event.event_id for event, _ in events]).tolist()
        touched: dict[str, ViewerTally | None] = {}
        changed: dict[str, None] = {}
        for (event, at_ms), event_hash in zip(events, hashes, strict=True):
            viewer = event.viewer_id
            if isinstance(event, Forget):
                self._viewers.remove(viewer)
                touched[viewer] = None
                continue
            counts = self._viewers.hot.setdefault(viewer, ViewerTally(since_ms=at_ms))
            touched[viewer] = counts
            names = count_event(
                counts, event, at_ms, plan=plan, event_hash=event_hash, tally=self._tally, about=self._about
            )
            changed.update(dict.fromkeys(names))
        out = Outcome(
            rows=[
                (v.encode(), None if counts is None else VIEWERS.pack(counts))
                for v, counts in touched.items()
            ]
        )
        out.erased.extend(key for key, value in out.rows if value is None)
        for key, value in out.rows:
            if value is not None:
                self._viewers.weigh(key.decode(), value)
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
