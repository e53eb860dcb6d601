"""Random values of the types of the wire contract: valid ones, at the edges of what is valid, and beyond."""

import enum
import random
import string
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from msgspec import inspect

__all__ = ["TEXTS", "WRONG", "Values"]

TEXTS: Final = (
    "", " ", "a" * 65, "a" * 257, "a" * 3_000, "ÖS", "xx", "--", "é" * 64, "e\u0301" * 32, "映" * 64,
    "😀" * 16,
    "\u202ex", "\u200b", "\ufeff", "\u0085", "\u00a0", "\u2028", "İ", "ß", "ǅ", "ﬁ", "\x00", "\x1f", "\x7f",
    "\ud800", "\udfff\ud800", "\U0010ffff", "\ufffe", "a\0b", "\x01pending-page", "\\u0000", "'; --",
    "{{7*7}}", "%s%n", "../../etc", "<script>", '"', "\\", ":", "a:b", "NaN", "null", "-1", "0", "t1", "ada",
)  # fmt: skip
"""Odd texts: too short and too long, many bytes a letter, invisible, of the other direction, with controls,
halves of surrogates, and words that mean something to somebody. Some are valid ids."""
WRONG: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 1, 2**31, 2**32, 2**53, 2**63 - 1, 2**63, 2**64, -(2**63), -(2**64), 10**30,
    0.0, -0.0, 0.5, 1e-300, 5e-324, 1e300, -1e300, 1.5e9, "", "1", [], {}, [[]], [None], {"": None},
    [1] * 100, ["x"] * 300, {"type": "stop"}, *TEXTS[:12],
)  # fmt: skip
"""Values that are wrong in most places."""
_EDGES: Final = (
    0,
    1,
    -1,
    1_700_000_000,
    1_700_000_000_000,
    4_102_444_799_999,
    4_102_444_800_000,
    631_152_000_000,
)
_MOST: Final = 6
"""Longest list that is drawn, but for edges."""


class Values:
    """Draws values.

    Parameters
    ----------
    rng
        Where everything comes from.
    known
        Texts that mean something to the reader, such as ids of titles, by the name of a field.
    """

    def __init__(self, rng: random.Random, known: Mapping[str, tuple[str, ...]]) -> None:
        self._rng, self._known = rng, known
        self._types: dict[Any, inspect.Type] = {}

    def of(self, kind: Any) -> Any:
        """Return a value of a type as JSON takes it, mostly valid."""
        if kind not in self._types:
            self._types[kind] = inspect.type_info(kind)
        return self._draw(self._types[kind], "")

    def text(self) -> str:
        """Return an odd text."""
        return self._rng.choice(TEXTS)

    def _draw(self, kind: inspect.Type, name: str) -> Any:
        for type_, draw in _DRAWS.items():
            if isinstance(kind, type_):
                return draw(self, kind, name)
        return None

    def _struct(self, kind: inspect.StructType, _: str) -> dict[str, Any]:
        out: dict[str, Any] = {}
        if kind.tag_field is not None:
            out[kind.tag_field] = kind.tag
        for field in kind.fields:
            if field.required or self._rng.random() < 0.35:
                out[field.encode_name] = self._draw(field.type, field.encode_name)
        return out

    def _union(self, kind: inspect.UnionType, name: str) -> Any:
        some = [one for one in kind.types if not isinstance(one, inspect.NoneType)]
        return self._draw(self._rng.choice(some), name)

    def _list(self, kind: Any, name: str) -> list[Any]:
        most = kind.max_length or _MOST
        n = most if self._rng.random() < 0.03 else self._rng.randint(kind.min_length or 0, min(most, _MOST))
        return [self._draw(kind.item_type, name) for _ in range(n)]

    def _tuple(self, kind: inspect.TupleType, name: str) -> list[Any]:
        return [self._draw(one, name) for one in kind.item_types]

    def _dict(self, kind: inspect.DictType, name: str) -> dict[Any, Any]:
        n = self._rng.randint(0, 3)
        return {self._key(kind.key_type, name): self._draw(kind.value_type, name) for _ in range(n)}

    def _key(self, kind: inspect.Type, name: str) -> str:
        return str(self._draw(kind, name))

    def _int(self, kind: inspect.IntType, _: str) -> int:
        low = kind.ge if kind.ge is not None else -(2**40) if kind.gt is None else kind.gt + 1
        high = kind.le if kind.le is not None else 2**40 if kind.lt is None else kind.lt - 1
        edges = [low, high, *(edge for edge in _EDGES if low <= edge <= high)]
        return self._rng.choice(edges) if self._rng.random() < 0.3 else self._rng.randint(int(low), int(high))

    def _float(self, kind: inspect.FloatType, _: str) -> float:
        low = next((float(b) for b in (kind.ge, kind.gt) if b is not None), -1e12)
        high = next((float(b) for b in (kind.le, kind.lt) if b is not None), 1e12)
        edges = [edge for edge in (low, high, 0.0, 1e-300, 5e-324, 1.0, 3_600.0) if low <= edge <= high]
        return self._rng.choice(edges) if self._rng.random() < 0.4 else self._rng.uniform(low, high)

    def _str(self, kind: inspect.StrType, name: str) -> str:
        rng, most = self._rng, kind.max_length or 40
        if name in self._known and rng.random() < 0.8:
            return rng.choice(self._known[name])
        if rng.random() < 0.15:
            return self.text()
        n = most if rng.random() < 0.05 else rng.randint(kind.min_length or 0, min(most, 12))
        return "".join(rng.choices(string.ascii_letters + " é映:", k=n))

    def _enum(self, kind: inspect.EnumType, _: str) -> Any:
        return self._rng.choice([one.value for one in _members(kind.cls)])

    def _literal(self, kind: inspect.LiteralType, _: str) -> Any:
        return self._rng.choice(kind.values)

    def _bytes(self, _kind: inspect.BytesType, _: str) -> str:
        return msgspec.to_builtins(self._rng.randbytes(self._rng.randint(0, 40)))  # type: ignore[no-any-return]


def _members(kind: type[enum.Enum]) -> list[enum.Enum]:
    return list(kind)


_DRAWS: Final[Mapping[type, Callable[[Values, Any, str], Any]]] = {
    inspect.Metadata: lambda values, kind, name: values._draw(kind.type, name),
    inspect.StructType: Values._struct,
    inspect.UnionType: Values._union,
    inspect.ListType: Values._list,
    inspect.VarTupleType: Values._list,
    inspect.TupleType: Values._tuple,
    inspect.DictType: Values._dict,
    inspect.BoolType: lambda values, _, __: values._rng.random() < 0.5,
    inspect.IntType: Values._int,
    inspect.FloatType: Values._float,
    inspect.StrType: Values._str,
    inspect.EnumType: Values._enum,
    inspect.LiteralType: Values._literal,
    inspect.BytesType: Values._bytes,
}
