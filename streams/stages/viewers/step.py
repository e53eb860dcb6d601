"""The viewers stage: viewing events in; home pages, alerts, signals about titles, and changed rows out.

`ViewersStage` is what all partitions share. For each partition it makes a runner, which the engine calls
(:mod:`streams.stages.viewers.stage_runner`): it splits a batch at switch markers, runs `ViewersStep` on each
segment, and flushes pending pages.

`ViewersStep` decodes the records (:mod:`streams.stages.viewers.decode`), learns them on the viewers' side of
the model, ranks the viewers whose taste changed, and writes their pages
(:mod:`streams.stages.viewers.publisher`). What the batch says about titles goes to the titles stage as
signals, and comes back with the replica.

An event that came before (same viewer, same event id) changes nothing and makes no page; it is counted.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from online_models.experiments.plan import ExperimentPlan
from online_models.feedback import watch_time
from online_models.feedback.reward_function import Action, RewardFunction
from online_models.learners.stated_preferences import take
from online_models.page.catalog_index import CatalogIndex
from online_models.ranking.viewer_side import ViewerSide
from online_models.tables.keyed_random import sampled
from online_models.tables.layout import Feedback, Signals
from online_models.tables.rows import VIEWER_ROWS
from schemas import Forget, topics
from streams.config.settings import Settings
from streams.engine.stage import Outcome, Record, StageSpec, StateView
from streams.engine.table_records import UnusableRecords
from streams.stages.versions.cutover import Cutover
from streams.stages.versions.handover import Handover
from streams.stages.versions.status import SingleVersion, VersionStatus
from streams.stages.viewers.alerts import Alerts
from streams.stages.viewers.decode import DecodedBatch, EventDecoder
from streams.stages.viewers.departures import Departures, split_at_departures
from streams.stages.viewers.impressions import HOT_BYTES
from streams.stages.viewers.page_throttle import Clock, PageRequest, PageThrottle, PendingPage, latest
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

__all__ = ["STAGE", "ViewersStage", "ViewersStep"]

STAGE = "viewers"
_TASTE_ACTIONS = (Action.POSITIVE, Action.REJECT, Action.KNOWN)
"""Effects that change a plain list."""


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
        Bounds the times of events, and pages are made by it: windows of titles, rules, experiments. Default:
        for replays, the times of events.
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
        return StageRunner(
            cutover=cutover,
            throttle=throttle,
            step=step,
            max_pages=settings.viewers_batch_events,
            table_letters=TableLetters(store, self.unusable)
            if self.unusable and partition == OWNER
            else None,
        )

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
            is_forgotten=self._departures.is_forgotten,
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
        stage.lag.set_catching_up(partition, late=cutover.silent)

    def __call__(self, records: Sequence[Record]) -> Outcome:
        """Learn events, and make the pages of the viewers whose taste changed; a shadow makes none.

        The events are split at each departure, so that events after it are learned on an empty viewer.
        """
        self._departures.begin_batch()
        self._alerts.begin_batch()
        batch = self._decoder.decode(records)
        if not batch.departures:
            return self._learn(records, batch)
        out = Outcome()
        for part, departure in split_at_departures(records, batch.departures):
            learned = self._learn(part, self._decoder.decode(part))
            self._departures.keep_rows(learned)
            out.add(learned)
            if departure is not None:
                removed = self._departures.remove_viewer(
                    self._side.viewers, departure, silent=self._cutover.silent
                )
                self._departures.keep_rows(removed)
                out.add(removed)
                viewer = departure.event.viewer_id
                out.rows.extend(self._throttle.forget(viewer))
                of_viewer = (self._signals.forget(viewer), self._alerts.forget(viewer))
                out.rows.extend(of_viewer)
                if isinstance(departure.event, Forget):
                    out.erased.append(viewer.encode())
                    out.erased.append(partition_rows.PENDING_PAGE.no_row(viewer)[0])
                    out.erased.extend(key for key, _ in of_viewer)
        return out

    def make_pages(self, pending: Sequence[PendingPage]) -> Outcome:
        """Make pending pages."""
        self._alerts.begin_batch()
        out, viewers = Outcome(), self._side.viewers
        slots = viewers.acquire([page.viewer_id for page in pending], self._load)
        requests = [(slot, page.offset, page.at) for slot, page in zip(slots.tolist(), pending, strict=True)]
        now_ms = self._page_time_ms(max(page.at for page in pending))
        self._publisher.publish(requests, now_ms, self._cutover.floor, out)
        out.rows.extend(viewer_rows.pack(viewers, slots))
        return out

    def close(self) -> None:
        """Drop the partition from the replica's lag."""
        self._stage.lag.forget(self._partition)

    def _learn(self, records: Sequence[Record], batch: DecodedBatch) -> Outcome:
        silent = self._cutover.silent
        late = time.time() * 1000 - records[-1].timestamp > LATE_MS
        self._stage.lag.set_catching_up(self._partition, late=silent and late)
        out = Outcome(dead_letters=batch.dead_letters)
        requests = self._apply_stated_preferences(batch)
        changed = {slot for slot, _, _ in requests}
        if batch.signals:
            feedback = self._side.feedback(batch.columns(), self._load)
            signals = self._observe(feedback)
            accepted = self._accepted(feedback, signals, batch)
            self._locate(feedback, accepted, batch)
            self._signals.publish(batch, feedback, signals, out)
            changed.update(feedback.viewer[accepted].tolist())
            requests += self._page_requests(feedback, signals, accepted, batch.offsets)
        if requests and not silent:
            requests = latest(requests, by_event=self._settings.list_per_event)
            if now := self._throttle.admit(requests, self._side.viewers.ids):
                now_ms = self._page_time_ms(batch.newest_ms)
                self._publisher.publish(now, now_ms, self._cutover.floor, out)
            out.rows.extend(self._throttle.take_rows())
        if changed:
            out.rows.extend(viewer_rows.pack(self._side.viewers, np.array(sorted(changed), np.int32)))
            out.rows.extend((self._signals.row, *self._format_rows))
            if (counts := watch_time.take_moved(self._side.viewers.arrays)) is not None:
                out.rows.append(partition_rows.WATCH_TIME.row(counts))
            if (weights := self._side.blending.take_moved()) is not None:
                out.rows.append(partition_rows.BLEND.row(weights))
            self._format_rows = []
        self._stage.metrics.cache_slots.labels(STAGE).set(len(self._side.viewers))
        return out

    def _page_time_ms(self, newest_ms: int) -> int:
        """Return the time of pages: the worker's clock, or in replays the newest event time that asks.

        A device's late event would bring expired titles back, its fast clock would break embargoes, and for
        everybody in its batch.
        """
        clock = self._stage.wall_clock
        return newest_ms if clock is None else clock()

    def _apply_stated_preferences(self, batch: DecodedBatch) -> list[PageRequest]:
        """Apply stated preferences; return requests for the pages that they change."""
        stated = batch.stated_preferences
        if not stated:
            return []
        viewers = self._side.viewers
        everyone = [*(one.event.viewer_id for one in stated), *(viewer for viewer, _, _ in batch.signals)]
        slots = viewers.acquire(everyone, self._load)[: len(stated)].tolist()
        requests: list[PageRequest] = []
        for (event, offset, at), slot in zip(stated, slots, strict=True):
            if take(viewers.arrays, slot, event) or viewers.arrays.seq[slot] == 0:
                requests.append((slot, offset, at))
        return requests

    def _observe(self, feedback: Feedback) -> Signals:
        """Learn a batch; the configured share of the events is ranked before it is learned."""
        share = self._settings.prequential_share
        self._stage.metrics.learned.inc(feedback.viewer.size)
        if share == 0.0:
            return self._side.observe(feedback)[0]
        signals, ranks = self._side.observe_tested(feedback, sampled(feedback.event, share))
        self._stage.quality.add(ranks)
        return signals

    def _accepted(self, feedback: Feedback, signals: Signals, batch: DecodedBatch) -> NDArray[np.bool_]:
        """Return which signals were new to their viewer, and count the events that were duplicates."""
        effect = signals.action[: feedback.action.size]
        accepted: NDArray[np.bool_] = (effect != Action.IGNORED) | (feedback.action == Action.IGNORED)
        duplicates = len({batch.offsets[n] for n in np.flatnonzero(~accepted).tolist()})
        if duplicates:
            self._stage.metrics.events.labels(STAGE, "duplicate").inc(duplicates)
        return accepted

    def _locate(self, feedback: Feedback, accepted: NDArray[np.bool_], batch: DecodedBatch) -> None:
        """Store the countries and kinds of device that the events name."""
        viewers = self._side.viewers.arrays
        for column, named in ((viewers.country, batch.countries), (viewers.device, batch.devices)):
            codes = np.asarray(named)
            at = np.flatnonzero((codes > 0) & accepted)
            column[feedback.viewer[at]] = codes[at]

    def _page_requests(
        self, feedback: Feedback, signals: Signals, accepted: NDArray[np.bool_], offsets: Sequence[int]
    ) -> list[PageRequest]:
        """Return the signals that ask for a page: of a plain list, those on taste and known titles."""
        effect = signals.action[: feedback.action.size]
        new = accepted & (feedback.action != Action.IMPRESSION)
        if self._settings.list_per_event:
            asking = new
        elif self._settings.page.is_list:
            asking = np.isin(effect, _TASTE_ACTIONS)
        else:
            asking = new & ~np.isin(feedback.action, (Action.SEARCH_CLICK, Action.IGNORED))
        at = np.flatnonzero(asking)
        causes = map(offsets.__getitem__, at.tolist())
        return list(zip(feedback.viewer[at].tolist(), causes, feedback.at[at].tolist(), strict=True))
