"""Keys of the server: those of the file, read again when it changes, and the token.

The file is looked at once a second, so a key that was revoked opens nothing a second later, sessions
included. If it cannot be read, the keys that were read last stay, and the log says so.

Whoever tries secrets is slowed down: an address that failed :data:`FAILURES_PER_S` times within a second gets
429 for anything but keys that it has used before, so that a guess is not even told to be right.
"""

import os
import time
from collections.abc import Callable, Mapping
from typing import Final

import structlog

from streams.config.settings import ServeSettings
from streams.errors import SettingsError
from streams.ops.access_keys import TOKEN_NAME, AccessKey, Scope, read_keys, secret_hash
from streams.serve.access.rate_limits import ADDRESSES, RateLimits
from streams.serve.problems import Problem, ProblemKind

__all__ = ["FAILURES_PER_S", "KeyRing"]

_LOG = structlog.get_logger(__name__)

CHECK_S: Final = 1.0
"""Seconds between two looks at the file: one system call."""
FAILURES_PER_S: Final = 5.0
"""Wrong secrets of one address: enough for typing, too few to guess a token of 16 characters."""


class KeyRing:
    """Finds keys by their secrets.

    Parameters
    ----------
    serve
        The file of keys, and the token.
    clock
        Monotonic seconds.

    Attributes
    ----------
    failures
        Wrong secrets by address.

    Raises
    ------
    SettingsError
        The file cannot be read.
    """

    def __init__(self, serve: ServeSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self._clock = serve.keys, clock
        self._token: dict[str, AccessKey] = {}
        if serve.token is not None:
            found = secret_hash(serve.token.get_secret_value().encode())
            self._token[found] = AccessKey(
                name=TOKEN_NAME, sha256=found, scopes=tuple(Scope), created_at_ms=0
            )
        self._version = self._file_version()
        self._checked = clock()
        self._keys = self._read()
        self._used: dict[tuple[str, str], None] = {}
        self.failures = RateLimits(FAILURES_PER_S)

    @property
    def is_open(self) -> bool:
        """Whether there is neither a file of keys nor a token: loopback may do everything."""
        return self._path is None and not self._token

    def admit(self, address: str, secret: bytes) -> AccessKey | None:
        """Return the key that a client presents, None if there is none with this secret.

        Raises
        ------
        Problem
            Too many wrong ones came from its address: 429.
        """
        found = self._current().get(secret_hash(secret))
        used = (address, found.sha256) if found else None
        if used not in self._used and self.failures.is_reached(address):
            raise Problem(
                ProblemKind.TOO_MANY, "too many wrong keys; wait a second", headers={"Retry-After": "1"}
            )
        if used is None:
            self.failures.allows(address)
        elif used not in self._used:
            if len(self._used) >= ADDRESSES:
                del self._used[next(iter(self._used))]
            self._used[used] = None
        return found

    def all_keys(self) -> list[AccessKey]:
        """Return all keys by name; they have hashes, and no secret."""
        return sorted(self._current().values(), key=lambda key: key.name)

    def of_session(self, session: Mapping[str, str]) -> AccessKey | None:
        """Return the key that a session was begun with, None if it was revoked since."""
        found = self._current().get(session.get("key", ""))
        return found if found is not None and found.name == session.get("name") else None

    def _current(self) -> Mapping[str, AccessKey]:
        """Return the keys by hash, those of the file as it is now."""
        if self._path is not None and self._clock() - self._checked >= CHECK_S:
            self._checked = self._clock()
            version = self._file_version()
            if version != self._version:
                self._version = version
                try:
                    self._keys = self._read()
                    _LOG.info("keys_read", keys=len(self._keys))
                except SettingsError as error:
                    _LOG.error("keys_unusable", error=str(error), kept=len(self._keys))
        return self._keys

    def _read(self) -> dict[str, AccessKey]:
        keys = () if self._path is None else read_keys(self._path)
        return {key.sha256: key for key in keys} | self._token

    def _file_version(self) -> tuple[int, int, int] | None:
        """Return what changes with the file: a new one has another inode or another time."""
        try:
            found = None if self._path is None else os.stat(self._path)  # noqa: PTH116 - follows a link anew
        except OSError:
            return None
        return found and (found.st_ino, found.st_mtime_ns, found.st_size)
