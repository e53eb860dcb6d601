"""Ways to make a record wrong: of JSON as a tree and as bytes, and of rows that are no JSON."""

import json
import random
import struct
from collections.abc import Callable
from typing import Any, Final

from tests.hostile.values import TEXTS, WRONG, Values

__all__ = ["BYTES", "Mutator"]

_NUMBERS: Final = (
    "1e400", "-1e400", "1" * 400, "-" + "9" * 4_000, "NaN", "Infinity", "-Infinity", "0x10", "1_000",
    "+1", "01", "1.", ".5", "1e", "1E+999999999", "0.1e-400", "-0", "00", "1" + "0" * 18 + ".0",
)  # fmt: skip
"""Numbers that JSON does not have, or no machine type holds."""
_WORDS: Final = (
    0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 0x7FF00000, 0x7FC00000, 2**63 - 1,
)  # fmt: skip
"""Numbers that are written over the bytes of rows: ends of ranges, upper halves of infinities and NaN."""
_DEPTHS: Final = (10, 100, 1_000, 8_000)


class Mutator:
    """Makes records wrong.

    Parameters
    ----------
    rng
        Where everything comes from.
    values
        Draws texts.
    """

    def __init__(self, rng: random.Random, values: Values) -> None:
        self._rng, self._values = rng, values

    def json(self, value: dict[str, Any]) -> bytes:
        """Return a message as bytes, most of them with one to three things wrong."""
        rng, tree = self._rng, value
        for _ in range(rng.choice((0, 0, 0, 1, 1, 2))):
            tree = self._tree(tree)
        text = self._written(tree)
        if rng.random() < 0.15:
            text = self._text(text)
        raw = text.encode("utf-8", "surrogatepass")
        return self.bytes(raw) if rng.random() < 0.12 else raw

    def bytes(self, raw: bytes) -> bytes:
        """Return bytes with something wrong."""
        return self._rng.choice(BYTES)(self._rng, raw)

    def _written(self, tree: Any) -> str:
        text = json.dumps(tree, ensure_ascii=self._rng.random() < 0.5, separators=(",", ":"))
        return text.replace("\\u007f", "\x7f") if self._rng.random() < 0.1 else text

    def _tree(self, tree: Any) -> Any:
        """Change one place of a tree."""
        rng = self._rng
        if isinstance(tree, dict) and tree:
            name = rng.choice(list(tree))
            dice = rng.random()
            if dice < 0.1:
                return {key: value for key, value in tree.items() if key != name}
            if dice < 0.15:
                return tree | {rng.choice(TEXTS): rng.choice(WRONG)}
            if dice < 0.55 and isinstance(tree[name], dict | list) and tree[name]:
                return tree | {name: self._tree(tree[name])}
            return tree | {name: self._instead(tree[name])}
        if isinstance(tree, list) and tree:
            at = rng.randrange(len(tree))
            return [*tree[:at], self._tree(tree[at]), *tree[at + 1 :]] if rng.random() < 0.7 else tree * 20
        return self._instead(tree)

    def _instead(self, value: Any) -> Any:
        rng = self._rng
        if isinstance(value, str) and rng.random() < 0.7:
            return rng.choice((self._values.text(), value * 3, value + self._values.text(), value.upper()))
        if isinstance(value, int | float) and not isinstance(value, bool) and rng.random() < 0.6:
            return rng.choice((-value, value * 1_000, value // 1_000, value + 0.5, value + 2**40, str(value)))
        return rng.choice(WRONG)

    def _text(self, text: str) -> str:
        """Change JSON in ways that a tree cannot say."""
        rng = self._rng
        inside = text[1:-1] if text[:1] == "{" else ""
        depth = rng.choice(_DEPTHS)
        return rng.choice((
            lambda: "{" + inside + "," + inside + "}" if inside else text,  # every key twice
            lambda: '{"type":"stop",' + inside + "}",
            lambda: text[:-1] + ',"event_time_ms":' + rng.choice(_NUMBERS) + "}",
            lambda: text[:-1] + ',"x":' + "[" * depth + "]" * depth + "}",
            lambda: text[:-1] + ',"x":' + '{"a":' * depth + "1" + "}" * depth + "}",
            lambda: "[" * depth,
            lambda: text[:-1] + ',"schema_version":' + rng.choice(("99", "0", '"1"', "1.0", "1e0")) + "}",
            lambda: text.replace(":", ": \t\r\n", 3),
            lambda: text + rng.choice(("\0", " ", "{}", "\ufeff", "//")),
            lambda: "\ufeff" + text,
            lambda: _replaced_number(rng, text),
        ))()  # fmt: skip


def _replaced_number(rng: random.Random, text: str) -> str:
    """Replace a number by one that JSON does not have."""
    places = [n for n, letter in enumerate(text) if letter.isdigit() and text[n - 1] in ":,["]
    if not places:
        return text
    at = rng.choice(places)
    end = at
    while end < len(text) and text[end] in "0123456789.eE+-":
        end += 1
    return text[:at] + rng.choice(_NUMBERS) + text[end:]


def _overwritten(rng: random.Random, raw: bytes) -> bytes:
    """Write extreme numbers over some places."""
    out = bytearray(raw)
    for _ in range(rng.choice((1, 1, 2, 8))):
        word = struct.pack("<q", rng.choice((*_WORDS, -1, -2, rng.getrandbits(62))))[
            : rng.choice((1, 2, 4, 8))
        ]
        at = rng.randrange(min(len(out), 64) if rng.random() < 0.5 else len(out)) if out else 0
        out[at : at + len(word)] = word
    return bytes(out)


def _flipped(rng: random.Random, raw: bytes) -> bytes:
    out = bytearray(raw)
    for _ in range(rng.choice((1, 1, 3, 20)) if out else 0):
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def _spliced(rng: random.Random, raw: bytes) -> bytes:
    a, b = sorted((rng.randint(0, len(raw)), rng.randint(0, len(raw))))
    return raw[:a] + raw[b:] if rng.random() < 0.5 else raw[:b] + raw[a:]


BYTES: Final[tuple[Callable[[random.Random, bytes], bytes], ...]] = (
    lambda rng, raw: raw[: rng.randint(0, len(raw))],
    lambda rng, raw: raw + rng.randbytes(rng.choice((1, 2, 8, 100))),
    lambda rng, raw: b"\0" + rng.randbytes(4) + raw,
    lambda rng, raw: b"\0" * rng.choice((1, 5, 6)) + raw,
    lambda _, raw: raw.replace(b'"', b"\xff", 1),
    lambda rng, _: rng.randbytes(rng.choice((1, 16, 300))),
    lambda _, __: b"",
    lambda _, raw: raw * 3,
    lambda _, raw: raw + b" " * 20_000,
    _flipped,
    _overwritten,
    _overwritten,
    _spliced,
)
"""Ways to make bytes wrong."""
