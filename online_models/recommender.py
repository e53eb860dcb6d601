"""Both sides in one process: a recommender without Kafka, for notebooks, evaluation and River."""

from collections.abc import Iterable, Sequence
from itertools import compress
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from online_models.catalog.catalog import Catalog
from online_models.catalog.languages import language_of
from online_models.config import EXPERTS, ModelConfig
from online_models.errors import NoSnapshotError
from online_models.feedback.reward_function import RewardFunction
from online_models.learners.factorization import moved_rows, scratch
from online_models.learners.intent import shows_intent
from online_models.learners.stale_steps import NOT_STALE
from online_models.learners.stated_preferences import places_of, take_all
from online_models.learners.title_side import TitleSide
from online_models.page.build import page_of
from online_models.page.catalog_index import CatalogIndex
from online_models.page.config import PageConfig
from online_models.ranking.prequential import RANKINGS, prequential, prequential_scratch
from online_models.ranking.scorer import hide_known
from online_models.ranking.viewer_side import (
    EventColumns,
    ViewerSide,
    blank_signals,
    columns,
    signal_ids,
)
from online_models.tables import snapshots
from online_models.tables.feedback_layout import INTERACTIONS
from online_models.tables.hashing import hash_ids
from online_models.tables.keyed_random import sampled
from online_models.tables.layout import F4, F8, I4, Signals
from online_models.tables.titles import TitleTable
from online_models.tables.viewers import ViewerTable
from schemas import Event, Preferences, Title
from schemas.pages import Row

__all__ = ["COLUMNS", "EventColumns", "Recommender"]

COLUMNS = ("blend", *EXPERTS)
"""Names of the rankings that :meth:`Recommender.prequential` makes, in order, without experts from
outside."""


class ExternalExperts(Protocol):
    """External experts, such as :class:`online_models.river.external_rankers.ExternalRankers`."""

    names: tuple[str, ...]
    """One name for each expert."""

    def describe(self, title: Title) -> None:
        """Update the record of a title."""

    def prequential(self, model: "Recommender", batch: EventColumns, tested: I4) -> F8:
        """Test and learn as :meth:`Recommender.prequential`, with these experts in the blend."""

    def in_contexts(self) -> F8:
        """Return the experts' weights, [CONTEXTS, experts]."""

    def add_to(self, side: ViewerSide, viewer: str, row: F4, now_ms: int) -> F8:
        """Add the experts' scores to a viewer's score row, in place; return them, standardised."""


class Recommender:
    """Learn from viewing events, one at a time or many, and recommend at any moment.

    It runs the kernels of the worker, with both sides in step: every event is learned on the viewers' side,
    then on the titles' side.

    Parameters
    ----------
    config
        Hyper-parameters.
    seed
        Start of every keyed random number: the same events with the same seed give the same state, under any
        PYTHONHASHSEED.
    experts
        Further experts of the blend, for instance River rankers
        (:class:`online_models.river.external_rankers.ExternalRankers`). They are a hundred times slower, and
        have no snapshots.
    page
        Configuration of pages.
    tested
        Share of events that are tested before they are learned. The weights of the blend learn from these.

    Examples
    --------
    >>> from schemas import Rate, Thumb
    >>> def likes(viewer, title, n):
    ...     about = {"event_id": viewer + title, "viewer_id": viewer, "event_time_ms": 10**12 + n}
    ...     return Rate(**about, title_id=title, thumb=Thumb.UP)
    >>> model = Recommender(seed=7)
    >>> model.learn_many([likes(v, t, n) for n, (v, t) in enumerate(["aX", "aY", "bX", "bY", "cX"])])
    >>> [title for title, _ in model.top_n("c", n=1)]
    ['Y']

    With a River ranker as one more expert:

    >>> from online_models.river import ExternalRankers
    >>> model = Recommender(seed=7, experts=ExternalRankers(["river.reco.BiasedMF(n_factors=8)"], seed=7))
    >>> model.learn_many([likes(v, t, n) for n, (v, t) in enumerate(["aX", "aY", "bX", "bY", "cX"])])
    >>> [title for title, _ in model.top_n("c", n=1)], model.columns[-1]
    (['Y'], 'river.reco.BiasedMF(n_factors=8)')
    """

    def __init__(
        self,
        config: ModelConfig | None = None,
        *,
        seed: int = 0,
        experts: "ExternalExperts | None" = None,
        page: PageConfig | None = None,
        tested: float = 0.0,
    ) -> None:
        self.config = config or ModelConfig()
        self.tested = tested
        self.page_config = page or PageConfig()
        self.titles = TitleTable(self.config, seed=seed)
        self.catalog = Catalog(self.titles)
        self.viewers = ViewerSide(self.titles, self.catalog, seed=seed)
        self.title_side = TitleSide(self.titles)
        self.catalog_index = CatalogIndex(self.titles, self.catalog, self.page_config)
        self.reward = RewardFunction(self.config.reward)
        self._newest = 0
        self._external = experts

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the rankings that :meth:`prequential` makes: :data:`COLUMNS`, then those of `experts`."""
        return COLUMNS + (self._external.names if self._external else ())

    def describe(self, title: Title) -> None:
        """Update the catalog record of a title: its guards and its tags."""
        self.catalog.put(title)
        if self._external:
            self._external.describe(title)

    def learn_one(self, event: Event) -> None:
        """Learn an event; a repeated event id changes nothing."""
        self.learn_many((event,))

    def learn_many(self, events: Iterable[Event]) -> None:
        """Learn events in their order: the same result as one by one, and faster."""
        side, found = self.viewers, [(event, self.reward(event)) for event in events]
        # Others change nothing
        found = [one for one in found if one[1] or isinstance(one[0], Preferences) or shows_intent(one[0])]
        hashes = hash_ids([one.event_id for one, _ in found])
        slots, new = side.admit([one.viewer_id for one, _ in found], hashes)
        found = list(compress(found, new.tolist()))
        learned = [event for event, _ in found]
        at_ms = [event.event_time_ms for event in learned]
        acts, places = dict(enumerate(learned)), places_of(learned)
        take_all(side.viewers.arrays, slots[new], places, acts, at_ms, self.config.reward)
        rows = [(event.viewer_id, one, event.event_time_ms) for event, signals in found for one in signals]
        ids = [name for event, signals in found for name in signal_ids(event.event_id, len(signals))]
        if rows:
            batch = columns(rows, np.zeros(len(rows), np.uint64))
            self.prequential(batch, sampled(hash_ids(ids), self.tested))

    def prequential(self, batch: EventColumns, tested: Sequence[bool] | I4 | None = None) -> F8:
        """Test, then learn, event by event.

        Returns
        -------
        ranks
            [n, rankings] the rank of the title under each of :attr:`columns` among all titles with a positive
            that the viewer does not know (the number of strictly better ones, plus half of the equal ones);
            -1 if not tested, inf for a title without a positive.
        """
        wanted = np.asarray(np.zeros(len(batch.viewers)) if tested is None else tested, np.int32)
        if self._external:
            return self._external.prequential(self, batch, wanted)
        return self.learn_columns(batch, wanted)[0]

    def learn_columns(self, batch: EventColumns, wanted: I4) -> tuple[F8, Signals]:
        """Test and learn as :meth:`prequential`, without external experts; return also the last signals."""
        feedback = self.viewers.feedback(batch)
        ranks = np.full((len(batch.viewers), RANKINGS), -1.0)
        signals = blank_signals(1 + INTERACTIONS, self.titles)
        self.titles.reserve_pairs(len(batch.viewers) * signals.title.size * self.titles.params.window)
        titles, params = self.titles.arrays, self.titles.params
        weights, tags = self.viewers.blending.weights, self.viewers.ranker.tagged.table()
        work, published = scratch(titles, params), titles.size[4]
        prequential(
            titles,
            self.viewers.viewers.arrays,
            params,
            self.title_side.owned(),
            feedback,
            signals,
            wanted,
            work,
            NOT_STALE,
            prequential_scratch(titles, params, weights, tags),
            ranks,
        )
        self.titles.mark_learned(moved_rows(titles, published, work))
        self._newest = max(self._newest, max(batch.at, default=0))
        return ranks, signals

    def top_n(self, viewer: str, n: int = 20, now_ms: int | None = None) -> list[tuple[str, float]]:
        """Return the best titles that the viewer does not know, with scores, best first. Changes nothing.

        Titles of equal score are in the order of their rows. An unknown viewer gets the most liked titles; an
        empty model gives an empty list. ``now_ms`` decides which titles are available (default: the time of
        the newest event).
        """
        side, slot = self._with(viewer)
        ids = self.titles.ids
        if self._external:
            row = self._row(viewer, now_ms)
            hide_known(side.viewers.arrays, slot, row)
            best = np.argsort(-row, kind="stable")[:n].tolist()
            return [(ids[t], float(row[t])) for t in best if np.isfinite(row[t])]
        lists = side.rank(np.array([slot], np.int32), self._now(now_ms), n)
        return [
            (ids[t], float(s))
            for t, s in zip(lists.title[0].tolist(), lists.score[0].tolist(), strict=True)
            if t >= 0
        ]

    def score(self, viewer: str, now_ms: int | None = None) -> dict[str, float]:
        """Return the score of every title that the guards allow, known ones included. Changes nothing."""
        row = self._row(viewer, now_ms)
        return {self.titles.ids[t]: float(row[t]) for t in np.flatnonzero(np.isfinite(row)).tolist()}

    def rank(self, viewer: str, titles: Iterable[str], now_ms: int | None = None) -> list[str]:
        """Sort titles for a viewer, best first. Changes nothing.

        Titles of equal score are in the order of their rows; titles that the guards forbid come last, by id.
        """
        score = self.score(viewer, now_ms)
        place = {t: n for n, t in enumerate(score)}
        worst = (np.inf, len(place))
        return sorted(set(titles), key=lambda t: (*((-score[t], place[t]) if t in score else worst), t))

    def page(
        self, viewer: str, now_ms: int | None = None, *, n: int = 20, language: str | None = None
    ) -> tuple[Row, ...]:
        """Return a viewer's home page, with at most ``n`` titles on a shelf. Changes nothing.

        Headings are in ``language``, else in the viewer's first language that has messages.
        """
        side, slot = self._with(viewer)
        spoken = language or language_of(int(side.viewers.arrays.language[slot]))
        return page_of(side, self.catalog_index, slot, self._now(now_ms), length=n, language=spoken)

    def snapshot(self) -> bytes:
        """Return the model as bytes (:mod:`online_models.tables.snapshots`). Changes nothing.

        Raises
        ------
        NoSnapshotError
            The model has external experts: their state has no stored form other than pickle.

        Examples
        --------
        >>> model = Recommender(seed=7)
        >>> Recommender.from_snapshot(model.snapshot()).snapshot() == model.snapshot()
        True
        """
        if self._external:
            msg = f"River rankers have no snapshot: {', '.join(self._external.names)}; pickle the whole model"
            raise NoSnapshotError(msg)
        parts = {
            "titles": self.titles.snapshot(),
            "catalog": self.catalog.snapshot(),
            "viewers": self.viewers.viewers.snapshot(),
        }
        arrays: dict[str, NDArray[Any]] = {name: snapshots.nested(part) for name, part in parts.items()}
        arrays["weights"] = self.viewers.blending.weights
        return snapshots.pack("Recommender", {"newest": self._newest, "tested": self.tested}, arrays)

    @classmethod
    def from_snapshot(cls, data: bytes) -> "Recommender":
        """Return a model that ranks and learns exactly as the one in the snapshot.

        Raises
        ------
        RowVersionError
            A newer program made the snapshot, or the bytes are none.
        ConfigMismatchError
            The snapshot is of another kind of model.
        """
        found = snapshots.unpack("Recommender", data)
        titles = TitleTable.from_snapshot(found.part("titles"))
        out = cls(titles.config, seed=titles.seed, tested=found.facts.get("tested", 0.0))
        out.titles = titles
        out.catalog = Catalog.from_snapshot(found.part("catalog"), titles)
        viewers = ViewerTable.from_snapshot(found.part("viewers"), titles)
        out.viewers = ViewerSide(titles, out.catalog, viewers=viewers)
        out.viewers.blending.load(found.arrays.get("weights", np.zeros(0)))
        out.title_side = TitleSide(titles)
        out.catalog_index = CatalogIndex(titles, out.catalog, out.page_config)
        out._newest = found.facts["newest"]
        return out

    def blend_weights(self) -> dict[str, F8]:
        """Return the weight of each expert by context: length of the history, start of a session or not.

        Examples
        --------
        >>> Recommender().blend_weights()["cowatch"].shape
        (12,)
        """
        out = dict(zip(EXPERTS, self.viewers.blending.in_contexts().T, strict=True))
        if self._external:
            out |= zip(self._external.names, self._external.in_contexts().T, strict=True)
        return out

    def _row(self, viewer: str, now_ms: int | None) -> F4:
        """Return the score of every row for a viewer, by all experts; -inf where the guards forbid it."""
        (side, slot), now = self._with(viewer), self._now(now_ms)
        row = side.ranker.score(slot, now)
        if self._external:
            self._external.add_to(side, viewer, row, now)
        return row

    def _now(self, now_ms: int | None) -> int:
        return self._newest if now_ms is None else now_ms

    def _with(self, viewer: str) -> tuple[ViewerSide, int]:
        """Return a side and the viewer's slot in it; an unknown viewer gets a temporary side."""
        slot = self.viewers.viewers.slot(viewer)
        if slot is not None:
            return self.viewers, slot
        temporary = ViewerSide(self.titles, self.catalog, seed=self.titles.seed, slots=1)
        return temporary, int(temporary.viewers.acquire([viewer])[0])
