"""Lists that are made when they are asked for: a stranger's page, titles like one, what a search finds."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Annotated, Final

from msgspec import Meta, Struct, structs

from online_models.feedback.devices import device_code
from online_models.learners.search import by_place, normal, order
from online_models.learners.segments import device_scope
from online_models.ranking.similar_titles import similarities
from schemas import topics
from schemas.codec import decode_trending
from schemas.experiments import Experiment
from schemas.fields import Id, ItemReason, RowKind, Score, Text
from schemas.pages import Home, Item, Row, Source, Trending
from streams.serve.mirror.mirror import Mirror
from streams.serve.mirror.rules import RuleAudience
from streams.stages.wire import title_rows
from streams.stages.wire.attribution import query_key, watched_after

__all__ = [
    "ColdHome",
    "Experiments",
    "Match",
    "SearchResults",
    "Similar",
    "cold_home",
    "known",
    "search",
    "similar",
    "trending_for",
]

COLD_TTL_MS: Final = 60_000
"""A stranger's page is worth asking for again after a minute: trending lists change ten times a second."""
CANDIDATES: Final = 100
"""Matches that are put in order at most."""


class ColdHome(Home, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A page for a viewer of whom nothing is known; `cold_start` says so.

    Attributes
    ----------
    cold_start
        True: the page is the same for every stranger, and the viewer's own replaces it with the first event.
    """

    cold_start: bool


class Experiments(Struct, frozen=True, kw_only=True, gc=False):
    """All experiments.

    Attributes
    ----------
    experiments
        In order of their ids.
    """

    experiments: tuple[Experiment, ...]


class Match(Struct, frozen=True, kw_only=True, gc=False):
    """A title and how well it fits.

    Attributes
    ----------
    title_id
        The title.
    score
        Higher is better; comparable inside one list only.
    """

    title_id: Id
    score: Score


class Similar(Struct, frozen=True, kw_only=True, gc=False):
    """Titles that are watched by the viewers of one.

    Attributes
    ----------
    title_id
        The title that was asked for.
    items
        The others, most alike first.
    """

    title_id: Id
    items: Annotated[tuple[Match, ...], Meta(max_length=1000)]


class SearchResults(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """What a search found.

    Attributes
    ----------
    query
        What was asked.
    items
        Titles that match, best first.
    suggestions
        Where nothing matches: what the query was probably meant to find, then what the viewer may like.
    did_you_mean
        The query, spelt as titles are; absent: it is, or so the viewer would find nothing either.
    """

    query: Text
    items: Annotated[tuple[Match, ...], Meta(max_length=1000)]
    suggestions: Annotated[tuple[Id, ...], Meta(max_length=1000)]
    did_you_mean: Text | None = None


def cold_home(
    mirror: Mirror, viewer_id: str, audience: RuleAudience, limit: int, device: str | None = None
) -> ColdHome:
    """Make the page of a viewer who has none, under the guards.

    What is trending in the country, or else on the kind of device, or else everywhere: the first list that
    has a title for them. Where none has, what is new.
    """
    kind = device_code(device)
    around = [f"country:{audience.country}"] if audience.country else []
    for scope in (*around, *([device_scope(kind)] if kind else []), "global"):
        found = mirror.trending(scope)
        trending = decode_trending(found.value) if found else None
        items = tuple(islice(_trending_items(mirror, trending, audience), limit)) if trending else ()
        if items:
            break
    row = Row(kind=RowKind.TRENDING_NOW, reason=ItemReason.TRENDING, items=items)
    if not items:
        row = _bare(RowKind.NEW_RELEASES, ItemReason.NEW, islice(mirror.book.newest(audience), limit))
    rows = _with_featured(mirror, row, audience, limit)
    partition, offset = (found.partition, found.offset) if found else (0, 0)
    topic = mirror.settings.topic(topics.TRENDING)
    return ColdHome(
        viewer_id=viewer_id,
        list_id=f"cold-{partition}-{offset}",
        seq=0,
        generated_at_ms=audience.now_ms,
        expires_at_ms=audience.now_ms + COLD_TTL_MS,
        model_version=(trending and trending.model_version) or mirror.settings.provenance,
        source=Source(topic=topic, partition=partition, offset=offset),
        rows=tuple(one for one in rows if one.items),
        cold_start=True,
    )


def known(mirror: Mirror, viewer_id: str, audience: RuleAudience) -> RuleAudience:
    """Return an audience under the limits that the viewer's page was made under, if there is one."""
    home = mirror.home(viewer_id)
    return audience if home is None else audience.within(home.country, home.maturity)


def trending_for(mirror: Mirror, trending: Trending, audience: RuleAudience) -> Trending:
    """Return what of a trending list may be shown; a country's is for that country, if no other is said."""
    kind, _, place = trending.scope.partition(":")
    audience = audience.within(place if kind == "country" else None, None)
    items = tuple(one for one in trending.items if mirror.book.allowed(one.title_id, audience))
    return structs.replace(trending, items=items)


def similar(mirror: Mirror, title_id: str, audience: RuleAudience, limit: int) -> Similar:
    """Rank a title's neighbours; none where nobody has watched it yet."""
    config = mirror.settings.model
    stored = mirror.model.get(title_id.encode())
    if stored is None:
        return Similar(title_id=title_id, items=())
    (own,) = title_rows.unpack([stored.value], config)
    names = mirror.book.named(own["nbr"].tolist())
    pairs = [(name, w) for name, w in zip(names, own["nbr_w"].tolist(), strict=True) if name and w > 0]
    values = mirror.model.get_many([name.encode() for name, _ in pairs])
    known = [(pair, value) for pair, value in zip(pairs, values, strict=True) if value is not None]
    if not known:
        return Similar(title_id=title_id, items=())
    watches = title_rows.unpack([value for _, value in known], config)["watches"]
    weights = [weight for (_, weight), _ in known]
    scores = similarities(weights, watches, float(own["watches"]), alpha=config.cowatch.alpha).tolist()
    ranked = sorted(
        zip(scores, (name for (name, _), _ in known), strict=True), key=lambda one: (-one[0], one[1])
    )
    items = (Match(title_id=name, score=round(score, 5)) for score, name in ranked)
    return Similar(title_id=title_id, items=tuple(islice(_allowed(mirror, items, audience), limit)))


def search(mirror: Mirror, viewer_id: str, query: str, audience: RuleAudience, limit: int) -> SearchResults:
    """Find titles by their words, and by what is watched after the query, as the search model orders.

    Nothing is found that the viewer's own limits forbid, as far as there is a page that says them.
    """
    home, stored = mirror.home(viewer_id), mirror.trending("global")
    if home is not None:
        audience = audience.within(home.country, home.maturity)
    trending = [item.title_id for item in decode_trending(stored.value).items] if stored else []
    page = list(dict.fromkeys(item.title_id for row in (home.rows if home else ()) for item in row.items))

    def found(asked: str) -> tuple[Match, ...]:
        matches = _matches(mirror, asked, page, trending)
        return tuple(islice(_allowed(mirror, matches, audience), limit))

    items, meant = found(query), mirror.book.meant(query)
    others = found(meant) if meant else ()
    instead = [t for t in page or trending if mirror.book.allowed(t, audience)]
    suggestions = dict.fromkeys([*(match.title_id for match in others), *instead])
    return SearchResults(
        query=query,
        items=items,
        suggestions=() if items else tuple(suggestions)[:limit],
        did_you_mean=meant if others else None,
    )


def _matches(mirror: Mirror, query: str, page: Sequence[str], trending: Sequence[str]) -> list[Match]:
    """Return what a query finds, best first: by words, taste, trend, and what was watched after it."""
    (learned,) = mirror.model.get_many([query_key(normal(query))])
    found = order(
        {hit.title_id: hit.lexical for hit in mirror.book.find(query, CANDIDATES)},
        taste=by_place(page),
        trend=by_place(trending),
        learned=watched_after(learned),
    )
    return [Match(title_id=title, score=score) for title, score in found]


def _with_featured(mirror: Mirror, row: Row, audience: RuleAudience, limit: int) -> tuple[Row, Row]:
    """Return what rules feature, and a row without it: a title stands once on a page."""
    first = _bare(RowKind.FEATURED, ItemReason.FEATURED, islice(mirror.book.featured(audience), limit))
    shown = {item.title_id for item in first.items}
    return first, structs.replace(row, items=tuple(i for i in row.items if i.title_id not in shown))


def _bare(kind: RowKind, reason: ItemReason, titles: Iterable[str]) -> Row:
    items = tuple(Item(title_id=title, score=0.0) for title in titles)
    return Row(kind=kind, reason=reason, items=items)


def _trending_items(mirror: Mirror, trending: Trending, audience: RuleAudience) -> Iterable[Item]:
    for item in trending.items:
        if mirror.book.allowed(item.title_id, audience):
            yield Item(title_id=item.title_id, score=item.score)


def _allowed(mirror: Mirror, matches: Iterable[Match], audience: RuleAudience) -> Iterable[Match]:
    return (match for match in matches if mirror.book.allowed(match.title_id, audience))
