"""Titles with artwork, galleries of them, and their selections."""

from typing import Any

import numpy as np

from online_models.artwork.features import LikedWords
from online_models.artwork.gallery import Gallery, Selection
from online_models.artwork.selector import ArtworkSelector, PageItems, new_choices
from online_models.tables.layout import U8
from schemas import Artwork, Title, Trailer

ARTWORKS = ("kiss", "chase", "joke")


def title_of(
    title_id: str = "t", artworks: tuple[str, ...] = ARTWORKS, trailers: tuple[str, ...] = ()
) -> Title:
    """Return a title with an artwork, or a trailer, for each tag."""
    return Title(
        title_id=title_id,
        artwork=tuple(Artwork(id=f"{p}.jpg", uri=f"https://x/{p}", tags=(p,)) for p in artworks),
        trailers=tuple(Trailer(id=f"{p}.mp4", uri=f"https://x/{p}", tags=(p,)) for p in trailers),
    )


def gallery_of(*titles: Title) -> Gallery:
    """Return a gallery of titles; by default of one."""
    out = Gallery(seed=5)
    for title in titles or (title_of(),):
        out.put(title.title_id, title)
    return out


def selection_of(
    gallery: Gallery,
    viewer: int,
    *,
    liked: tuple[str, ...] = (),
    title: str = "t",
    **more: Any,
) -> Selection:
    """Return the selection of a title for one viewer."""
    keys = np.array([2], np.uint64)
    selector = ArtworkSelector(gallery)
    return selector.select_by_id(
        [title], keys, viewer=viewer, liked=frozenset(liked), **{"now_ms": 0, **more}
    )[0]


def selections_of(
    selector: ArtworkSelector, titles: list[str], keys: U8, liked: list[frozenset[str]], now_ms: int = 0
) -> list[Selection]:
    """Return the selections of the same titles for viewers 0, 1, ... in one call, viewer after viewer."""
    p, n = len(liked), len(titles)
    listed = np.tile(np.arange(n, dtype=np.int32), (p, 1, 1))
    places = np.array([selector.gallery.row_of(title) for title in titles], np.int32)[listed]
    taste, considered = LikedWords.of(liked), np.full((p, 1), n)
    likes, viewers = selector.liked_words(taste), np.arange(p, dtype=np.uint64)
    items = PageItems(listed, places, considered, viewers, likes, taste.weights, keys)
    found = new_choices(listed)
    end = selector.select(items, titles, (0, p), found, 0, now_ms=now_ms)
    out = [selector.selections[0]] * (p * n)
    columns = found.page, found.slot, found.number, found.propensity
    for page, slot, number, propensity in zip(*(column[:end] for column in columns), strict=True):
        out[n * page + slot] = selector.selection(number, propensity)
    return out
