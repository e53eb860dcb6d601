"""Reads events into columns, from their bytes, without an object for each: the fast path of a worker.

A kernel reads flat JSON objects of the usual form, as JSON libraries write them: fields that the contract
knows, each once, text in ASCII without escapes, plain decimal numbers. What it reads is exactly what the
codec and the reward function would make of the event. Whatever else a record holds (other fields, other
spellings, a defect of any kind), the kernel decides nothing: it leaves the record to them. So there is one
place that says what is valid, and why something is not.

The kernel knows the fields, their ranges and their choices from the contract (`schemas.event_fields`). It
reads the types of events that say one thing about one title; an impression with an artwork or the kind of its
row is left to the codec, since the event is needed again when a watch is attributed to it.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np

from online_models.config import RewardConfig
from online_models.feedback.devices import CODES
from online_models.feedback.reward_function import BEAT_S, ENDS, STEPS, Action
from online_models.jit import jit_exact, jit_exact_inline
from online_models.passed_by_pointer import PassedByPointer
from online_models.tables.hashing import hash_text
from online_models.tables.layout import F4, F8, I8, U1, U2, U4, U8
from schemas.event_fields import FIELD_RULES, FieldRule
from schemas.events import StopCause, Thumb
from schemas.fields import MIN_TIME_MS

__all__ = ["NO_SIGNAL", "EventBounds", "EventColumnsReader", "EventTexts", "ReadEvents"]

NO_SIGNAL: Final = 255
"""Action of an event that says nothing about a title."""
_TYPES: Final = ("play", "progress", "pause", "stop", "skip", "rate", "my_list", "impression")
_PLAY, _PROGRESS, _PAUSE, _STOP, _SKIP, _RATE, _MY_LIST, _IMPRESSION = range(len(_TYPES))
_LEFT_OUT: Final = {"artwork", "artwork_propensity", "row_kind"}
"""Fields with which an event is left to the codec."""
_SHARED: Final[dict[str, FieldRule]] = {}
for _type in _TYPES:
    for _name, _rule in FIELD_RULES[_type].items():
        if _name not in _LEFT_OUT:
            _SHARED.setdefault(_name, _rule)
_FIELDS: Final = ("type", *_SHARED)
"""The fields by number; `type` is a choice among the types."""
_RULES: Final = (FieldRule("choice", choices=_TYPES), *_SHARED.values())
(
    _TYPE, _EVENT_ID, _VIEWER_ID, _EVENT_TIME, _PROFILE_ID, _TENANT_ID, _SESSION_ID, _DEVICE, _COUNTRY,
    _TITLE_ID, _POSITION, _WATCHED, _DURATION, _AUTOPLAY, _CAUSE, _THUMB, _STARS, _CHANGE, _LIST_ID,
    _PROPENSITY,
) = (
    _FIELDS.index(name)
    for name in (
        "type", "event_id", "viewer_id", "event_time_ms", "profile_id", "tenant_id", "session_id", "device",
        "country", "title_id", "position_s", "watched_s", "duration_s", "autoplay", "cause", "thumb", "stars",
        "action", "list_id", "propensity",
    )
)  # fmt: skip
_KINDS: Final = ("text", "whole", "number", "flag", "choice")
_TEXT, _WHOLE, _NUMBER, _FLAG, _CHOICE = range(len(_KINDS))
_DIGITS: Final = 15
"""Most digits of a number: as a whole number they are exact in a double, and so is the power of ten by which
it is divided. So the quotient is rounded once, as every correct reader of JSON rounds it."""
_QUOTE, _BACKSLASH, _OPEN, _CLOSE, _COLON, _COMMA, _POINT, _SPACE, _ZERO, _NINE, _A, _Z, _DEL = (
    b'"\\{}:,. 09AZ\x7f'
)
_UP, _DOWN = list(Thumb).index(Thumb.UP), list(Thumb).index(Thumb.DOWN)
_UNKNOWN: Final = float(list(StopCause).index(StopCause.UNKNOWN))
(
    _POSITIVE, _REJECT, _TOUCH, _KNOWN, _START, _AUTOPLAYED, _RESUMED, _WATCHED_ONLY, _SKIPPED, _SEEN,
    _REMOVED, _BEAT,
) = (
    int(action)
    for action in (
        Action.POSITIVE, Action.REJECT, Action.TOUCH, Action.KNOWN, Action.START, Action.AUTOPLAY,
        Action.RESUMED, Action.WATCHED, Action.SKIPPED, Action.IMPRESSION, Action.REMOVED_FROM_LIST,
        Action.HEARTBEAT,
    )
)  # fmt: skip


class _Words(PassedByPointer):
    """Words as kernels compare them."""

    text: U1
    """[words, longest]"""
    size: I8

    @classmethod
    def of(cls, words: Iterable[str]) -> "_Words":
        """Encode words."""
        found = [word.encode() for word in words]
        text = np.zeros((len(found), max(map(len, found))), np.uint8)
        for n, word in enumerate(found):
            text[n, : len(word)] = list(word)
        return cls(text, np.array([len(word) for word in found], np.int64))


class _Fields(PassedByPointer):
    """What the contract says of the fields."""

    name: _Words
    kind: U1
    low: F8
    high: F8
    choice: _Words
    """Choices of all fields."""
    choices: I8
    """[fields + 1] where the choices of each field begin."""
    required: I8
    """[types] bits of the fields that a type must have."""
    allowed: I8
    """[types] bits of the fields of a type; others are left to the codec, which ignores them."""
    power: F8
    """Powers of ten."""
    flag: _Words
    device: _Words
    device_code: U1


def _fields() -> _Fields:
    mine = [FIELD_RULES[name] for name in _TYPES]
    for rules in mine:  # which field is required may differ between types, its rule does not
        assert all(_SHARED.get(name, rule)[:-1] == rule[:-1] for name, rule in rules.items())  # noqa: S101
    bits = {name: 1 << n for n, name in enumerate(_FIELDS)}
    required = [sum(bits[name] for name, rule in rules.items() if rule.required) + 1 for rules in mine]
    return _Fields(
        _Words.of(_FIELDS),
        np.array([_KINDS.index(rule.kind) for rule in _RULES], np.uint8),
        np.array([rule.low for rule in _RULES]),
        np.array([rule.high for rule in _RULES]),
        _Words.of(choice for rule in _RULES for choice in rule.choices),
        np.cumsum([0, *(len(rule.choices) for rule in _RULES)]),
        np.array(required, np.int64),
        np.array([sum(bits.get(name, 0) for name in rules) + 1 for rules in mine], np.int64),
        np.array([10.0**digits for digits in range(_DIGITS + 1)]),
        _Words.of(("false", "true")),
        _Words.of(CODES),
        np.array([*CODES.values()], np.uint8),
    )


class _Work(PassedByPointer):
    """Fields of the event that is being read."""

    number: F8
    """[fields] numbers, flags, and places among the choices."""
    begin: I8
    """[fields] where a text begins"""
    end: I8
    """[fields] ... and ends."""
    follow: I8
    """[fields + 1] the field that came last after each field, the first one after none: tried first."""


class _Reward(NamedTuple):
    """The constants of the reward function (`RewardConfig`)."""

    start: float
    heartbeat: float
    unknown_duration_s: float
    autoplay: float
    quick_stop_s: float
    quick_stop: float
    thumb_up: float
    thumb_down: float
    thumb_double_up: float
    liked_stars: float
    disliked_stars: float
    wish: float
    impressions: bool
    ends: U1
    """[causes] action of a stop."""


class EventBounds(NamedTuple):
    """What a worker demands of events in addition to the contract."""

    most_bytes: int
    """Most bytes of a record."""
    trusted_ms: int
    """Timestamps of records from here on are not used ..."""
    unsent_ms: int
    """... but this bound of the times of events."""
    profiles: bool
    """Whether profiles are viewers: then their events, and ids with a colon, are left to the codec."""
    tenant: bool
    """Whether only one tenant's events are read: then those that name a tenant are left to the codec."""
    avro: bool
    """Whether a record with Confluent's framing may be Avro: then it is left to the codec."""


class EventTexts(NamedTuple):
    """Records [n] as arrays."""

    value: U1
    """All values, one after the other."""
    value_end: I8
    key: U1
    key_end: I8
    sent_ms: I8

    @classmethod
    def of(cls, values: Sequence[bytes], keys: Sequence[bytes], sent_ms: Iterable[int]) -> "EventTexts":
        """Join records; one without a value or key has an empty one."""
        return cls(*_joined(values), *_joined(keys), np.fromiter(sent_ms, np.int64, len(values)))


def _joined(texts: Sequence[bytes]) -> tuple[U1, I8]:
    ends = np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)))
    return np.frombuffer(b"".join(texts), np.uint8), ends


class ReadEvents(NamedTuple):
    """Columns of events [n]."""

    usable: U1
    """1 where the event was read; everything else is valid there only."""
    event: U8
    """Hash of the event's id."""
    title: I8
    """[n, 2] where the title's id begins and ends among the values."""
    at: I8
    """Event time, ms, at most when the record was sent."""
    country: U2
    """Two letters as a number, 0 for none (`catalog.country_code`)."""
    device: U1
    """Code of the device (`feedback.devices`)."""
    action: U1
    """`Action` of the signal, `NO_SIGNAL` where there is none."""
    weight: F8
    watched_s: F4
    duration_s: F4
    """Length of the title, 0 where unknown."""
    session: U4
    """Hash of the session, of an impression that of its list; 0 for none."""


class EventColumnsReader:
    """Reads events by the constants of a reward.

    Parameters
    ----------
    config
        The constants.

    Examples
    --------
    >>> event = b'{"type":"skip","event_id":"e","viewer_id":"v","event_time_ms":999999999999,"title_id":"t1"}'
    >>> texts = EventTexts.of([event, b"{}"], [b"v", b"v"], [10**12, 0])
    >>> bounds = EventBounds(16_384, 2 * 10**12, 2 * 10**12, profiles=False, tenant=False, avro=False)
    >>> read = EventColumnsReader(RewardConfig()).read(texts, bounds)
    >>> read.usable.tolist(), Action(read.action[0]), event[slice(*read.title[0])]
    ([1, 0], <Action.SKIPPED: 12>, b't1')
    """

    def __init__(self, config: RewardConfig) -> None:
        self._fields, n = _fields(), len(_FIELDS)
        whole = np.zeros(n, np.int64)
        follow = np.arange(n + 1) % n
        self._work = _Work(np.zeros(n), whole, whole.copy(), follow)
        constants = [float(getattr(config, name)) for name in _Reward._fields[:-2]]
        ends = np.array([ENDS[cause] for cause in StopCause], np.uint8)
        self._reward = _Reward._make((*constants, bool(config.ignored_after), ends))

    def read(self, texts: EventTexts, bounds: EventBounds) -> ReadEvents:
        """Read the events that are of the usual form."""
        n = texts.value_end.size
        out = ReadEvents(
            np.zeros(n, np.uint8), np.zeros(n, np.uint64), np.zeros((n, 2), np.int64), np.zeros(n, np.int64),
            np.zeros(n, np.uint16), np.zeros(n, np.uint8), np.zeros(n, np.uint8), np.zeros(n),
            np.zeros(n, np.float32), np.zeros(n, np.float32), np.zeros(n, np.uint32),
        )  # fmt: skip
        read_events(texts, self._fields, self._reward, bounds, self._work, out)
        return out


@jit_exact_inline
def skip_spaces(text: U1, at: int, end: int) -> int:
    """Return the place of the next byte that is no space."""
    while at < end and text[at] == _SPACE:
        at += 1
    return at


@jit_exact_inline
def end_of_text(text: U1, at: int, end: int) -> int:
    """Return the place of the quote behind a text that begins at a quote; -1 if the codec has to read it."""
    if at >= end or text[at] != _QUOTE:
        return -1
    for b in range(at + 1, end):
        byte = text[b]
        if byte == _QUOTE:
            return b
        if byte < _SPACE or byte >= _DEL or byte == _BACKSLASH:
            return -1
    return -1


@jit_exact_inline
def is_word(words: _Words, n: int, text: U1, begin: int, size: int) -> bool:
    """Return whether a text is the word of a number."""
    if words.size[n] != size:
        return False
    for b in range(size):  # noqa: SIM110 - a kernel
        if words.text[n, b] != text[begin + b]:
            return False
    return True


@jit_exact_inline
def find_word(words: _Words, first: int, last: int, text: U1, begin: int, end: int) -> int:
    """Return the number of a text among the words ``first``..``last - 1``, -1 if it is none."""
    for n in range(first, last):
        if is_word(words, n, text, begin, end - begin):
            return n
    return -1


@jit_exact_inline
def read_number(text: U1, at: int, end: int, f: int, fields: _Fields, work: _Work) -> int:
    """Read the number of field ``f``; return the place behind it, -1 if the codec has to read it."""
    first, digits, decimals, mantissa = at, 0, 0, np.int64(0)
    while at < end and _ZERO <= text[at] <= _NINE and digits <= _DIGITS:
        mantissa = 10 * mantissa + np.int64(text[at] - _ZERO)
        at, digits = at + 1, digits + 1
    if digits == 0 or (digits > 1 and text[first] == _ZERO):
        return -1
    if at < end and text[at] == _POINT and fields.kind[f] == _NUMBER:
        at += 1
        while at < end and _ZERO <= text[at] <= _NINE and digits <= _DIGITS:
            mantissa = 10 * mantissa + np.int64(text[at] - _ZERO)
            at, digits, decimals = at + 1, digits + 1, decimals + 1
        if decimals == 0:
            return -1
    if digits > _DIGITS:
        return -1
    work.number[f] = float(mantissa) / fields.power[decimals]
    return at if fields.low[f] <= work.number[f] <= fields.high[f] else -1


@jit_exact_inline
def read_value(text: U1, at: int, end: int, f: int, fields: _Fields, work: _Work) -> int:
    """Read the value of field ``f``; return the place behind it, -1 if the codec has to read it."""
    kind = fields.kind[f]
    if kind in (_WHOLE, _NUMBER):
        return read_number(text, at, end, f, fields, work)
    if kind == _FLAG:
        for flag in range(fields.flag.size.size):
            size = fields.flag.size[flag]
            if at + size <= end and is_word(fields.flag, flag, text, at, size):
                work.number[f] = flag
                return int(at + size)
        return -1
    stop = end_of_text(text, at, end)
    if stop < 0:
        return -1
    if kind == _CHOICE:
        first = fields.choices[f]
        choice = find_word(fields.choice, first, fields.choices[f + 1], text, at + 1, stop)
        work.number[f] = choice - first
        return stop + 1 if choice >= 0 else -1
    work.begin[f], work.end[f] = at + 1, stop
    return stop + 1 if fields.low[f] <= stop - at - 1 <= fields.high[f] else -1


@jit_exact_inline
def read_object(  # noqa: PLR0911 - each thing that is not usual ends it
    text: U1, at: int, end: int, fields: _Fields, work: _Work
) -> int:
    """Read an object into ``work``; return the bits of its fields, 0 if the codec has to read it."""
    seen, last = np.int64(0), 0
    if at >= end or text[at] != _OPEN:
        return 0
    while True:
        at = skip_spaces(text, at + 1, end)
        stop = end_of_text(text, at, end)
        if stop < 0:
            return 0
        f = work.follow[last]
        if not is_word(fields.name, f, text, at + 1, stop - at - 1):
            f = find_word(fields.name, 0, fields.kind.size, text, at + 1, stop)
            if f < 0:
                return 0
            work.follow[last] = f
        bit = np.int64(1) << f
        at = skip_spaces(text, stop + 1, end)
        if seen & bit or at >= end or text[at] != _COLON:
            return 0
        seen, last = seen | bit, f + 1
        at = read_value(text, skip_spaces(text, at + 1, end), end, f, fields, work)
        if at < 0:
            return 0
        at = skip_spaces(text, at, end)
        if at >= end:
            return 0
        if text[at] == _CLOSE:
            return seen if at + 1 == end else 0
        if text[at] != _COMMA:
            return 0


@jit_exact_inline
def is_key(texts: EventTexts, i: int, work: _Work) -> bool:
    """Return whether the key of record ``i`` is the viewer's id."""
    begin = texts.key_end[i - 1] if i > 0 else 0
    size = texts.key_end[i] - begin
    if size != work.end[_VIEWER_ID] - work.begin[_VIEWER_ID]:
        return False
    for b in range(size):  # noqa: SIM110 - a kernel
        if texts.key[begin + b] != texts.value[work.begin[_VIEWER_ID] + b]:
            return False
    return True


@jit_exact_inline
def is_ours(text: U1, seen: int, bounds: EventBounds, work: _Work) -> bool:
    """Return whether the viewer is the account itself, and no tenant has to be compared."""
    if (bounds.tenant and (seen >> _TENANT_ID) & 1) or (bounds.profiles and (seen >> _PROFILE_ID) & 1):
        return False
    if bounds.profiles:
        for b in range(work.begin[_VIEWER_ID], work.end[_VIEWER_ID]):
            if text[b] == _COLON:
                return False
    return True


@jit_exact_inline
def given(f: int, seen: int, work: _Work, default: float) -> float:
    """Return the number of a field, or its default."""
    return work.number[f] if (seen >> f) & 1 else default


@jit_exact_inline
def signal_of(seen: int, work: _Work, r: _Reward) -> tuple[int, float]:
    """Return action and weight of the signal, as `RewardFunction` does."""
    kind = int(work.number[_TYPE])
    watched, autoplay = given(_WATCHED, seen, work, 0.0), given(_AUTOPLAY, seen, work, 0.0) > 0
    action, weight = NO_SIGNAL, 0.0
    if kind == _STOP:
        action, weight = int(r.ends[int(given(_CAUSE, seen, work, _UNKNOWN))]), 1.0
        if autoplay:
            action, weight = _WATCHED_ONLY, r.autoplay
        elif action != _WATCHED_ONLY and work.number[_POSITION] > watched + r.quick_stop_s:
            action = _RESUMED
    elif kind == _PLAY:
        action, weight = (_AUTOPLAYED, 0.0) if autoplay else (_START, r.start)
    elif kind == _PROGRESS:
        duration = given(_DURATION, seen, work, 0.0)
        tenth = max((duration if duration > 0 else r.unknown_duration_s) / STEPS, 1.0)
        if r.heartbeat > 0 and int(watched / tenth) != int(max(watched - BEAT_S, 0.0) / tenth):
            action, weight = _BEAT, r.heartbeat
    elif kind == _PAUSE:
        action, weight = _BEAT, r.start
    elif kind == _SKIP:
        action, weight = _SKIPPED, r.quick_stop
    elif kind == _MY_LIST:
        action, weight = (_TOUCH, r.wish) if work.number[_CHANGE] == 0 else (_REMOVED, 0.0)
    elif kind == _IMPRESSION:
        if r.impressions:
            action, weight = _SEEN, given(_PROPENSITY, seen, work, 1.0)
    elif (seen >> _THUMB) & 1:
        thumb = work.number[_THUMB]
        if thumb == _DOWN:
            action, weight = _REJECT, r.thumb_down
        else:
            action, weight = _POSITIVE, r.thumb_up if thumb == _UP else r.thumb_double_up
    elif work.number[_STARS] >= r.liked_stars:
        action, weight = _POSITIVE, 1.0
    else:
        action, weight = _REJECT if work.number[_STARS] <= r.disliked_stars else _KNOWN, 1.0
    return action, weight


@jit_exact_inline
def write_event(text: U1, i: int, seen: int, fields: _Fields, work: _Work, out: ReadEvents) -> bool:
    """Write what is in ``work`` into row ``i``; return false if the codec has to check the country."""
    kind, begin, end = int(work.number[_TYPE]), work.begin, work.end
    if (seen >> _COUNTRY) & 1:
        first, second = text[begin[_COUNTRY]], text[begin[_COUNTRY] + 1]
        if not (_A <= first <= _Z and _A <= second <= _Z):
            return False
        out.country[i] = np.uint16(first) | (np.uint16(second) << np.uint16(8))
    if (seen >> _DEVICE) & 1:
        n = find_word(fields.device, 0, fields.device_code.size, text, begin[_DEVICE], end[_DEVICE])
        out.device[i] = fields.device_code[n] if n >= 0 else 0
    out.event[i] = hash_text(text, begin[_EVENT_ID], end[_EVENT_ID])
    out.title[i, 0], out.title[i, 1] = begin[_TITLE_ID], end[_TITLE_ID]
    if kind in (_STOP, _PROGRESS):
        out.watched_s[i] = work.number[_WATCHED]
        out.duration_s[i] = given(_DURATION, seen, work, 0.0)
    named = _LIST_ID if kind == _IMPRESSION else _SESSION_ID
    if (seen >> named) & 1 and kind in (_PLAY, _PROGRESS, _PAUSE, _STOP, _IMPRESSION):
        out.session[i] = np.uint32(
            hash_text(text, begin[named], end[named]) & np.uint64(0xFFFFFFFF)
        ) | np.uint32(1)
    return True


@jit_exact
def read_events(
    texts: EventTexts, fields: _Fields, reward: _Reward, bounds: EventBounds, work: _Work, out: ReadEvents
) -> None:
    """Read the events of the usual form."""
    text, end = texts.value, np.int64(0)
    for i in range(texts.value_end.size):
        begin, end = end, texts.value_end[i]
        if begin == end or end - begin > bounds.most_bytes:
            continue
        if text[begin] == 0:  # Confluent's framing (`schemas.codec`)
            if bounds.avro:
                continue
            begin += 5
        seen = read_object(text, int(begin), int(end), fields, work)
        if not seen & 1:
            continue
        kind = int(work.number[_TYPE])
        if fields.required[kind] & ~seen or seen & ~fields.allowed[kind]:
            continue
        if kind == _RATE and (seen >> _THUMB) & 1 == (seen >> _STARS) & 1:
            continue
        if not (is_key(texts, i, work) and is_ours(text, seen, bounds, work)):
            continue
        sent = texts.sent_ms[i]
        bound = sent if MIN_TIME_MS <= sent < bounds.trusted_ms else bounds.unsent_ms
        if bound < MIN_TIME_MS or not write_event(text, i, seen, fields, work, out):
            continue
        out.at[i] = min(np.int64(work.number[_EVENT_TIME]), bound)
        action, out.weight[i] = signal_of(seen, work, reward)
        out.action[i] = action
        out.usable[i] = 1
