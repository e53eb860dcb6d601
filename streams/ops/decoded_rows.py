"""Decode packed rows of viewers and titles, for `nearline inspect` and `nearline state export`."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from online_models.catalog.languages import language_of
from online_models.feedback.devices import device_of
from online_models.tables.layout import Viewers
from online_models.tables.titles import TitleTable
from online_models.tables.viewers import NO_LIMIT, ViewerTable
from streams.stages.wire import title_rows
from streams.stages.wire.row_codec import explained

__all__ = ["decoded_titles", "decoded_viewers", "when"]

NAMELESS = "(no name yet)"
"""Placeholder for a title of which only the hashed key is known."""


def decoded_viewers(
    rows: Sequence[tuple[bytes, bytes]], titles: TitleTable, *, vectors: bool = False
) -> Iterator[dict[str, Any]]:
    """Yield viewers' rows as dictionaries.

    Parameters
    ----------
    rows
        Keys and values, of any row version.
    titles
        Names of the known titles; unknown titles are added to it.
    vectors
        Include the taste vector.

    Yields
    ------
    dict
        ``viewer_id, positives, last_page`` (its ``seq``), ``last_event`` (ISO 8601), ``country, device,
        maturity_limit, language, my_list`` (titles, newest first), ``known`` (oldest first, each with
        ``title_id`` and ``liked``),
        ``rejected`` (newest first, each with ``title_id``, ``weight`` and ``at``), ``loved`` (likewise:
        finished and liked, candidates for watching again), ``taste`` if asked for.
    """
    table = ViewerTable(titles.config, titles, slots=max(1, len(rows)))
    ids = [key.decode(errors="replace") for key, _ in rows]
    with explained():
        slots = table.acquire(ids, lambda _: [value for _, value in rows])
    a = table.arrays
    for viewer_id, slot in zip(ids, slots.tolist(), strict=True):
        known = [{"title_id": title or NAMELESS, "liked": bool(on)} for title, on in table.known(viewer_id)]
        yield {
            "viewer_id": viewer_id,
            "positives": int(a.positives[slot]),
            "last_page": int(a.seq[slot]),
            "last_event": when(int(a.last_at[slot])),
            "country": int(a.country[slot]).to_bytes(2, "little").decode() if a.country[slot] else None,
            "device": device_of(int(a.device[slot])),
            "maturity_limit": None if a.limit[slot] == NO_LIMIT else int(a.limit[slot]),
            "language": language_of(int(a.language[slot])) if a.language[slot] else None,
            "my_list": [titles.ids[t] or NAMELESS for t in a.my_list[slot].tolist() if t >= 0],
            "known": known,
            "loved": _loved(a, slot, titles),
            "rejected": [
                {"title_id": one.title_id or NAMELESS, "weight": round(one.weight, 3), "at": when(one.at_ms)}
                for one in table.rejected(viewer_id)
            ],
            **({"taste": a.taste[slot].tolist()} if vectors else {}),
        }


def _loved(a: Viewers, slot: int, titles: TitleTable) -> list[dict[str, Any]]:
    """Return the titles that a viewer finished and liked: newest first, by title within a second."""
    entries = zip(
        a.finished_at[slot].tolist(), a.finished[slot].tolist(), a.finished_weight[slot].tolist(), strict=True
    )
    named = sorted((-at, titles.ids[t] or NAMELESS, weight) for at, t, weight in entries if t >= 0)
    return [
        {"title_id": title_id, "weight": round(weight, 3), "at": when(-1_000 * negated_s)}
        for negated_s, title_id, weight in named
    ]


def decoded_titles(
    rows: Sequence[tuple[bytes, bytes]], titles: TitleTable, *, vectors: bool = False
) -> Iterator[dict[str, Any]]:
    """Yield titles' rows as dictionaries.

    Parameters
    ----------
    rows
        Keys and values, of any row version.
    titles
        Names of the neighbours; unknown titles are added to it.
    vectors
        Include output and input vectors.

    Yields
    ------
    dict
        ``title_id, watches, positives, rejections, touches, trending`` (by half-life in seconds),
        ``last_watch, bias, neighbours`` (strongest first, each with ``title_id`` and ``weight``), ``out`` and
        ``inp`` if asked for.
    """
    packed = title_rows.unpack([value for _, value in rows], titles.config)
    half_lives = [str(seconds) for seconds in titles.config.trending.half_lives_s]
    starts = packed.starts.tolist()
    for (key, _), row, start, end in zip(rows, packed.fixed, starts[:-1], starts[1:], strict=True):
        own = packed.pairs[start:end]
        pairs = sorted(zip(own["weight"].tolist(), own["key"].tolist(), strict=True), reverse=True)
        paired = [(weight, other) for weight, other in pairs if weight > 0]
        at = titles.by_key(np.array([other for _, other in paired], np.uint64)).tolist()
        names = [titles.ids[n] if n >= 0 else "" for n in at]
        positives, rejections, touches = row["counts"].tolist()
        yield {
            "title_id": key.decode(errors="replace"),
            "watches": float(row["watches"]),
            "positives": positives,
            "rejections": rejections,
            "touches": touches,
            "trending": dict(zip(half_lives, row["trend"].tolist(), strict=True)),
            "last_watch": when(int(row["trend_at"])),
            "bias": float(row["bias"]),
            "neighbours": [
                {"title_id": name or NAMELESS, "weight": weight}
                for (weight, _), name in zip(paired, names, strict=True)
            ],
            **({"out": row["out"].tolist(), "inp": row["inp"].tolist()} if vectors else {}),
        }


def when(ms: int) -> str | None:
    """Return a time in ISO 8601, UTC.

    Examples
    --------
    >>> when(1_700_000_000_000), when(0)
    ('2023-11-14T22:13:20+00:00', None)
    """
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds") if ms > 0 else None
