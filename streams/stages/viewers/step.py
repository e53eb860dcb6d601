"""The viewers stage: viewing events in; refreshed home pages, signals about titles, changed rows out.

One batch: judge the records (:mod:`streams.stages.viewers.decode`), learn them on the viewers' side of the model,
rank the viewers whose taste moved, write their pages. What the batch says about titles travels on as signals;
the titles stage learns it and the replica brings it back.

An event that came before (same viewer, same event id) changes nothing and makes no page; it is counted. Whose
page is younger than the setting `page_interval_s` is owed the next one (:mod:`streams.stages.viewers.page_throttle`).
"""

import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from online_models.experiments.plan import Plan
from online_models.feedback import watch_time
from online_models.feedback.reward_function import Action, RewardFunction
from online_models.learners.stated_preferences import take
from online_models.page.catalog_index import CatalogIndex
from online_models.ranking.viewer_side import ViewerSide
from online_models.tables.keyed_random import sampled
from online_models.tables.layout import Feedback, Signals
from online_models.tables.rows import VIEWER_ROWS
from schemas import topics
from streams.config.settings import Settings
from streams.engine.stage import Outcome, Record, StageSpec, StateView
from streams.stages.versions.handover import Handover
from streams.stages.versions.own import OneVersion, Standing
from streams.stages.viewers.alerts import Alerts
from streams.stages.viewers.decode import DecodedBatch, EventDecoder
from streams.stages.viewers.departures import Departures, cut
from streams.stages.viewers.page_throttle import (
    Clock,
    Moved,
    PageThrottle,
    PendingPage,
    ThrottledStep,
    latest,
)
from streams.stages.viewers.publisher import Publisher
from streams.stages.viewers.quality import Quality
from streams.stages.viewers.replica import Replica
from streams.stages.viewers.replica_lag import LATE_MS, ReplicaLag
from streams.stages.viewers.signal_publisher import SignalPublisher
from streams.stages.wire import partition_rows, viewer_rows
from streams.stages.wire.households import Households
from streams.telemetry.metrics import Metrics

STAGE = "viewers"
_MOVING = (Action.POSITIVE, Action.REJECT, Action.KNOWN)


class ViewersStage:
    """What the stage's partitions share.

    Parameters
    ----------
    settings
        Model, topics, batches.
    replica
        The titles.
    partitions
        Of the events' topic.
    metrics
        Where lists and quality are counted.
    versions
        The version's standing. Default: alone, it always publishes.
    clock
        By which pages keep their interval.
    plan
        Returns the experiments as they are now. Default: there are none.
    rules
        Waits until the catalog obeys the business rules. Default: there are none.
    """

    def __init__(
        self,
        settings: Settings,
        replica: Replica,
        *,
        partitions: int,
        metrics: Metrics,
        versions: Standing | None = None,
        clock: Clock = time.monotonic,
        plan: Callable[[], Plan] = Plan,
        rules: Callable[[], None] = lambda: None,
    ) -> None:
        self.clock, self.plan, self.rules = clock, plan, rules
        self.versions = versions or OneVersion()
        self.settings, self.replica, self.partitions = settings, replica, partitions
        self.metrics = metrics
        self.shelves = CatalogIndex(replica.titles, replica.catalog, settings.page, replica.crowds)
        self.quality = Quality(metrics)
        self.handover = Handover(settings)
        self.lead = ReplicaLag(replica, settings.lead_events, metrics, partitions=partitions)

    def spec(self) -> StageSpec:
        """Describe the stage."""
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
            max_events_now=self.lead.most,
            start_offset=self._begin,
        )

    async def _gate(self, partition: int) -> bool:
        """Wait for the replica where the lead is bounded; say whether another version has to go first."""
        await self.lead.gate()
        return await self.handover.passed(partition)

    def _begin(self, partition: int) -> int:
        """Return the offset of the first event that the version learns."""
        starts = self.versions.registration.starts
        return starts[partition] if partition < len(starts) else 0

    def step(self, partition: int, store: StateView) -> "ViewersStep":
        """Build the logic of a partition, once the replica has caught up."""
        self.replica.wait()
        self.plan()  # waits until the experiments are known
        self.rules()
        return ViewersStep(self, partition, store)


class ViewersStep(ThrottledStep):
    """The logic of one source partition."""

    def __init__(self, stage: ViewersStage, partition: int, store: StateView) -> None:
        settings = stage.settings
        interval_s = 0.0 if settings.list_per_event else settings.page_interval_s
        budget = PageThrottle(store, interval_s, stage.metrics, clock=stage.clock)
        wait_for = partial(stage.handover.wait_for, partition)
        super().__init__(store, stage.versions, wait_for, budget, most=settings.viewers_batch_events)
        self._stage, self._partition, self._settings = stage, partition, settings
        self._side = ViewerSide(stage.replica.titles, stage.replica.catalog)
        self._side.blending.local = stage.replica.local
        self._tidings = SignalPublisher(
            store, settings, partition, side=self._side, replica=stage.replica, lead=stage.lead
        )
        self._leavers = Departures(store, settings, partition)
        self._load = self._leavers.loader
        self._clerk = EventDecoder(
            RewardFunction(settings.model.reward),
            stage=STAGE,
            partition=partition,
            partitions=stage.partitions,
            whose=Households(settings.tenant, profiles=settings.profiles),
        )
        self._alerts = Alerts(
            store, settings, stage.replica.catalog, partition=partition, metrics=stage.metrics
        )
        self._publisher = Publisher(
            settings,
            self._side,
            stage.shelves,
            partition=partition,
            plan=stage.plan,
            gallery=stage.replica.gallery,
            alerts=self._alerts,
        )
        self._side.blending.load(partition_rows.BLEND.read(store))
        watch_time.load(self._side.viewers.arrays, partition_rows.WATCH_TIME.read(store))
        self._unsaid = partition_rows.require_format(store, VIEWER_ROWS)
        stage.lead.catches_up(partition, late=self.silent)

    def learn(self, records: Sequence[Record]) -> Outcome:
        """Learn a batch and refresh the pages of the viewers that it moved; a shadow makes none.

        It is cut behind everybody who leaves, so that what they do afterwards is not forgotten with the rest.
        """
        self._leavers.begin()
        self._alerts.begin()
        intake = self._clerk.read(records)
        if not intake.leaving:
            return self._learn(records, intake)
        out = Outcome()
        for part, one in cut(records, intake.leaving):
            done = self._learn(part, self._clerk.read(part))
            self._leavers.remember(done)
            out.add(done)
            if one is not None:
                left = self._leavers.let_go(self._side.viewers, one, silent=self.silent)
                self._leavers.remember(left)
                out.add(left)
                out.rows.extend(self._budget.forget(one.event.viewer_id))
                viewer = one.event.viewer_id
                out.rows.extend((self._tidings.forget(viewer), self._alerts.forget(viewer)))
        return out

    def _learn(self, records: Sequence[Record], intake: DecodedBatch) -> Outcome:
        late = time.time() * 1000 - records[-1].timestamp > LATE_MS
        self._stage.lead.catches_up(self._partition, late=self.silent and late)
        out = Outcome(dead_letters=intake.dead_letters)
        moved = self._take_told(intake)
        touched = {slot for slot, _, _ in moved}
        if intake.verdicts:
            feedback = self._side.feedback(intake.columns(), self._load)
            signals = self._observe(feedback)
            fresh = self._fresh(feedback, signals, intake)
            self._locate(feedback, fresh, intake)
            self._tidings.tell(intake, feedback, signals, out)
            touched.update(feedback.viewer[fresh].tolist())
            moved += self._moved(feedback, signals, fresh, intake.offsets)
        if moved and not self.silent:
            moved = latest(moved, by_event=self._settings.list_per_event)
            if now := self._budget.share_out(moved, self._side.viewers.ids):
                self._refresh(now, intake.newest_ms, out)
            out.rows.extend(self._budget.take_rows())
        if touched:
            slots = np.array(sorted(touched), np.int32)
            out.rows.extend(viewer_rows.pack(self._side.viewers, slots))
            out.rows.extend((self._tidings.row, *self._unsaid))
            if (counts := watch_time.take_moved(self._side.viewers.arrays)) is not None:
                out.rows.append(partition_rows.WATCH_TIME.row(counts))
            if (weights := self._side.blending.take_moved()) is not None:
                out.rows.append(partition_rows.BLEND.row(weights))
            self._unsaid = []
        self._stage.metrics.cache_slots.labels(STAGE).set(len(self._side.viewers))
        return out

    def close(self) -> None:
        """Forget the partition's lead and debts: another worker goes on."""
        self._stage.lead.forget(self._partition)
        self._budget.close()

    def paid(self, debts: Sequence[PendingPage]) -> Outcome:
        """Make the pages of debts."""
        self._alerts.begin()
        out, viewers = Outcome(), self._side.viewers
        slots = viewers.acquire([debt.viewer_id for debt in debts], self._load)
        moved = [(slot, debt.offset, debt.at) for slot, debt in zip(slots.tolist(), debts, strict=True)]
        self._refresh(moved, max(debt.at for debt in debts), out)
        out.rows.extend(viewer_rows.pack(viewers, slots))
        return out

    def _take_told(self, intake: DecodedBatch) -> list[Moved]:
        """Take over stated preferences; return the viewers whose page they change."""
        if not intake.told:
            return []
        viewers, told = self._side.viewers, intake.told
        everyone = [*(one.event.viewer_id for one in told), *(viewer for viewer, _, _ in intake.verdicts)]
        slots = viewers.acquire(everyone, self._load)[: len(told)].tolist()
        moved: list[Moved] = []
        for (event, offset, at), slot in zip(told, slots, strict=True):
            if take(viewers.arrays, slot, event) or viewers.arrays.seq[slot] == 0:
                moved.append((slot, offset, at))
        return moved

    def _observe(self, feedback: Feedback) -> Signals:
        """Learn, and test the configured share of the events first."""
        share = self._settings.prequential_share
        self._stage.metrics.learned.inc(feedback.viewer.size)
        if share == 0.0:
            return self._side.observe(feedback)[0]
        signals, ranks = self._side.observe_tested(feedback, sampled(feedback.event, share))
        self._stage.quality.add(ranks)
        return signals

    def _fresh(self, feedback: Feedback, signals: Signals, intake: DecodedBatch) -> NDArray[np.bool_]:
        """Say which verdicts changed their viewer, and count the events that came for a second time."""
        came_to = signals.action[: feedback.action.size]
        fresh: NDArray[np.bool_] = (came_to != Action.NOTHING) | (feedback.action == Action.NOTHING)
        again = len({intake.offsets[n] for n in np.flatnonzero(~fresh).tolist()})
        if again:
            self._stage.metrics.events.labels(STAGE, "duplicate").inc(again)
        return fresh

    def _locate(self, feedback: Feedback, fresh: NDArray[np.bool_], intake: DecodedBatch) -> None:
        """Take over where viewers are, and at what kind of device, as far as their events say."""
        viewers = self._side.viewers.arrays
        for column, said in ((viewers.country, intake.countries), (viewers.device, intake.devices)):
            codes = np.asarray(said)
            at = np.flatnonzero((codes > 0) & fresh)
            column[feedback.viewer[at]] = codes[at]

    def _moved(
        self, feedback: Feedback, signals: Signals, fresh: NDArray[np.bool_], offsets: Sequence[int]
    ) -> list[Moved]:
        """Return the verdicts that ask for a page: of a plain list, those on taste and known titles."""
        came_to = signals.action[: feedback.action.size]
        news = fresh & (feedback.action != Action.SIGHTED)
        if self._settings.list_per_event:
            moving = news
        elif self._settings.page.plain:
            moving = np.isin(came_to, _MOVING)
        else:
            moving = news & ~np.isin(feedback.action, (Action.SOUGHT, Action.NOTHING))
        at = np.flatnonzero(moving)
        caused = map(offsets.__getitem__, at.tolist())
        return list(zip(feedback.viewer[at].tolist(), caused, feedback.at[at].tolist(), strict=True))

    def _refresh(self, moved: Sequence[Moved], now_ms: int, out: Outcome) -> None:
        """Make the moved viewers' pages."""
        self._side.row_worth = self._tidings.row_worth
        self._stage.metrics.lists.inc(self._publisher.publish(moved, now_ms, self.floor, out))
