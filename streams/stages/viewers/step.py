"""The viewers stage: viewing events in; home pages, alerts, signals about titles, and changed rows out.

`ViewersStage` is what all partitions share. For each partition it makes a runner, which the engine calls
(:mod:`streams.stages.viewers.stage_runner`): it splits a batch at switch markers, runs `ViewersStep` on each
segment, and flushes pending pages.

`ViewersStep` decodes the records (:mod:`streams.stages.viewers.decode`), learns them on the viewers' side of
the model, ranks the viewers whose taste changed, and writes their pages
(:mod:`streams.stages.viewers.publisher`). What the batch says about titles goes to the titles stage as
signals, and comes back with the replica.

Whatever a batch changes, it changes in the order of its records. An event that came before (same viewer, same
event id, whatever its type) changes nothing and makes no page; it is counted.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from online_models.experiments.plan import ExperimentPlan
from online_models.feedback import watch_time
from online_models.feedback.reward_function import Action, RewardFunction, action_table
from online_models.learners.stated_preferences import take_all
from online_models.page.catalog_index import CatalogIndex
from online_models.ranking.viewer_side import ViewerSide
from online_models.tables.keyed_random import sampled
from online_models.tables.layout import I4, I8, Feedback, Signals
from online_models.tables.rows import VIEWER_ROWS
from schemas import Forget, topics
from streams.clock import now_ms
from streams.config.settings import Settings
from streams.engine.stage import Outcome, Record, StageSpec, StateView
from streams.engine.table_records import UnusableRecords
from streams.stages.versions.cutover import Cutover
from streams.stages.versions.handover import Handover
from streams.stages.versions.status import SingleVersion, VersionStatus
from streams.stages.viewers.alerts import Alerts
from streams.stages.viewers.decode import Departure, EventBatch, EventDecoder, SignalRows
from streams.stages.viewers.departures import Departures
from streams.stages.viewers.impressions import HOT_BYTES
from streams.stages.viewers.page_throttle import (
    Clock,
    PageRequests,
    PageThrottle,
    PendingPage,
    SentAt,
    latest,
    requests_of,
    timestamp_of,
)
from streams.stages.viewers.publisher import PagePublisher
from streams.stages.viewers.quality import Quality
from streams.stages.viewers.replica import Replica
from streams.stages.viewers.replica_lag import LATE_MS, ReplicaLag
from streams.stages.viewers.signal_publisher import SignalPublisher
from streams.stages.viewers.stage_runner import StageRunner
from streams.stages.viewers.table_letters import OWNER, TableLetters
from streams.stages.wire import partition_rows, viewer_rows
from streams.stages.wire.cached_rows import RowMemory
from streams.stages.wire.events import Clock as WallClock
from streams.stages.wire.events import EventReader
from streams.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from streams.stages.viewers.guests import Guests

__all__ = ["STAGE", "ViewersStage", "ViewersStep"]

STAGE = "viewers"
FLUSHED_PAGES = 256
"""Pending pages in one flush, at .2 to .4 ms each: they are in the transaction of a batch, whose own pages
wait for them. Whatever else is due comes with the next batch, at once."""
_ON_TASTE = action_table(Action.POSITIVE, Action.REJECT, Action.KNOWN)
"""Effects that change a plain list."""
_WITHOUT_PAGE = action_table(Action.IMPRESSION, Action.SEARCH_CLICK, Action.IGNORED)
"""Actions that ask for no page."""


class ViewersStage:
    """What the stage's partitions share.

    Parameters
    ----------
    settings
        Model, topics, batches.
    replica
        The titles.
    partitions
        Partitions of the events' topic.
    metrics
        Count lists and quality.
    versions
        Status of the worker's version. Default: it is alone and always publishes.
    clock
        Clock of the page throttle.
    wall_clock
        Bounds the times of events, and pages go by it. Default: for replays, by the times of events.
    plan
        Returns the current experiments. Default: none.
    rules
        Waits until the catalog applies the business rules. Default: there are none.
    unusable
        Records of tables that cannot be used; partition 0 writes their dead letters. Default: none.
    """

    def __init__(
        self,
        settings: Settings,
        replica: Replica,
        *,
        partitions: int,
        metrics: Metrics,
        versions: VersionStatus | None = None,
        clock: Clock = time.monotonic,
        wall_clock: WallClock | None = None,
        plan: Callable[[], ExperimentPlan] = ExperimentPlan,
        rules: Callable[[], None] = lambda: None,
        unusable: UnusableRecords | None = None,
    ) -> None:
        self.clock, self.wall_clock, self.plan, self.rules = clock, wall_clock, plan, rules
        self.versions = versions or SingleVersion()
        self.settings, self.replica, self.partitions = settings, replica, partitions
        self.metrics = metrics
        self.unusable = unusable
        self.index = CatalogIndex(replica.titles, replica.catalog, settings.page, replica.segments)
        self.quality = Quality(metrics)
        self.impressions = RowMemory(HOT_BYTES)
        self.handover = Handover(settings)
        self.lag = ReplicaLag(replica, settings.lead_events, metrics, partitions=partitions)

    def spec(self) -> StageSpec:
        """Describe the stage to the engine."""
        s = self.settings
        return StageSpec(
            name=STAGE,
            source=s.topic(topics.EVENTS),
            changelog=s.topic(topics.VIEWER_STATE),
            make_step=self.step,
            dead_letters=s.topic(topics.DEAD_LETTERS),
            max_events=s.viewers_batch_events,
            max_bytes=s.viewers_batch_bytes,
            gate=self._gate,
            max_events_now=self.lag.max_events,
            start_offset=self._begin,
            layout=VIEWER_ROWS.layout(s.model),
        )

    def step(self, partition: int, store: StateView) -> "StageRunner":
        """Make the logic of a partition, once the replica has caught up."""
        self.replica.wait()
        self.plan()  # waits until the experiments are known
        self.rules()
        settings = self.settings
        interval_s = 0.0 if settings.list_per_event else settings.page_interval_s
        throttle = PageThrottle(store, interval_s, self.metrics, clock=self.clock)
        cutover = Cutover(store, self.versions, partial(self.handover.wait_for, partition))
        step = ViewersStep(self, partition, store, cutover=cutover, throttle=throttle)
        unusable = self.unusable if partition == OWNER else None
        return StageRunner(
            cutover=cutover,
            throttle=throttle,
            step=step,
            max_pages=min(FLUSHED_PAGES, settings.viewers_batch_events),
            table_letters=TableLetters(store, unusable) if unusable else None,
        )

    def guests(self, store: StateView, side: ViewerSide) -> "Guests | None":
        """Make the external rankers of a partition; None: there are none."""
        if not self.settings.model.guests:
            return None
        from streams.stages.viewers.guests import Guests  # noqa: PLC0415 - imports River

        return Guests(self.settings, store, side, self.metrics)

    async def _gate(self, partition: int) -> bool:
        """Wait until the replica's lag is within its bound; return whether no other version goes first."""
        return await self.lag.gate() and await self.handover.passed(partition)

    def _begin(self, partition: int) -> int:
        """Return the offset of the first event that the version learns."""
        starts = self.versions.registration.starts
        return starts[partition] if partition < len(starts) else 0


class ViewersStep:
    """Learns the events of one source partition, and makes the pages of its viewers.

    Parameters
    ----------
    stage
        What all partitions share.
    partition
        Number of the partition.
    store
        Its rows.
    cutover
        Whether pages are published, and their first number.
    throttle
        Which pages are made now.
    """

    def __init__(
        self,
        stage: ViewersStage,
        partition: int,
        store: StateView,
        *,
        cutover: Cutover,
        throttle: PageThrottle,
    ) -> None:
        settings, replica = stage.settings, stage.replica
        self._stage, self._partition, self._settings = stage, partition, settings
        self._cutover, self._throttle = cutover, throttle
        self._side = ViewerSide(replica.titles, replica.catalog)
        self._side.blending.segment_boost = replica.segment_boost
        self._guests = self._side.ranker.further = stage.guests(store, self._side)
        self._signals = SignalPublisher(
            store, settings, partition, side=self._side, replica=replica, lag=stage.lag,
            memory=stage.impressions,
        )  # fmt: skip
        self._departures = Departures(store, settings, partition)
        self._load = self._departures.loader
        self._decoder = EventDecoder(
            RewardFunction(settings.model.reward),
            EventReader(settings, stage.wall_clock),
            stage=STAGE,
            partition=partition,
            partitions=stage.partitions,
        )
        self._alerts = Alerts(store, settings, replica.catalog, partition=partition, metrics=stage.metrics)
        self._publisher = PagePublisher(
            settings,
            self._side,
            stage.index,
            partition=partition,
            plan=stage.plan,
            gallery=replica.gallery,
            alerts=self._alerts,
            shelf_value=self._signals.shelf_value,
            metrics=stage.metrics,
            live=stage.wall_clock is not None,
        )
        self._side.blending.load(partition_rows.BLEND.read(store))
        watch_time.load(self._side.viewers.arrays, partition_rows.WATCH_TIME.read(store))
        self._format_rows = partition_rows.require_format(store, VIEWER_ROWS)
        self._hot = stage.metrics.cache_slots.labels(STAGE)
        stage.lag.set_catching_up(partition, late=cutover.silent)

    def __call__(self, records: Sequence[Record]) -> Outcome:
        """Learn events, and make the pages of the viewers whose taste changed; a shadow makes none.

        Behind each departure its viewer begins anew, with an empty state.
        """
        self._departures.begin_batch()
        self._alerts.begin_batch()
        self._signals.begin_batch()
        clock = self._stage.wall_clock or now_ms  # a shadow that replays the past is late, too
        late = clock() - records[-1].timestamp > LATE_MS
        self._stage.lag.set_catching_up(self._partition, late=self._cutover.silent and late)
        batch = self._decoder.decode(records)
        out = Outcome(dead_letters=batch.dead_letters)
        for events, departure in batch.parts():
            out.add(learned := self._learn(events, batch.newest_ms, partial(timestamp_of, records)))
            if departure is not None:
                self._departures.keep_rows(learned)
                out.add(self._remove(departure))
        out.add(self._departures.take_changes())
        self._hot.set(len(self._side.viewers))
        return out

    def make_pages(self, pending: Sequence[PendingPage]) -> Outcome:
        """Make pending pages."""
        self._alerts.begin_batch()
        out, viewers = Outcome(), self._side.viewers
        slots = viewers.acquire([page.viewer_id for page in pending], self._load)
        requests = requests_of(slots, [page.offset for page in pending], at := [page.at for page in pending])
        self._publisher.publish(requests, self._page_time_ms(max(at)), self._cutover.floor, out)
        out.deferred_causes.extend((page.offset, page.sent_ms) for page in pending)
        out.rows.extend(viewer_rows.pack(viewers, slots))
        return out

    def close(self) -> None:
        """Drop the partition from the replica's lag."""
        self._stage.lag.forget(self._partition)

    def _learn(self, events: EventBatch, newest_ms: int, sent_at: SentAt) -> Outcome:
        """Learn events in their order, then make the pages of the viewers whose taste they have changed."""
        out, viewers = Outcome(), self._side.viewers
        events = self._departures.without_forgotten(events)
        slots, new = self._side.admit(events.viewers, events.key, self._load)
        self._count_duplicates(int(np.count_nonzero(~new)))
        events, slots = events.select(new), slots[new]
        requests: list[PageRequests] = []
        for start, stop in self._signals.impressions.spans(events, slots):
            requests += self._learn_span(events.cut(start, stop), slots[start:stop], out)
        if any(map(len, requests)) and not self._cutover.silent:
            asked = latest(np.concatenate(requests), by_event=self._settings.list_per_event)
            if len(now := self._throttle.admit(asked, viewers.ids, sent_at)):
                self._publisher.publish(now, self._page_time_ms(newest_ms), self._cutover.floor, out)
                out.causes.extend(now[:, 1].tolist())
            out.rows.extend(self._throttle.take_rows())
        if len(events):
            out.rows.extend(viewer_rows.pack(viewers, np.unique(slots)))
            out.rows.extend((*self._signals.take_rows(), *self._format_rows))
            if (counts := watch_time.take_moved(viewers.arrays)) is not None:
                out.rows.append(partition_rows.WATCH_TIME.row(counts))
            if (weights := self._side.blending.take_moved()) is not None:
                out.rows.append(partition_rows.BLEND.row(weights))
            if self._guests is not None:
                out.rows.extend(self._guests.take_rows())
            self._format_rows = []
        return out

    def _page_time_ms(self, newest_ms: int) -> int:
        """Return the time of pages: the worker's clock, or in replays the newest event time that asks.

        A late event would bring expired titles back, a fast clock break embargoes, for all in its batch.
        """
        clock = self._stage.wall_clock
        return newest_ms if clock is None else clock()

    def _learn_span(self, events: EventBatch, slots: I4, out: Outcome) -> list[PageRequests]:
        """Learn events that are new to their viewers; return the requests for pages."""
        viewers, reward = self._side.viewers.arrays, self._settings.model.reward
        said = events.country, events.device
        countries, changed = take_all(viewers, slots, said, events.decoded, events.at, reward)
        requests = (
            [requests_of(slots[changed], events.offset[changed], events.at[changed])] if changed else []
        )
        rows = events.rows
        if rows.event.size:
            feedback = self._side.feedback(events.columns(), slots=slots[rows.event])
            tastes = self._signals.impressions.tastes(events, feedback)
            tests = self._guests.test(feedback, events) if self._guests is not None else {}
            signals = self._observe(feedback, rows)
            if self._guests is not None:
                self._guests.learn(feedback, signals, tests)
            places = countries[rows.event], events.device[rows.event]
            self._signals.publish(events, feedback, signals, places=places, tastes=tastes, out=out)
            requests.append(self._page_requests(feedback, signals, events.offset[rows.event]))
        return requests

    def _remove(self, departure: Departure) -> Outcome:
        """Remove a viewer from all that the partition knows."""
        viewer = departure.event.viewer_id
        out = self._departures.remove_viewer(
            self._side.viewers, departure.event, departure.at, silent=self._cutover.silent
        )
        if out is None:
            self._count_duplicates(1)
            return Outcome()
        self._departures.keep_rows(out)
        out.rows.extend(self._throttle.forget(viewer))
        of_viewer = [self._signals.forget(viewer), self._alerts.forget(viewer)]
        if self._guests is not None:
            of_viewer += self._guests.forget(viewer)
        out.rows.extend(of_viewer)
        if isinstance(departure.event, Forget):
            out.erased.append(viewer.encode())
            out.erased.append(partition_rows.PENDING_PAGE.no_row(viewer)[0])
            out.erased.extend(key for key, _ in of_viewer)
        return out

    def _observe(self, feedback: Feedback, rows: SignalRows) -> Signals:
        """Learn signals; the configured share of them is ranked before it is learned."""
        share = self._settings.prequential_share
        self._stage.metrics.learned.inc(feedback.viewer.size)
        if share == 0.0:
            signals = self._side.observe(feedback)[0]
        else:
            signals, ranks = self._side.observe_tested(feedback, sampled(rows.key, share))
            self._stage.quality.add(ranks)
        self._stage.quality.add_judgements(signals.action[: feedback.action.size])
        return signals

    def _count_duplicates(self, events: int) -> None:
        if events:
            self._stage.metrics.events.labels(STAGE, "duplicate").inc(events)

    def _page_requests(self, feedback: Feedback, signals: Signals, offsets: I8) -> PageRequests:
        """Return the signals that ask for a page: of a plain list, those on taste and known titles."""
        if self._settings.list_per_event:
            asking = feedback.action != Action.IMPRESSION
        elif self._settings.page.is_list:
            asking = _ON_TASTE[signals.action[: feedback.action.size]]
        else:
            asking = ~_WITHOUT_PAGE[feedback.action]
        return requests_of(feedback.viewer[asking], offsets[asking], feedback.at[asking])
