"""API keys of `nearline serve`: a file with names, scopes and hashes, which `nearline keys` writes.

A key is a random secret of 256 bits, of which the file has the SHA-256. Passwords need a slow, salted hash
because people choose guessable ones; 256 random bits cannot be guessed, so a fast hash is enough, and the key
is found by it. Whoever reads the file learns no key.

The file is replaced as a whole, so a server that reads it meanwhile sees the old or the new one.
"""

import os
import re
import secrets
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from streams.clock import now_ms
from streams.errors import SettingsError

__all__ = ["TOKEN_NAME", "AccessKey", "Scope", "add_key", "read_keys", "revoke_key", "secret_hash"]

PREFIX: Final = "nearline_"
"""Beginning of every secret, so that scanners of repositories recognise one."""
TOKEN_NAME: Final = "token"  # noqa: S105 - a name
"""Name of the key that `NEARLINE_SERVE__TOKEN` is: all scopes, for development."""
NAME: Final = r"^[a-z0-9][a-z0-9-]{0,31}$"


class Scope(StrEnum):
    """What a key may do. No scope includes another."""

    READ_PAGES = "read:pages"
    """Home pages, trending, similar titles, search, live streams; the web page of a viewer."""
    WRITE_EVENTS = "write:events"
    """Post events of any viewer and any type but `forget`; buttons of the web page."""
    READ_INSIGHTS = "read:insights"
    """Aggregates over many viewers: insights, experiments, titles and trending lists in the console."""
    OPERATE = "operate"
    """The console: state of any viewer, dead letters, topics, the model."""
    FORGET = "forget"
    """Have a viewer forgotten."""


class AccessKey(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A key as the file has it.

    Attributes
    ----------
    name
        Who has it; in the audit log.
    sha256
        SHA-256 of the secret, hexadecimal.
    scopes
        What it may do.
    created_at_ms
        When it was made (UTC, ms since 1970).
    rate
        Most requests per second; 0: as many as one address may send.
    """

    name: Annotated[str, Meta(pattern=NAME)]
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    scopes: Annotated[tuple[Scope, ...], Meta(min_length=1)]
    created_at_ms: int
    rate: Annotated[float, Meta(ge=0)] = 0.0


class _File(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    keys: tuple[AccessKey, ...]


def secret_hash(secret: bytes) -> str:
    """Return the hash under which a key is found."""
    return sha256(secret).hexdigest()


def read_keys(path: Path) -> tuple[AccessKey, ...]:
    """Read the keys of a file.

    Raises
    ------
    SettingsError
        It cannot be read, or is not what `nearline keys` writes.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=_File).keys
    except OSError as error:
        what, advice = f"cannot read the keys in {path}", "make the first one with `nearline keys add`"
        raise SettingsError(what, why=error.strerror or str(error), next_step=advice) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        what, advice = f"{path} is no file of keys", "restore it, or make a new one with `nearline keys add`"
        raise SettingsError(what, why=str(error), next_step=advice) from None


def add_key(path: Path, name: str, scopes: tuple[Scope, ...], *, rate: float = 0.0) -> str:
    """Add a key to a file, which is made if there is none; return the secret, which is stored nowhere.

    Raises
    ------
    SettingsError
        The name is taken or not valid, there is no scope, or the file cannot be read or written.
    """
    keys = read_keys(path) if path.exists() else ()
    taken = {key.name for key in keys} | {TOKEN_NAME}
    if name in taken or not re.match(NAME, name):
        what, why = f"there can be no new key {name}", "a key has this name"
        if name not in taken:
            why = "names are of lower-case letters, digits and dashes, at most 32"
        raise SettingsError(what, why=why, next_step="choose another name, or revoke that key first")
    if not scopes:
        advice = f"give at least one --scope: {', '.join(Scope)}"
        what = f"key {name} could do nothing"
        raise SettingsError(what, why="it has no scope", next_step=advice)
    secret = PREFIX + secrets.token_urlsafe(32)
    key = AccessKey(
        name=name,
        sha256=secret_hash(secret.encode()),
        scopes=tuple(sorted(set(scopes))),
        created_at_ms=now_ms(),
        rate=rate,
    )
    _write(path, (*keys, key))
    return secret


def revoke_key(path: Path, name: str) -> None:
    """Remove a key from a file.

    Raises
    ------
    SettingsError
        There is none of this name, or the file cannot be read or written.
    """
    keys = read_keys(path)
    kept = tuple(key for key in keys if key.name != name)
    if len(kept) == len(keys):
        what, why = f"there is no key {name}", f"there are: {', '.join(key.name for key in keys) or 'none'}"
        raise SettingsError(what, why=why, next_step="see `nearline keys list`")
    _write(path, kept)


def _write(path: Path, keys: tuple[AccessKey, ...]) -> None:
    """Replace a file of keys; only its owner may read it."""
    text = msgspec.json.format(msgspec.json.encode(_File(keys=keys)), indent=2) + b"\n"
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new.touch(mode=0o600)
        new.write_bytes(text)
        new.replace(path)
    except OSError as error:
        what, advice = f"cannot write {path}", "give another folder, or check its rights"
        raise SettingsError(what, why=error.strerror or str(error), next_step=advice) from None
