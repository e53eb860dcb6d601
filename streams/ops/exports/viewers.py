"""Viewers' ids as they leave: not at all, as pseudonyms, or as they are.

A pseudonym is the BLAKE2b hash of the id under a secret key. The same key gives the same pseudonym in every
export, so that tables can be joined. Without the key nobody can compute an id's pseudonym, so deleting the
key cuts the tables off from the ids.
"""

from collections.abc import Callable
from enum import StrEnum
from hashlib import blake2b
from pathlib import Path
from typing import Final

from streams.errors import SettingsError

__all__ = ["ViewerIds", "read_key", "rule_of"]

SHORTEST_KEY: Final = 16
"""Bytes of a key: 128 bits, which cannot be guessed."""
LONGEST_KEY: Final = 64
"""Bytes of a key: BLAKE2b takes no more."""
PSEUDONYM_BYTES: Final = 16
"""Two of 10^9 viewers share a pseudonym of 128 bits with probability 10^-21."""


class ViewerIds(StrEnum):
    """What becomes of viewers' ids."""

    NONE = "none"
    """Left out; `list_id` still joins a page with its exposures."""
    PSEUDONYMS = "pseudonyms"
    """Hashed under a key."""
    PLAIN = "plain"
    """As they are."""


def read_key(path: Path) -> bytes:
    """Read the key of pseudonyms from a file.

    Raises
    ------
    SettingsError
        It cannot be read, or is too short or too long.
    """
    step = f"write {SHORTEST_KEY} to {LONGEST_KEY} random bytes to it: head -c 32 /dev/urandom > FILE"
    try:
        key = path.read_bytes()
    except OSError as error:
        what = f"cannot read the key {path}"
        raise SettingsError(what, why=error.strerror or "", next_step=step) from None
    if not SHORTEST_KEY <= len(key) <= LONGEST_KEY:
        what = f"the key {path} has {len(key)} bytes"
        raise SettingsError(what, next_step=step)
    return key


def rule_of(viewers: ViewerIds, key: bytes | None) -> Callable[[str], str | None]:
    """Return what makes of an id what leaves.

    Parameters
    ----------
    viewers
        The rule.
    key
        Of pseudonyms.

    Raises
    ------
    SettingsError
        Pseudonyms without a key, or a key that nothing uses.

    Examples
    --------
    >>> rule_of(ViewerIds.NONE, None)("ada") is None
    True
    >>> rule_of(ViewerIds.PSEUDONYMS, b"sixteen bytes or more")("ada")
    '269e1f098e5b635d34b147562ff537e5'
    """
    if (viewers is ViewerIds.PSEUDONYMS) is (key is None):
        what = "pseudonyms need a key" if key is None else f"viewers' ids as {viewers} need no key"
        raise SettingsError(what, next_step="give --viewers pseudonyms and --key FILE, or neither")
    if viewers is ViewerIds.NONE:
        return lambda _: None
    if viewers is ViewerIds.PLAIN:
        return lambda viewer: viewer
    secret = key or b""
    return lambda viewer: blake2b(viewer.encode(), digest_size=PSEUDONYM_BYTES, key=secret).hexdigest()
