"""Read titles and genres from the file of titles in the folder of the ratings."""

import csv
import io
import re
from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa
from pyarrow import parquet

from streams.ops.ratings.dataset import TitleFacts
from streams.ops.ratings.sources import RatingsSource

__all__ = ["read_titles"]

U_ITEM_GENRES: Final = (
    *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama"),
    *(
        "Fantasy",
        "Film-Noir",
        "Horror",
        "Musical",
        "Mystery",
        "Romance",
        "Sci-Fi",
        "Thriller",
        "War",
        "Western",
    ),
)
"""The last 19 columns of ``u.item`` (its README: u.genre)."""
NO_GENRES: Final = frozenset({"(no genres listed)", "unknown", ""})
YEAR: Final = re.compile(r"\s*\((\d{4})\)\s*$")
ONE_HOT_FROM: Final = 5
"""Least 0/1 columns of a Parquet file from which they are taken for genres."""


def read_titles(source: RatingsSource, *, parquet_file: bool) -> dict[str, TitleFacts]:
    """Return facts by title id; empty if there is no file of titles.

    Rows without an id are ignored: titles are optional, an error in them stops nothing.
    """
    if parquet_file:
        data = source.sibling("*item*.parquet*") or source.sibling("*movies*.parquet*")
        return dict(_parquet(data)) if data else {}
    stem = source.name.rsplit(".", 1)[0]
    for pattern, read in (
        ("u.item", _u_item),
        ("movies.dat", _dat),
        ("movies.csv", _csv),
        (f"{stem}.item", _recbole),
    ):
        data = source.sibling(pattern)
        if data is not None and _belongs(source.name, pattern):
            return dict(read(_decode(data)))
    return {}


def _belongs(ratings: str, titles: str) -> bool:
    """Whether a file of titles is in the format of the same family as the ratings."""
    suffix = {".data": "u.item", ".dat": "movies.dat", ".csv": "movies.csv", ".inter": ".item"}
    return titles.endswith(suffix.get("." + ratings.rsplit(".", 1)[-1].lower(), "?"))


def _decode(data: bytes) -> str:
    """Decode UTF-8, or Latin-1 as in the older MovieLens files."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _facts(name: str, genres: Iterator[str], year: str = "") -> TitleFacts:
    found = YEAR.search(name)
    released = year[:4] if year[:4].isdigit() else found.group(1) if found else None
    kept = tuple(genre.strip()[:64] for genre in genres if genre.strip() not in NO_GENRES)
    return TitleFacts(YEAR.sub("", name).strip(), kept, int(released) if released else None)


def _u_item(text: str) -> Iterator[tuple[str, TitleFacts]]:
    for line in text.splitlines():
        fields = line.split("|")
        if len(fields) >= len(U_ITEM_GENRES) + 2:
            flags = zip(U_ITEM_GENRES, fields[-len(U_ITEM_GENRES) :], strict=True)
            yield fields[0], _facts(fields[1], (genre for genre, flag in flags if flag == "1"))


def _dat(text: str) -> Iterator[tuple[str, TitleFacts]]:
    for line in text.splitlines():
        title_id, _, rest = line.partition("::")
        name, _, genres = rest.rpartition("::")
        if title_id and name:
            yield title_id, _facts(name, iter(genres.split("|")))


def _csv(text: str) -> Iterator[tuple[str, TitleFacts]]:
    for row in csv.DictReader(io.StringIO(text)):
        if row.get("movieId") and row.get("title"):
            yield row["movieId"], _facts(row["title"], iter((row.get("genres") or "").split("|")))


def _recbole(text: str) -> Iterator[tuple[str, TitleFacts]]:
    header, *lines = text.splitlines() or [""]
    names = [field.split(":", 1)[0] for field in header.split("\t")]
    for line in lines:
        row = dict(zip(names, line.split("\t"), strict=False))
        name = row.get("movie_title") or row.get("title") or row.get("name") or ""
        genres = row.get("class") or row.get("genre") or row.get("genres") or ""
        if row.get("item_id"):
            yield row["item_id"], _facts(name, iter(genres.split(" ")), row.get("release_year", ""))


def _parquet(data: bytes) -> Iterator[tuple[str, TitleFacts]]:
    try:
        rows: list[dict[str, Any]] = parquet.read_table(io.BytesIO(data)).to_pylist()
    except pa.ArrowException:
        return
    flags = _one_hot(rows)
    for row in rows:
        title_id = row.get("movie_id", row.get("item_id"))
        name = row.get("movie_title") or row.get("title") or ""
        genres = (
            (name for name in flags if row[name] == 1)
            if flags
            else iter(str(row.get("genres") or "").split("|"))
        )
        if title_id is not None:
            yield str(title_id), _facts(str(name), genres)


def _one_hot(rows: list[dict[str, Any]]) -> list[str]:
    """Return the names of the columns that contain only 0 and 1, if there are enough of them."""
    names = [name for name in (rows[0] if rows else {}) if all(row[name] in (0, 1) for row in rows)]
    return names if len(names) >= ONE_HOT_FROM else []
