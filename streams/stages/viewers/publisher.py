"""A partition's pages: built as each viewer's arm says, numbered, and written as bytes."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Final

import numpy as np

from online_models.artwork.gallery import Gallery
from online_models.catalog.catalog import country_of
from online_models.experiments.interleaved_pages import Pick, draft_top
from online_models.experiments.plan import Plan
from online_models.page.build import Pages, build
from online_models.page.catalog_index import CatalogIndex
from online_models.page.config import PageConfig
from online_models.page.shelf_kinds import REASONS
from online_models.page.treatments import treated_page
from online_models.ranking.viewer_side import ViewerSide
from online_models.tables.codes import EXPLORED, PINNED, TOP
from online_models.tables.layout import I4
from online_models.tables.viewers import NO_LIMIT
from schemas import topics
from schemas.experiments import ArtworkPolicy, Ranking, Treatment
from schemas.fields import ItemReason
from streams.config.settings import Settings
from streams.engine.stage import Message, Outcome
from streams.stages.viewers.alerts import Alerts
from streams.stages.viewers.artwork import PageArtwork, signed
from streams.stages.viewers.page_bytes import Cause, PageEncoder, numbered
from streams.stages.viewers.page_throttle import Moved
from streams.stages.viewers.treatments import PageVariant, apart

__all__ = ["Publisher"]

_ALONE: Final = {Ranking.POPULARITY: ItemReason.POPULAR, Ranking.TRENDING: ItemReason.TRENDING}
"""Why titles are top picks where one expert that knows no viewer ranks alone."""


class Publisher:
    """Make the pages of one source partition.

    Parameters
    ----------
    settings
        Topics, length of lists, what a page says of the model.
    side
        The partition's viewers, before the titles.
    shelves
        The titles by what they are about.
    partition
        Of the events.
    plan
        Returns the experiments as they are now.
    gallery
        Pictures of the titles.
    alerts
        What viewers are told of.
    """

    def __init__(
        self,
        settings: Settings,
        side: ViewerSide,
        shelves: CatalogIndex,
        *,
        partition: int,
        plan: Callable[[], Plan],
        gallery: Gallery,
        alerts: Alerts,
    ) -> None:
        self._side, self._shelves, self._plan = side, shelves, plan
        self._pictures, self._alerts = PageArtwork(gallery, side), alerts
        self._length, self._partition = settings.list_length, partition
        self._topic = settings.topic(topics.HOME)
        self._encoder = PageEncoder(
            side.titles,
            side.catalog,
            topic=settings.topic(topics.EVENTS),
            partition=partition,
            model_version=settings.provenance,
            ttl_ms=int(settings.list_ttl_s * 1000),
        )

    def publish(self, moved: Sequence[Moved], now_ms: int, floor: int, out: Outcome) -> int:
        """Put pages into an outcome, and say how many.

        Parameters
        ----------
        moved
            What asks for them, in order of the offsets.
        now_ms
            The moment that they speak of.
        floor
            Numbers are above it.
        out
            Gets them.
        """
        messages = out.outputs.setdefault((self._topic, self._partition), [])
        before = len(messages)
        for kind, some in apart(moved, self._side.viewers, self._plan(), now_ms):
            messages += self._written(some, now_ms, floor, kind, out)
        return len(messages) - before

    def _written(
        self, moved: Sequence[Moved], now_ms: int, floor: int, kind: PageVariant, out: Outcome
    ) -> list[Message]:
        """Build the pages of one kind; their alerts go into an outcome, unless no taste has ranked."""
        viewers = self._side.viewers
        slots = np.fromiter((slot for slot, _, _ in moved), np.int32, len(moved))
        how = kind.treatment
        config = treated_page(self._shelves.config, how, explore=kind.explores)
        if kind.rivals is not None:  # both rankers' titles are compared, and no others
            config = replace(config, explore_floor=0.0)
        seqs = numbered(viewers.arrays.seq, slots, floor)
        picks: list[Pick] = []
        if kind.rivals is None:
            built = self._built(slots, now_ms, how, config)
        else:
            built = self._built(slots, now_ms, kind.rivals.control, config)
            new = self._built(slots, now_ms, kind.rivals.new, config)
            names = [viewers.ids[slot] for slot in slots.tolist()]
            coins = [f"{kind.rivals.salt} {who} {seq}" for who, seq in zip(names, seqs, strict=True)]
            picks = draft_top(built, new, coins, config.visible)
        causes = [
            Cause(viewers.ids[slot], seq, offset, when, self._limits(slot), kind.arms)
            for (slot, offset, when), seq in zip(moved, seqs, strict=True)
        ]
        hung = self._pictures.pick(built, slots, now_ms, how.artwork or ArtworkPolicy.BANDIT)
        if kind.rivals is not None:
            hung = signed(hung, picks, kind.rivals.labels)
        languages = viewers.arrays.language[slots].tolist()
        if (kind.rivals.control if kind.rivals else how).ranking in (None, Ranking.BLEND):
            self._alerts.send(built, causes, languages, out)
        share = 1.0 if how.explore is None else how.explore
        share *= config.drawn(self._asked(how)) if config.plain else 1.0
        pages = self._encoder.encode(built, causes, languages, hung, explored=share)
        return [
            {"key": cause.viewer_id.encode(), "value": page}
            for cause, page in zip(causes, pages, strict=True)
        ]

    def _built(self, slots: I4, now_ms: int, how: Treatment, config: PageConfig) -> Pages:
        """Build pages under a treatment."""
        with self._side.blending.under(how):
            built = build(self._side, self._shelves, slots, now_ms, self._asked(how), config=config)
        if how.ranking in _ALONE:
            alone = REASONS.index(_ALONE[how.ranking])
            chosen = (built.reason != PINNED) & (built.reason != EXPLORED)
            built.reason[(built.kind == TOP)[..., None] & chosen] = alone
        return built

    def _asked(self, how: Treatment) -> int:
        """Return how many titles a row has under a treatment."""
        return min(self._length, how.list_length or self._length)

    def _limits(self, slot: int) -> bytes:
        """Write what a viewer's page is made under."""
        arrays = self._side.viewers.arrays
        return _written_limits(int(arrays.country[slot]), int(arrays.limit[slot]))


@cache
def _written_limits(country: int, limit: int) -> bytes:
    """Write a page's fields `country` and `maturity`."""
    where, age = country_of(country), None if limit == NO_LIMIT else limit
    return (b"" if where is None else b',"country":"%b"' % where.encode()) + (
        b"" if age is None else b',"maturity":%d' % age
    )
