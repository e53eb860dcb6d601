"""A history into events in time order: `nearline import history`.

Each row becomes one event, with the time of the row:

* a `rate` with stars, if the row has a rating, or with a thumb;
* otherwise a `stop`, watched for as long as the row says (``watched_s``, or ``progress`` of ``duration_s``).
  Seconds and progress together say how long the title is. Without a duration it counts as 45 minutes long, as
  the reward function has it; a row that says nothing about how long was watched to its end.

The id of an event is the hash of the file and the line of the row, so the same file gives the same ids.

Rows are sorted by time, then by line. A million rows are sorted in memory; more are sorted in runs on disk,
which are merged (`streams.ops.imports.sorting`), so memory does not grow with the file.
"""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import compute as pc

from online_models.config import RewardConfig
from schemas import Event, Rate, Stop
from schemas.events import StopCause, Thumb
from streams.ops.imports.columns import (
    SECONDS,
    Bools,
    Numbers,
    as_ids,
    as_numbers,
    as_seconds,
    as_times,
    plain_text,
)
from streams.ops.imports.faults import Faults
from streams.ops.imports.mapping import ColumnMapping
from streams.ops.imports.sources import Block

__all__ = ["DATES", "LINE", "TIME", "as_events", "read_history"]

TIME, LINE = "time", "line"
"""Columns by which rows are sorted."""
IDS: Final = ("viewer_id", "title_id")
LABELS: Final = ("device", "country", "session_id", "profile_id")
MOST_S: Final = 604_800.0  # seven days (`schemas.fields.Seconds`)
BEST_STARS, LEAST_STARS = 5.0, 0.5
DATES: Final = "ISO 8601 or 31.12.2026 (31/12/2026: with the mapping's option `slashes`)"
UP: Final = frozenset({"up", "like", "liked", "true", "1", "yes", "positive"})
DOWN: Final = frozenset({"down", "dislike", "disliked", "false", "0", "-1", "no", "negative"})
UNKNOWN_S: Final = RewardConfig().unknown_duration_s
ENDED: Final = 0.9
"""Share of a title from which a playback ended by itself: the credits."""

Floats = npt.NDArray[np.float64]


def read_history(block: Block, mapping: ColumnMapping, faults: Faults) -> pa.Table:
    """Check rows, and return the good ones in columns of a fixed form.

    Parameters
    ----------
    block
        Rows of the file.
    mapping
        Its columns.
    faults
        Gets bad rows.

    Returns
    -------
    pyarrow.Table
        ``line``, ``time`` (ms), ``viewer_id``, ``title_id``, ``stars``, ``thumb`` (1 up, -1 down, 0 none),
        ``watched_s``, ``duration_s`` (NaN: unknown), and the labels that are mapped.
    """
    rows = _Rows(block, mapping, faults)
    columns: dict[str, Any] = {LINE: pa.array(block.lines)}
    unit = mapping.options.get("time_unit", "iso")
    times = as_times(rows.column("time"), unit, slashes=mapping.options.get("slashes"))
    rows.refuse(times.missing, "time", "expected a time, found none")
    expected = DATES if unit == "iso" else unit
    rows.refuse(times.bad, "time", f"expected a time from 1990 to 2099, as {expected}")
    columns[TIME] = pa.array(times.values)
    for name in IDS:
        columns[name] = rows.ids(name, required=True)
    columns["stars"], columns["thumb"] = pa.array(rows.stars()), pa.array(rows.thumb())
    watched_s, duration_s = rows.watched()
    columns["watched_s"], columns["duration_s"] = pa.array(watched_s), pa.array(duration_s)
    for name in LABELS:
        if name in mapping.columns:
            columns[name] = rows.ids(name)
    if "country" in columns:
        fits = pc.match_substring_regex(columns["country"], "^[A-Z]{2}$")
        wrong = pc.fill_null(pc.invert(fits), fill_value=False).to_numpy(zero_copy_only=False)
        rows.refuse(wrong, "country", "expected two capitals, as in ISO 3166-1 alpha-2")
    return pa.table(columns).filter(pa.array(rows.good))


class _Rows:
    """The rows of a block, and which of them are good so far."""

    def __init__(self, block: Block, mapping: ColumnMapping, faults: Faults) -> None:
        self._block, self._mapping, self._faults = block, mapping, faults
        self.good: Bools = np.ones(block.lines.size, bool)

    def column(self, field: str) -> Any:  # noqa: ANN401 - any of Arrow's types
        """Return the column of a field; nulls if it has none."""
        name = self._mapping.columns.get(field)
        return pa.nulls(self.good.size, pa.string()) if name is None else self._block.columns[name]

    def refuse(self, bad: Bools, field: str, cause: str) -> None:
        """Report bad rows, each for its first fault only."""
        found = bad & self.good
        if found.any():
            self._faults.add(
                self._block.lines[found].tolist(), self._mapping.columns.get(field, field), cause
            )
            self.good &= ~found

    def ids(self, field: str, *, required: bool = False) -> Any:  # noqa: ANN401 - Arrow's arrays
        """Return ids or labels."""
        found = as_ids(self.column(field))
        if required:
            self.refuse(found.missing, field, "expected an id, found none")
        self.refuse(found.bad, field, "expected 1 to 64 characters, none of them a control character")
        return found.values

    def numbers(self, field: str, low: float, high: float) -> Floats:
        """Return numbers between two bounds; NaN where there is none."""
        found = as_numbers(self.column(field))
        self.refuse(found.bad, field, "expected a number")
        self._refuse_outside(found, field, low, high, f"expected {low:g} to {high:g}")
        return found.values

    def _refuse_outside(self, found: Numbers, field: str, low: float, high: float, cause: str) -> None:
        with np.errstate(invalid="ignore"):
            self.refuse((found.values < low) | (found.values > high), field, cause)

    def seconds(self, field: str, option: str) -> Floats:
        """Return a duration."""
        unit = self._mapping.options.get(option, "s")
        found = as_seconds(self.column(field), unit)
        self.refuse(found.bad, field, "expected a number, or h:mm:ss")
        self._refuse_outside(found, field, 0.0, MOST_S, f"expected 0 to {MOST_S / SECONDS[unit]:g}")
        return found.values

    def stars(self) -> Floats:
        """Return ratings as half a star to five."""
        scale = float(self._mapping.options.get("rating_scale", BEST_STARS))
        stars = self.numbers("rating", 0.0, scale) * (BEST_STARS / scale)
        return np.maximum(stars, LEAST_STARS)

    def thumb(self) -> npt.NDArray[np.int8]:
        """Return 1, -1 or 0."""
        column = self.column("thumb")
        text = pc.utf8_lower(pc.utf8_trim_whitespace(plain_text(column)))
        up = pc.fill_null(pc.is_in(text, pa.array(sorted(UP))), fill_value=False).to_numpy(
            zero_copy_only=False
        )
        down = pc.fill_null(pc.is_in(text, pa.array(sorted(DOWN))), fill_value=False).to_numpy(
            zero_copy_only=False
        )
        known = pc.is_valid(text).to_numpy(zero_copy_only=False)
        self.refuse(known & ~up & ~down, "thumb", f"expected one of {', '.join(sorted(UP | DOWN))}")
        thumb: npt.NDArray[np.int8] = up.astype(np.int8) - down.astype(np.int8)
        return thumb

    def watched(self) -> tuple[Floats, Floats]:
        """Return seconds watched and the length of the title.

        Watched is what the row says, or its progress of the length, or all of the title. The length is what
        the row says, or follows from seconds and progress where it has both; else it is unknown.
        """
        duration = self.seconds("duration_s", "duration_unit")
        scale = float(self._mapping.options.get("progress_scale", 1))
        progress = self.numbers("progress", 0.0, scale) / scale
        watched = self.seconds("watched_s", "watched_unit")
        follows = np.divide(watched, progress, out=np.full_like(watched, np.nan), where=progress > 0)
        duration = np.where(np.isnan(duration) & (follows <= MOST_S), follows, duration)
        length = np.where(np.isnan(duration), UNKNOWN_S, duration)
        share = np.where(np.isnan(progress), 1.0, progress)
        return np.where(np.isnan(watched), share * length, watched), duration


def as_events(rows: pa.Table, file: str) -> Iterator[Event]:
    """Make the events of rows, in their order.

    Parameters
    ----------
    rows
        Of `read_history`.
    file
        Hash of the file: the beginning of every event id.

    Examples
    --------
    >>> columns = {"viewer_id": ["7"], "title_id": ["t1"], "time": ["1764015324"]}
    >>> mapping = ColumnMapping("history", {name: name for name in columns}, {"time_unit": "s"})
    >>> block = Block({name: pa.array(values) for name, values in columns.items()}, np.array([2]))
    >>> rows = read_history(block, mapping, Faults())
    >>> [(event.event_id, event.watched_s, event.cause.value) for event in as_events(rows, "3f")]
    [('3f-2', 2700.0, 'ended')]
    """
    labels = [name for name in LABELS if name in rows.column_names]
    further = zip(*(rows.column(name).to_pylist() for name in labels), strict=True)
    about = further if labels else iter(lambda: (), None)
    columns = (
        rows.column(name).to_pylist()
        for name in (LINE, TIME, *IDS, "stars", "thumb", "watched_s", "duration_s")
    )
    for (line, at, viewer, title, stars, thumb, watched_s, duration_s), more in zip(
        zip(*columns, strict=True), about, strict=False
    ):
        head = {
            "event_id": f"{file}-{line}",
            "viewer_id": viewer,
            "event_time_ms": at,
            "title_id": title,
            **dict(zip(labels, more, strict=True)),
        }
        if stars == stars:  # noqa: PLR0124 - not NaN
            yield Rate(stars=stars, **head)
        elif thumb:
            yield Rate(thumb=Thumb.UP if thumb > 0 else Thumb.DOWN, **head)
        else:
            known = duration_s == duration_s and duration_s > 0  # noqa: PLR0124 - not NaN
            length = duration_s if known else UNKNOWN_S
            yield Stop(
                watched_s=watched_s,
                position_s=watched_s,
                duration_s=length,
                cause=StopCause.ENDED if watched_s >= ENDED * length else StopCause.UNKNOWN,
                **head,
            )
