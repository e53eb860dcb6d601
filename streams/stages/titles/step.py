"""The titles stage: signals in; changed rows of the title model, and trending lists, out.

Its source is ``titles.signals.v1``, its changelog ``titles.model.v1``, which is also every worker's replica.
Batches start at least 100 ms apart, so that a popular title's row is written once a batch and not once an
event.

Changes of a title by negative samples and by its tags are not written before they amount to ``publish_drift``
and the title is among those that changed most (`TitleSide.take_changed`): a restart loses that little.
Counters, neighbours and what positives taught are exact.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from online_models.learners.decayed_counts import bound_jumps
from online_models.learners.title_side import TitleSide
from online_models.tables.layout import I8, U8
from online_models.tables.rows import TITLE_ROWS
from online_models.tables.titles import TitleTable
from schemas import DecodeError, topics
from schemas.dead_letters import DeadLetter
from streams.config.settings import Settings
from streams.engine.dead_letters import invalid_record_letter
from streams.engine.stage import Outcome, Record, Row, StageSpec, StateView
from streams.stages.titles.learners import AttributionLearner, CohortLearner
from streams.stages.titles.trending import TrendingLists
from streams.stages.versions.status import SingleVersion, VersionStatus
from streams.stages.wire import partition_rows, segment_rows, title_rows
from streams.stages.wire.signals import unpack

STAGE = "titles"
YIELDS_S = 0.1
"""Seconds for which a batch of titles lets those of viewers go first: as long as between two of its batches.
Somebody waits for a page, and nobody for what the next pages learn from it."""


def _nothing(keys: U8) -> NDArray[np.bool_]:
    return np.zeros(keys.size, np.bool_)


LabelsSince = Callable[[int], tuple[dict[str, tuple[str, ...]], int]]
"""Returns titles and their tags behind a version of the catalog, and its newest version."""


def _no_labels(version: int) -> tuple[dict[str, tuple[str, ...]], int]:
    return {}, version


def titles_spec(
    settings: Settings,
    versions: VersionStatus | None = None,
    labels_since: LabelsSince = _no_labels,
    *,
    all_labelled: Callable[[], bool] = lambda: True,
    in_catalog: Callable[[U8], NDArray[np.bool_]] = _nothing,
    on_evicted: Callable[[int], None] = lambda _: None,
) -> StageSpec:
    """Describe the stage to the engine.

    Parameters
    ----------
    settings
        Model, shards, topics.
    versions
        Status of the worker's version: a version that does not publish makes no lists. Default: it publishes.
    labels_since, all_labelled, in_catalog, on_evicted
        As for `TitlesStep`.
    """
    publishes = (versions or SingleVersion()).publishes
    return StageSpec(
        name=STAGE,
        source=settings.topic(topics.SIGNALS),
        changelog=settings.topic(topics.TITLE_MODEL),
        make_step=lambda partition, store: TitlesStep(
            settings,
            partition,
            store,
            publishes,
            labels_since,
            all_labelled=all_labelled,
            in_catalog=in_catalog,
            on_evicted=on_evicted,
        ),
        dead_letters=settings.topic(topics.DEAD_LETTERS),
        max_events=settings.titles_batch_events,
        max_bytes=settings.viewers_batch_bytes * 8,
        min_interval_s=settings.titles_floor_s,
        yields_s=YIELDS_S,
        layout=TITLE_ROWS.layout(settings.model),
        shards=settings.title_shards,
    )


class TitlesStep:
    """The logic of one shard.

    Parameters
    ----------
    settings
        Model, shards, topics.
    partition
        Number of the shard; partitions beyond the number of shards get no signals.
    store
        The shard's rows.
    publishes
        Returns whether lists are published. Default: always.
    labels_since
        Returns titles and their tags (`Catalog.labels_since`); asked before each batch. Default: none.
    all_labelled
        Returns whether the whole catalog is read: then tags that it no longer has give their places to new
        ones. Default: it is.
    in_catalog
        Returns which titles, by key, the catalog has (`Catalog.has_keys`). Default: none.
    on_evicted
        Called with the number of titles that were evicted.
    """

    def __init__(
        self,
        settings: Settings,
        partition: int,
        store: StateView,
        publishes: Callable[[], bool] = lambda: True,
        labels_since: LabelsSince = _no_labels,
        *,
        all_labelled: Callable[[], bool] = lambda: True,
        in_catalog: Callable[[U8], NDArray[np.bool_]] = _nothing,
        on_evicted: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._all_labelled, self._in_catalog, self._on_evicted = all_labelled, in_catalog, on_evicted
        self._labels_since, self._labels_version = labels_since, 0
        self._publishes = publishes
        self._side = TitleSide(TitleTable(settings.model), shard=partition, shards=settings.title_shards)
        self._trending_topic = settings.topic(topics.TRENDING)
        self._learned: I8 = partition_rows.LEARNED.read(store)
        self._format_rows = partition_rows.require_format(store, TITLE_ROWS)
        rows = {key: value for key, value in store.scan() if not partition_rows.is_reserved(key)}
        keyed = dict(store.scan(title_rows.KEYED))
        title_rows.load(self._side.titles, keyed | rows, admit=True)
        self._keyed = set(keyed)
        self._side.titles.load_tags(partition_rows.TAGS.read(store))
        self._stored = {key.decode(errors="replace") for key in rows}
        self._attribution = AttributionLearner(store, shard=partition, shards=settings.title_shards)
        self._trending = TrendingLists(self._side, settings, segment_rows.read(store))
        self._cohorts = CohortLearner(store, self._side.titles, partition)

    def __call__(self, records: Sequence[Record]) -> Outcome:
        """Learn a batch of signals."""
        titles = self._side.titles
        self._take_labels()
        tag_steps = int(titles.arrays.size[4])
        letters: list[DeadLetter] = []
        for record in records:
            try:
                batch = unpack(record.value or b"", titles)
            except DecodeError as error:
                letters.append(invalid_record_letter(record, error, stage=STAGE))
                continue
            latest_ms = bound_jumps(batch.signals.at, self._side.newest_ms())
            self._side.absorb(batch.signals, seen=batch.seen, learned=int(self._learned.sum()))
            self._side.name(batch.named)
            self._trending.count(batch)
            self._cohorts.learn(batch.signals)
            self._attribution.learn(batch.updates, latest_ms)
            self._count(batch.partition, batch.sent)
        rows = self._evict()
        rows += title_rows.pack(titles, self._side.take_changed(), self._keyed)
        rows += [*self._trending.take_rows(), *self._cohorts.take_rows(), *self._attribution.take_rows()]
        rows += [partition_rows.LEARNED.row(self._learned), *self._format_rows]
        self._format_rows = []
        if titles.arrays.size[4] != tag_steps:
            rows.append(partition_rows.TAGS.row(titles.tag_rows()))
        lists = [] if self.silent else self._trending.lists()
        return Outcome(rows=rows, outputs={(self._trending_topic, None): lists}, dead_letters=letters)

    def _take_labels(self) -> None:
        """Label titles with the tags that the catalog has received since the last batch."""
        all_labelled = self._all_labelled()  # asked first: a record may come meanwhile
        new, self._labels_version = self._labels_since(self._labels_version)
        if not new:
            return
        self._trending.touch(self._side.label(new, stored=self._stored, all_labelled=all_labelled))
        self._stored -= new.keys()

    def _evict(self) -> list[Row]:
        """Evict titles outside of the catalog that too many others have more watches than; delete their rows.

        What is evicted depends on how much of the catalog this worker has read. So it is no function of the
        signals; but it is written down with the batch, and every replica and every successor follow the rows.
        """
        titles, surplus = self._side.titles, self._side.surplus(self._in_catalog)
        if not surplus.size:
            return []
        names = [*filter(None, titles.ids.many(surplus))]
        keys = [title_rows.key_of(titles, row) for row in surplus.tolist()]
        self._keyed.difference_update(keys)
        self._stored.difference_update(names)
        self._side.evict(surplus)
        self._cohorts.evict(surplus)
        self._trending.evict(surplus)
        self._on_evicted(len(keys))
        rows: list[Row] = [(key, None) for key in keys]
        return rows + self._attribution.evict(names)

    @property
    def silent(self) -> bool:
        """Whether nothing may be published."""
        return not self._publishes()

    def _count(self, partition: int, sent: int) -> None:
        missing = partition + 1 - self._learned.size
        if missing > 0:
            self._learned = np.concatenate((self._learned, np.zeros(missing, np.int64)))
        self._learned[partition] = max(self._learned[partition], sent)
