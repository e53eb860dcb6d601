"""Lists that are made on request: pages of cold-start viewers, similar titles, search results."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Annotated, Final

from msgspec import Meta, Struct, structs

from online_models.feedback.devices import device_code
from online_models.learners.search import by_place, hashed, normal, order
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
    "refreshed",
    "search",
    "similar",
    "trending_for",
    "within_own_limits",
]

COLD_TTL_MS: Final = 60_000
"""Lifetime of a cold-start page: trending lists change up to ten times a second, a minute is soon enough."""
CANDIDATES: Final = 100
"""Most matches that are ranked."""


class ColdHome(Home, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A page for a viewer without a page of their own.

    Attributes
    ----------
    cold_start
        True: every cold-start viewer gets the same page; the viewer's own replaces it after the first event.
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
    """A title and its score.

    Attributes
    ----------
    title_id
        The title.
    score
        Higher is better; comparable within one list only.
    """

    title_id: Id
    score: Score


class Similar(Struct, frozen=True, kw_only=True, gc=False):
    """Titles that are watched by the viewers of one title.

    Attributes
    ----------
    title_id
        The title that was asked for.
    items
        The others, most similar first.
    """

    title_id: Id
    items: Annotated[tuple[Match, ...], Meta(max_length=1000)]


class SearchResults(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Results of a search.

    Attributes
    ----------
    query
        The query.
    items
        Titles that match, best first.
    suggestions
        If nothing matches: results of the corrected query, then titles that the viewer may like.
    did_you_mean
        The query without typing errors; absent if it has none, or if the corrected query finds nothing
        either.
    """

    query: Text
    items: Annotated[tuple[Match, ...], Meta(max_length=1000)]
    suggestions: Annotated[tuple[Id, ...], Meta(max_length=1000)]
    did_you_mean: Text | None = None


def cold_home(
    mirror: Mirror, viewer_id: str, audience: RuleAudience, limit: int, device: str | None = None
) -> ColdHome:
    """Make the page of a viewer who has none, under the guards.

    The first trending list with a title that may be shown: of the country, of the device type, of everywhere.
    If there is none, new releases.
    """
    kind = device_code(device)
    places = [f"country:{audience.country}"] if audience.country else []
    for scope in (*places, *([device_scope(kind)] if kind else []), "global"):
        found = mirror.trending(scope)
        trending = decode_trending(found.value) if found else None
        items = tuple(islice(_trending_items(mirror, trending, audience), limit)) if trending else ()
        if items:
            break
    row = Row(kind=RowKind.TRENDING_NOW, reason=ItemReason.TRENDING, items=items)
    if not items:
        row = _row(RowKind.NEW_RELEASES, ItemReason.NEW, islice(mirror.titles.newest(audience), limit))
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


def refreshed(mirror: Mirror, page: Home, audience: RuleAudience) -> Home:
    """Return an expired page with the titles that may be shown now, under the page's own limits, too.

    Shelves, order, `list_id` and `seq` stay: it is what the viewer was last shown, without what was withdrawn
    or excluded since. It holds for as long as a cold-start page.
    """
    audience = _within_page(page, audience)
    rows = (
        structs.replace(
            row, items=tuple(item for item in row.items if mirror.titles.allowed(item.title_id, audience))
        )
        for row in page.rows
    )
    return structs.replace(
        page, rows=tuple(row for row in rows if row.items), expires_at_ms=audience.now_ms + COLD_TTL_MS
    )


def within_own_limits(mirror: Mirror, viewer_id: str, audience: RuleAudience) -> RuleAudience:
    """Return an audience with the limits of the viewer's own page, if there is one."""
    return _within_page(mirror.home(viewer_id), audience)


def trending_for(mirror: Mirror, trending: Trending, audience: RuleAudience) -> Trending:
    """Return the part of a trending list that may be shown; a country's list implies that country."""
    kind, _, place = trending.scope.partition(":")
    audience = audience.within(place if kind == "country" else None, None)
    items = tuple(one for one in trending.items if mirror.titles.allowed(one.title_id, audience))
    return structs.replace(trending, items=items)


def similar(mirror: Mirror, title_id: str, audience: RuleAudience, limit: int) -> Similar:
    """Rank a title's neighbours; none if nobody has watched it yet."""
    config = mirror.settings.model
    stored = mirror.model.get(title_id.encode())
    if stored is None:
        return Similar(title_id=title_id, items=())
    own = title_rows.unpack([stored.value], config)
    ids = mirror.titles.ids_of(own.pairs["key"].tolist())
    pairs = [(name, w) for name, w in zip(ids, own.pairs["weight"].tolist(), strict=True) if name and w > 0]
    values = mirror.model.get_many([name.encode() for name, _ in pairs])
    known = [(pair, value) for pair, value in zip(pairs, values, strict=True) if value is not None]
    if not known:
        return Similar(title_id=title_id, items=())
    watches = title_rows.unpack([value for _, value in known], config).fixed["watches"]
    weights = [weight for (_, weight), _ in known]
    scores = similarities(
        weights, watches, float(own.fixed["watches"][0]), alpha=config.cowatch.alpha
    ).tolist()
    ranked = sorted(
        zip(scores, (name for (name, _), _ in known), strict=True), key=lambda one: (-one[0], one[1])
    )
    items = (Match(title_id=name, score=round(score, 5)) for score, name in ranked)
    return Similar(title_id=title_id, items=tuple(islice(_allowed(mirror, items, audience), limit)))


def search(mirror: Mirror, viewer_id: str, query: str, audience: RuleAudience, limit: int) -> SearchResults:
    """Find titles by their words and by what is watched after the query, in the order of the search model.

    The limits of the viewer's own page apply, if there is one.
    """
    home, stored = mirror.home(viewer_id), mirror.trending("global")
    audience = _within_page(home, audience)
    trending = [item.title_id for item in decode_trending(stored.value).items] if stored else []
    page = list(dict.fromkeys(item.title_id for row in (home.rows if home else ()) for item in row.items))

    def found(asked: str) -> tuple[Match, ...]:
        matches = _matches(mirror, asked, page, trending)
        return tuple(islice(_allowed(mirror, matches, audience), limit))

    items, corrected = found(query), mirror.titles.corrected(query)
    others = found(corrected) if corrected else ()
    popular = [t for t in page or trending if mirror.titles.allowed(t, audience)]
    suggestions = dict.fromkeys([*(match.title_id for match in others), *popular])
    return SearchResults(
        query=query,
        items=items,
        suggestions=() if items else tuple(suggestions)[:limit],
        did_you_mean=corrected if others else None,
    )


def _within_page(home: Home | None, audience: RuleAudience) -> RuleAudience:
    return audience if home is None else audience.within(home.country, home.maturity)


def _matches(mirror: Mirror, query: str, page: Sequence[str], trending: Sequence[str]) -> list[Match]:
    """Return the matches of a query, best first: by words, taste, trend, and watches after the query."""
    (learned,) = mirror.model.get_many([query_key(hashed(normal(query)))])
    found = order(
        {hit.title_id: hit.lexical for hit in mirror.titles.find(query, CANDIDATES)},
        taste=by_place(page),
        trend=by_place(trending),
        learned=watched_after(learned),
    )
    return [Match(title_id=title, score=score) for title, score in found]


def _with_featured(mirror: Mirror, row: Row, audience: RuleAudience, limit: int) -> tuple[Row, Row]:
    """Return the row of featured titles, and a row without them: a title is on a page once."""
    first = _row(RowKind.FEATURED, ItemReason.FEATURED, islice(mirror.titles.featured(audience), limit))
    shown = {item.title_id for item in first.items}
    return first, structs.replace(row, items=tuple(i for i in row.items if i.title_id not in shown))


def _row(kind: RowKind, reason: ItemReason, titles: Iterable[str]) -> Row:
    items = tuple(Item(title_id=title, score=0.0) for title in titles)
    return Row(kind=kind, reason=reason, items=items)


def _trending_items(mirror: Mirror, trending: Trending, audience: RuleAudience) -> Iterable[Item]:
    for item in trending.items:
        if mirror.titles.allowed(item.title_id, audience):
            yield Item(title_id=item.title_id, score=item.score)


def _allowed(mirror: Mirror, matches: Iterable[Match], audience: RuleAudience) -> Iterable[Match]:
    return (match for match in matches if mirror.titles.allowed(match.title_id, audience))
