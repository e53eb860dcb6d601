"""The two ways into the columns of a batch say the same: the kernel that reads bytes, and the codec."""

import json
import random
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from online_models.config import RewardConfig
from online_models.feedback.reward_function import RewardFunction
from schemas import Browse, History, Identify, Impression, Preferences, Search, Select
from schemas.codec import encode
from schemas.event_fields import FIELD_RULES
from schemas.events import EVENT_TYPES
from schemas.partitioner import partition_for
from streams.config.settings import Settings
from streams.stages.viewers.decode import DecodedBatch, EventBatch, EventDecoder
from streams.stages.wire.events import Clock, EventReader
from tests.streams.steps import T0, record, watch

READ_BY_THE_KERNEL = ("play", "progress", "pause", "stop", "skip", "rate", "my_list", "impression")
TEXTS = ("a", "tv", "set_top_box", "s-1", "a:b", "x" * 64, "IN", "\u00e9", "\u0d05", "", "y" * 65, "in", "I")
NUMBERS = (
    "0", "1", "5", "999", "1000", "0.5", "5.0", "4", "4.5", "3600", "3600.25", "604800", "604800.5", "1.",
    ".5", "1700000000000", "1700000000000.0", "631151999999", "4102444800000", "1e3", "1E-2", "-0", "-1",
    "01", "NaN", "0.1", "0.30000000000000004", "123456789012345678", "0.000000000000001", "1.5e1", "6.02",
    "null", "true", '"1"', "99.99999999999999",
)  # fmt: skip
ODD = (
    b"\\",
    b"\x7f",
    b"\x00",
    b"\n",
    b"\t",
    b" ",
    b'"',
    b"{",
    b"}",
    b",",
    b":",
    b"[",
    b"\xff",
    b"\xc3",
    b"9",
    b"e",
)
ABOUT: dict[str, Any] = {"event_id": "e", "viewer_id": "a", "event_time_ms": T0}
MEAN = (Search, Select, Browse, Preferences, History)


def _value(rng: random.Random, rule: Any) -> str:  # noqa: PLR0911 - a line a kind of field
    """Spell a value of a field: mostly one within its rule."""
    odd = rng.random() < 0.02
    if odd:
        return rng.choice((*NUMBERS, "true", "false", "null", "[]", '{"a":1}', json.dumps(rng.choice(TEXTS))))
    if rule is None or rule.kind == "text":
        text = "IN" if rule is not None and rule.high == 2 else rng.choice(("a", "a", *TEXTS[:6]))
        return json.dumps(text, ensure_ascii=rng.random() < 0.5)
    if rule.kind == "choice":
        return json.dumps(str(rng.choice(rule.choices)))
    if rule.kind == "flag":
        return rng.choice(("true", "false"))
    if rule.kind == "whole":
        return str(rng.randint(int(rule.low), int(rule.high)))
    if rng.random() < 0.1:
        return rng.choice(NUMBERS)
    return repr(round(rng.uniform(max(rule.low, 0.001), rule.high), rng.choice((2, 3, 3, 12, 17))))


def _fields(rng: random.Random, name: str) -> dict[str, str]:
    """Spell the fields of an event of a type: nearly always those that it must have."""
    rules: dict[str, Any] = dict.fromkeys(EVENT_TYPES[name].__struct_fields__) | FIELD_RULES[name]
    chance = {field: 0.98 if rule is not None and rule.required else 0.25 for field, rule in rules.items()}
    fields = {field: _value(rng, rule) for field, rule in rules.items() if rng.random() < chance[field]}
    if name == "rate" and rng.random() < 0.9:
        fields.pop(rng.choice(("thumb", "stars")), None)
    for field in {"liked_titles", "liked", "rejected", "genres", "languages"}.intersection(fields):
        fields[field] = json.dumps(rng.sample(TEXTS[:5], rng.randint(0, 3)))
    if rng.random() < 0.05:
        fields[rng.choice(("stars", "title_id", "extra", "list_id", "watched_s"))] = rng.choice(NUMBERS)
    if rng.random() < 0.8:
        fields["viewer_id"] = '"a"'
    if rng.random() < 0.95:
        fields["event_time_ms"] = str(T0 + rng.randint(-(10**9), 10**9))
    return fields


def _joined(rng: random.Random, name: str, fields: dict[str, str]) -> bytes:
    """Spell an event: now and then in another order, with spaces, or with a field twice."""
    members = [f'"type":"{name}"', *(f'"{field}":{value}' for field, value in fields.items())]
    if rng.random() < 0.1:
        rng.shuffle(members)
    if rng.random() < 0.03:
        members.append(rng.choice(members))
    if rng.random() < 0.2:
        members = [one.replace(":", ": ", 1) for one in members]
    return ("{" + rng.choice((",", ", ")).join(members) + "}").encode()


def _damaged(rng: random.Random, value: bytes) -> bytes:
    """Cut a value, change or insert a byte, or put something around it."""
    at = rng.randrange(len(value))
    head = rng.choice((b"\x00\x00\x00\x00\x01", b" ", b"\n", b""))
    return rng.choice(
        (
            value[:at],
            value[:at] + rng.choice(ODD) + value[at + 1 :],
            value[:at] + rng.choice(ODD) + value[at:],
            head + value + rng.choice((b" ", b"\n", b"x", b"")),
        )
    )


def _spelled(rng: random.Random) -> tuple[bytes, bytes]:
    """Spell an event, and its key."""
    name = rng.choice((*READ_BY_THE_KERNEL, *READ_BY_THE_KERNEL, *FIELD_RULES))
    fields = _fields(rng, name)
    value = _joined(rng, name, fields)
    try:
        key = str(json.loads(fields.get("viewer_id", '"a"'))).encode()
    except ValueError:
        key = b"a"
    if rng.random() < 0.02:
        key = rng.choice((b"", b"b", key + b"x"))
    return _damaged(rng, value) if rng.random() < 0.08 else value, key


def _records(seed: int, count: int) -> Iterator[Any]:
    """Make records of all kinds."""
    rng = random.Random(seed)
    for n in range(count):
        value, key = _spelled(rng)
        sent = rng.choice((T0 + rng.randint(-(10**9), 10**9), -1, T0 // 1000, T0 + 10**12))
        headers = (("ce_id", b"h1"),) if rng.random() < 0.05 else ()
        none = rng.random() < 0.01
        yield record(None if none else value, key or None, offset=2 * n, timestamp=sent, headers=headers)


def _both(
    records: Sequence[Any], settings: Settings, clock: Clock | None, partitions: int = 2
) -> tuple[DecodedBatch, DecodedBatch, np.ndarray]:
    """Decode records with and without the kernel; return also which ones it read."""
    out = []
    usable = np.zeros(0)
    for without in (False, True):
        decoder = EventDecoder(
            RewardFunction(RewardConfig()),
            EventReader(settings, clock),
            stage="viewers",
            partition=partition_for(b"a", partitions),
            partitions=partitions,
        )
        read = decoder._columns.read

        def reading(*args: Any, read: Any = read, without: bool = without) -> Any:
            nonlocal usable
            found = read(*args)
            if without:
                return type(found)(*(np.zeros_like(column) for column in found))
            usable = found.usable.copy()
            return found

        decoder._columns.read = reading  # type: ignore[method-assign]
        out.append(decoder.decode(records))
    return out[0], out[1], usable


def _same_columns(mine: EventBatch, other: EventBatch) -> None:
    """Make sure that two batches say the same."""
    assert [*mine.viewers] == [*other.viewers]
    for name in ("key", "offset", "at", "country", "device"):
        assert getattr(mine, name).tolist() == getattr(other, name).tolist(), name
    assert [*mine.rows.titles] == [*other.rows.titles]
    for name in ("event", "action", "weight", "watched_s", "duration_s", "session", "key"):
        assert getattr(mine.rows, name).tolist() == getattr(other.rows, name).tolist(), name
    for events in (mine, other):
        assert [*events.decoded] == sorted(events.decoded)
    acts = [{n: e for n, e in one.decoded.items() if isinstance(e, MEAN)} for one in (mine, other)]
    assert acts[0] == acts[1]
    assert mine.attributable() == other.attributable()
    assert mine.imported() == other.imported()
    assert mine.shown().tolist() == other.shown().tolist()


@given(
    st.integers(0, 10**9),
    st.sampled_from([{}, {"profiles": True}, {"tenant": "a"}]),
    st.sampled_from([None, lambda: T0, lambda: 0]),
)
def test_both_ways_say_the_same(seed: int, more: dict[str, Any], clock: Clock | None) -> None:
    """Columns, dead letters, departures and times are equal, whatever the records are."""
    mine, other, _ = _both([*_records(seed, 200)], Settings(**more), clock)
    _same_columns(mine.events, other.events)
    assert [msgspec.json.encode(one) for one in mine.dead_letters] == [
        msgspec.json.encode(one) for one in other.dead_letters
    ]
    assert (mine.departures, mine.newest_ms) == (other.departures, other.newest_ms)


def test_usual_events_are_read_by_the_kernel() -> None:
    """What JSON libraries write of an event is read without the codec, with spaces or without."""
    about = ABOUT | {"title_id": "t", "session_id": "s"}
    more = {
        "play": {"autoplay": True},
        "progress": {"watched_s": 300.5, "position_s": 600},
        "pause": {"position_s": 3},
        "stop": {"watched_s": 600.5, "position_s": 700, "cause": "exited", "device": "tv", "country": "IN"},
        "rate": {"stars": 4.5},
        "my_list": {"action": "add"},
        "impression": {"list_id": "l", "row": 0, "slot": 1, "propensity": 0.125},
    }
    events = [{"type": name, **about, **more.get(name, {})} for name in READ_BY_THE_KERNEL]
    values = [json.dumps(event) for event in events] + [
        json.dumps(event, separators=(",", ":")) for event in events
    ]
    mine, other, usable = _both(
        [record(value.encode(), b"a", offset=n) for n, value in enumerate(values)], Settings(), None, 1
    )
    assert usable.tolist() == [1] * len(values)
    assert len(mine.events) == len(values)
    _same_columns(mine.events, other.events)


@pytest.mark.parametrize(
    "value",
    [
        encode(watch("a", "t\u00e9")),
        encode(watch("a", "t")).replace(b'"title_id":"t"', b'"title_id":"\\u0074"'),
        encode(watch("a", "t")).replace(b'"type":"stop",', b'"type":"stop","extra":1,'),
        encode(watch("a", "t"))[:-1] + b',"watched_s":1}',
        encode(watch("a", "t"))[:-1] + b',"device":null}',
        encode(Impression(**ABOUT, title_id="t", list_id="l", row=0, slot=0, artwork="b")),
        encode(Identify(**ABOUT, known_as="b")),
    ],
)  # fmt: skip
def test_the_codec_reads_what_is_not_usual(value: bytes) -> None:
    """Such an event is valid, and the kernel leaves it."""
    mine, _, usable = _both([record(value, b"a")], Settings(), None, 1)
    assert (usable.tolist(), mine.dead_letters) == ([0], [])


def test_events_are_chosen_with_their_signals() -> None:
    """Places of events and rows of signals fit together in every selection and cut."""
    about = {"viewer_id": "a", "event_time_ms": T0}
    some = Preferences(event_id="p", liked_titles=("x", "y"), **about)
    none = Search(event_id="s", query="q", result_count=0, **about)
    events = [watch("a", "t0"), some, none, watch("a", "t1", 1), some]
    mine, _, _ = _both([record(encode(e), b"a", offset=n) for n, e in enumerate(events)], Settings(), None, 1)
    batch = mine.events
    assert [*batch.rows.titles] == ["t0", "x", "y", "t1", "x", "y"]
    assert batch.rows.event.tolist() == [0, 1, 1, 3, 4, 4]
    chosen = batch.select(np.array([False, True, True, False, True]))
    assert (chosen.offset.tolist(), [*chosen.decoded]) == ([1, 2, 4], [0, 1, 2])
    assert (chosen.rows.event.tolist(), [*chosen.rows.titles]) == ([0, 0, 2, 2], ["x", "y", "x", "y"])
    assert [len(batch.cut(start, 4).rows.titles) for start in range(4)] == [4, 3, 1, 1]
    assert batch.cut(0, 5) is batch


@pytest.mark.parametrize("registry", [False, True])
def test_framed_events_may_be_avro_where_there_is_a_registry(registry: bool) -> None:
    """Without a registry what stands behind the framing is JSON, and is read by the kernel."""
    reader = EventReader(Settings())
    reader.has_registry = registry
    decoder = EventDecoder(RewardFunction(), reader, stage="viewers", partition=0, partitions=1)
    read, usable = decoder._columns.read, []

    def reading(*args: Any) -> Any:
        found = read(*args)
        usable.extend(found.usable.tolist())
        return found

    decoder._columns.read = reading  # type: ignore[method-assign]
    found = decoder.decode([record(b"\0\0\0\0\1" + encode(watch("a", "t")), b"a")])
    assert (usable, len(found.events)) == ([not registry], 1)
