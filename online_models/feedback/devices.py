"""Kinds of device: labels of senders as one of a few codes, so that counters by kind are bounded."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

__all__ = ["CODES", "KINDS", "device_code", "device_of"]

KINDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "tv": ("television", "smart_tv", "set_top_box", "streaming_stick"),
        "phone": ("mobile", "smartphone"),
        "tablet": (),
        "web": ("browser", "computer", "desktop", "laptop"),
        "console": ("game_console",),
    }
)
"""Kinds, and synonyms of each. Codes are stored: append, never reorder."""
CODES: Final[Mapping[str, int]] = MappingProxyType(
    {word: code for code, (kind, others) in enumerate(KINDS.items(), 1) for word in (kind, *others)}
)
"""The code of each label that is known."""
_NAMES: Final = tuple(KINDS)


def device_code(label: str | None) -> int:
    """Return the code of a sender's label, 1 to 255; 0 for none and for an unknown label.

    Labels are compared exactly, like every label of a sender (:data:`schemas.fields.Label`).

    Examples
    --------
    >>> [device_code(word) for word in ("tv", "smart_tv", "phone", "fridge", None)]
    [1, 1, 2, 0, 0]
    """
    return CODES.get(label or "", 0)


def device_of(code: int) -> str | None:
    """Return the kind of a code; None for 0.

    Examples
    --------
    >>> device_of(device_code("laptop")), device_of(0)
    ('web', None)
    """
    return _NAMES[code - 1] if code else None
