"""Decoding: every record becomes feedback signals, or a dead letter with a reason."""

from typing import Any

import pytest

from online_models.feedback.reward_function import Action, RewardFunction
from online_models.tables.hashing import hash_ids
from schemas import Browse, Forget, Identify, Preferences, Reason
from schemas.codec import encode
from schemas.partitioner import partition_for
from streams.config.settings import Settings
from streams.stages.viewers.decode import DecodedBatch, EventBatch, EventDecoder
from streams.stages.wire.events import EventReader
from tests.streams.steps import T0, record, watch

GOOD = encode(watch("ada", "t1"))


def _decoder(partition: int = 0, partitions: int = 1) -> EventDecoder:
    """Make a decoder."""
    read = EventReader(Settings())
    return EventDecoder(RewardFunction(), read, stage="viewers", partition=partition, partitions=partitions)


def _read(*records: Any, **where: Any) -> DecodedBatch:
    """Read some records."""
    return _decoder(**where).decode(records)


def _events(found: DecodedBatch) -> EventBatch:
    """Return the events of a batch without a departure."""
    ((events, departure),) = found.parts()
    assert departure is None
    return events


@pytest.mark.parametrize(
    ("value", "key", "reason", "field"),
    [
        (b'{"type":"stop",', b"ada", Reason.MALFORMED, None),
        (GOOD.replace(b'"watched_s":3600', b'"watched_s":NaN'), b"ada", Reason.MALFORMED, None),
        (GOOD[:-1] + b',"schema_version":99}', b"ada", Reason.SCHEMA_VERSION, "schema_version"),
        (GOOD.replace(b'"stop"', b'"teleport"'), b"ada", Reason.UNKNOWN_TYPE, "type"),
        (GOOD.replace(b'"watched_s":3600', b'"watched_s":-1'), b"ada", Reason.OUT_OF_RANGE, "watched_s"),
        (b"", b"ada", Reason.EMPTY, None),
        (None, b"ada", Reason.TOMBSTONE, None),
        (GOOD + b" " * 2_000_000, b"ada", Reason.TOO_LARGE, None),
        (b"\xff\xfe", b"ada", Reason.NOT_UTF8, None),
        (GOOD, None, Reason.KEY_MISSING, None),
        (GOOD, b"bob", Reason.KEY_MISMATCH, "viewer_id"),
    ],
    ids=lambda value: value.value if isinstance(value, Reason) else "",
)
def test_what_cannot_be_used_is_a_dead_letter(
    value: bytes | None, key: bytes | None, reason: Reason, field: str | None
) -> None:
    """The dead letter has reason, field and source offset; the other records are read."""
    good = record(GOOD, b"ada", offset=7)
    found = _read(good, record(value, key, offset=8), record(GOOD, b"ada", offset=9))
    (letter,) = found.dead_letters
    assert (letter.reason, letter.field, letter.stage) == (reason, field, "viewers")
    assert (letter.source.topic, letter.source.partition, letter.source.offset) == ("viewing.events.v1", 0, 8)
    assert letter.value_bytes == len(value or b"")
    assert len(encode(letter)) < 200_000
    assert _events(found).offset.tolist() == [7, 9]


def test_a_key_of_another_partition_is_a_dead_letter() -> None:
    """A viewer whom two workers would learn is refused, with the producer's remedy."""
    home = partition_for(b"ada", 4)
    assert _read(record(GOOD, b"ada"), partition=home, partitions=4).dead_letters == []
    (letter,) = _read(record(GOOD, b"ada"), partition=(home + 1) % 4, partitions=4).dead_letters
    assert letter.reason is Reason.PARTITION_MISMATCH
    assert "murmur2_random" in letter.message


def test_preferences_with_several_titles_are_several_signals() -> None:
    """Each liked title counts once, and what the rows are sampled by differs."""
    event = Preferences(
        event_id="p1", viewer_id="ada", event_time_ms=T0, liked_titles=("a", "b", "c"), maturity=12
    )
    events = _events(_read(record(encode(event), b"ada", offset=5), record(GOOD, b"ada", offset=6)))
    assert (events.offset.tolist(), events.decoded) == ([5, 6], {0: event})
    rows = events.rows
    assert rows.event.tolist() == [0, 0, 0, 1]
    assert rows.key.tolist() == hash_ids(["p1", "p1\0001", "p1\0002", "ada.t1.0"]).tolist()
    found = events.columns()
    assert (found.titles, events.viewers) == (["a", "b", "c", "t1"], ["ada"] * 2)
    assert [*found.actions[:3]] == [Action.POSITIVE] * 3


def test_what_changes_no_viewer_is_left_out() -> None:
    """A look at a surface without a tag is a valid record that leaves no trace in the models; time counts."""
    event = Browse(event_id="s", viewer_id="ada", event_time_ms=T0 + 9, surface="home", dwell_s=3.0)
    found = _read(record(encode(event), b"ada"))
    assert (len(found.events), found.dead_letters, found.newest_ms) == (0, [], T0 + 9)


def test_a_batch_is_parted_behind_each_departure() -> None:
    """Events keep their order; who signs in as themselves does not depart."""
    gone = Forget(event_id="f", viewer_id="ada", event_time_ms=T0 + 1)
    same = Identify(event_id="i", viewer_id="ada", event_time_ms=T0 + 1, known_as="ada")
    events = [watch("ada", "a", 1), same, gone, watch("ada", "b", 5), watch("ada", "c", 3), gone]
    found = _read(*(record(encode(e), b"ada", offset=n) for n, e in enumerate(events)))
    parts = [(part.offset.tolist(), departure) for part, departure in found.parts()]
    assert [offsets for offsets, _ in parts] == [[0], [3, 4]]
    assert [departure and departure.event for _, departure in parts] == [gone, gone]
    assert found.newest_ms == T0 + 5


def test_a_clock_ahead_of_its_record_is_set_right() -> None:
    """What a device dates into the future happened when it was sent, at the latest."""
    late, ahead = watch("ada", "a"), watch("ada", "b", event_time_ms=T0 + 10**10)
    found = _read(
        record(encode(late), b"ada", timestamp=T0 + 50), record(encode(ahead), b"ada", timestamp=T0 + 60)
    )
    assert _events(found).at.tolist() == [T0, T0 + 60]
    assert found.newest_ms == T0 + 60


def test_the_id_of_a_cloud_event_stands_in_its_header() -> None:
    """A record without an id of its own takes that of its envelope."""
    bare = GOOD.replace(b'"event_id":"ada.t1.0",', b"")
    found = _read(record(bare, b"ada", headers=[("ce_id", b"from the envelope"), ("ce_specversion", b"1.0")]))
    assert [one.event_id for one in _events(found).decoded.values()] == ["from the envelope"]
    assert found.dead_letters == []
