"""Makes the pages of a partition: builds them by experiment arm, numbers and encodes them."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Final, NamedTuple

import msgspec
import numpy as np

from online_models.artwork.gallery import Gallery
from online_models.catalog.catalog import country_of
from online_models.experiments.interleaving import InterleavedPick, interleave_top_picks
from online_models.experiments.plan import NO_TREATMENT, ExperimentPlan, InterleavedRankers, ListTreatment
from online_models.page.build import build
from online_models.page.catalog_index import CatalogIndex
from online_models.page.config import PageConfig, explores, treated_page
from online_models.page.layout import Pages
from online_models.page.shelf_kinds import REASONS, ShelfValue
from online_models.ranking.viewer_side import ViewerSide
from online_models.tables.codes import EXPLORED, PINNED, TOP_PICKS
from online_models.tables.layout import I4, U1, U2
from online_models.tables.viewers import NO_LIMIT, ViewerTable
from schemas import topics
from schemas.experiments import ArtworkPolicy, Ranking, Treatment
from schemas.fields import ItemReason
from streams.config.settings import Settings
from streams.engine.stage import Message, Outcome
from streams.stages.viewers.alerts import Alerts
from streams.stages.viewers.artwork import PageArtwork, with_arms
from streams.stages.viewers.page_bytes import Causes, PageEncoder, numbered
from streams.stages.viewers.page_throttle import PageRequests
from streams.telemetry.metrics import Metrics

__all__ = ["PagePublisher", "PageVariant", "group_by_variant"]

_SINGLE_RANKER: Final = {Ranking.POPULARITY: ItemReason.POPULAR, Ranking.TRENDING: ItemReason.TRENDING}
"""Reason of the top picks where a ranker without personalization ranks alone."""


class PageVariant(NamedTuple):
    """How a group of pages is made, and the arms that they name."""

    treatment: Treatment
    arms: bytes
    """The page's field `arms` as JSON with its comma; empty for none."""
    explores: bool | None = None
    """Whether pages have an exploring shelf, where the treatment sets its probability; None: default."""
    rivals: InterleavedRankers | None = None
    """Two rankers whose titles are interleaved in the top picks; None: one ranks."""


class PagePublisher:
    """Makes the pages of one source partition.

    Parameters
    ----------
    settings
        Topics, length of lists, model version on pages.
    side
        The partition's viewers and the titles.
    index
        The titles by tag.
    partition
        Partition of the events.
    plan
        Returns the current experiments.
    gallery
        Artwork of the titles.
    alerts
        Alerts of the viewers.
    shelf_value
        Impressions and watches by kind of shelf.
    metrics
        Count pages.
    live
        Whether pages are made by the worker's clock: they expire so long after it. Default: so long after
        their event.
    """

    def __init__(
        self,
        settings: Settings,
        side: ViewerSide,
        index: CatalogIndex,
        *,
        partition: int,
        plan: Callable[[], ExperimentPlan],
        gallery: Gallery,
        alerts: Alerts,
        shelf_value: ShelfValue,
        metrics: Metrics,
        live: bool = False,
    ) -> None:
        self._side, self._index, self._plan, self._live = side, index, plan, live
        self._artwork, self._alerts = PageArtwork(gallery, side), alerts
        self._shelf_value, self._metrics = shelf_value, metrics
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

    def publish(self, requests: PageRequests, now_ms: int, floor: int, out: Outcome) -> None:
        """Put pages and their alerts into an outcome.

        Parameters
        ----------
        requests
            Ascending by offset.
        now_ms
            Time of the pages: windows, rules and experiments go by it.
        floor
            Pages are numbered from above it.
        out
            Gets them.
        """
        self._side.shelf_value = self._shelf_value.factors()
        messages = out.outputs.setdefault((self._topic, self._partition), [])
        for variant, group in group_by_variant(requests, self._side.viewers, self._plan(), now_ms):
            messages += self._pages(group, variant, now_ms, floor, out)
        self._metrics.lists.inc(len(requests))

    def _pages(
        self, requests: PageRequests, variant: PageVariant, now_ms: int, floor: int, out: Outcome
    ) -> list[Message]:
        """Make the pages of one variant; alerts go into the outcome where the viewers' taste has ranked."""
        viewers, rivals, treatment = self._side.viewers, variant.rivals, variant.treatment
        # a column each end to end, as the kernel that writes pages is compiled for
        asked, offsets, at = np.ascontiguousarray(requests.T)
        slots = asked.astype(np.int32)
        config = treated_page(self._index.config, treatment, explore=variant.explores)
        if rivals is not None:  # only titles of the two rankers are compared: none is explored
            config = replace(config, explore_floor=0.0)
        seqs = numbered(viewers.arrays.seq, slots, floor)
        names = [viewers.ids[slot] for slot in slots.tolist()]
        picks: list[InterleavedPick] = []
        if rivals is None:
            pages = self._build(slots, now_ms, treatment, config)
        else:
            pages = self._build(slots, now_ms, rivals.control, config)
            new = self._build(slots, now_ms, rivals.new, config)
            coins = [f"{rivals.salt} {name} {seq}" for name, seq in zip(names, seqs.tolist(), strict=True)]
            picks = interleave_top_picks(pages, new, coins, config.visible)
        said = _said(viewers.arrays.country[slots], viewers.arrays.limit[slots], variant.arms)
        causes = Causes(names, seqs, offsets, at, said, np.full_like(at, now_ms) if self._live else at)
        shown = self._artwork.select(pages, slots, now_ms, treatment.artwork or ArtworkPolicy.BANDIT)
        if rivals is not None:
            shown = with_arms(shown, picks, rivals.labels)
        languages = viewers.arrays.language[slots].tolist()
        if (rivals.control if rivals else treatment).ranking in (None, Ranking.BLEND):
            self._alerts.send(pages, causes, languages, out)
        explored = 1.0 if treatment.explore is None else treatment.explore
        explored *= config.explore_share(self._list_length(treatment)) if config.is_list else 1.0
        encoded = self._encoder.encode(pages, causes, languages, shown, explored=explored)
        return [{"key": name.encode(), "value": page} for name, page in zip(names, encoded, strict=True)]

    def _build(self, slots: I4, now_ms: int, treatment: Treatment, config: PageConfig) -> Pages:
        """Build pages under a treatment."""
        with self._side.blending.under(treatment):
            pages = build(self._side, self._index, slots, now_ms, self._list_length(treatment), config=config)
        if treatment.ranking in _SINGLE_RANKER:
            reason = REASONS.index(_SINGLE_RANKER[treatment.ranking])
            ranked = (pages.reason != PINNED) & (pages.reason != EXPLORED)
            ranked &= (pages.kind == TOP_PICKS)[..., None]
            pages.reason[ranked], pages.because[ranked] = reason, -1
        return pages

    def _list_length(self, treatment: Treatment) -> int:
        """Return the titles on a shelf under a treatment."""
        return min(self._length, treatment.list_length or self._length)


def _said(countries: U2, limits: U1, arms: bytes) -> list[bytes]:
    """Encode the fields `country`, `maturity` and `arms` of pages [n]: there are few different ones."""
    codes = (countries.astype(np.int64) << 8 | limits).tolist()
    texts = {code: _limits_json(code >> 8, code & 0xFF) + arms for code in {*codes}}
    return [texts[code] for code in codes]


@cache
def _limits_json(country: int, limit: int) -> bytes:
    """Encode a page's fields `country` and `maturity`."""
    code, age = country_of(country), None if limit == NO_LIMIT else limit
    return (b"" if code is None else b',"country":"%b"' % code.encode()) + (
        b"" if age is None else b',"maturity":%d' % age
    )


def group_by_variant(
    requests: PageRequests, viewers: ViewerTable, plan: ExperimentPlan, now_ms: int
) -> Iterator[tuple[PageVariant, PageRequests]]:
    """Yield requests by the variant of their pages.

    All pages of a viewer in one batch have the same variant and stay in order, and so do their numbers.

    Parameters
    ----------
    requests
        Ascending by offset.
    viewers
        Ids, countries and maturity limits.
    plan
        The experiments.
    now_ms
        Time of the pages: it decides which experiments run.
    """
    if plan.idle:
        yield PageVariant(NO_TREATMENT.treatment, b""), requests
        return
    slots = requests[:, 0].tolist()
    treated = {slot: _treated(slot, viewers, plan, now_ms) for slot in dict.fromkeys(slots)}
    groups: dict[tuple[ListTreatment, bool | None], list[int]] = {}
    for n, slot in enumerate(slots):
        groups.setdefault(treated[slot], []).append(n)
    for (how, explore), group in groups.items():
        arms = b',"arms":' + msgspec.json.encode(how.arms) if how.arms else b""
        yield PageVariant(how.treatment, arms, explore, how.rivals), requests[group]


def _treated(
    slot: int, viewers: ViewerTable, plan: ExperimentPlan, now_ms: int
) -> tuple[ListTreatment, bool | None]:
    """Return the treatment of a viewer's pages, and whether they explore."""
    limit = int(viewers.arrays.limit[slot])
    how = plan.treatment_for(
        viewers.ids[slot],
        at_ms=now_ms,
        country=country_of(int(viewers.arrays.country[slot])),
        maturity=None if limit == NO_LIMIT else limit,
    )
    share = how.treatment.explore
    if share is None:
        return how, None
    return how, explores(share, int(viewers.arrays.key[slot]), now_ms, viewers.seed)
