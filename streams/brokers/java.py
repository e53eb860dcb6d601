"""The machine's Java: whether there is one, and whether it is new enough for Kafka 4."""

import re
import shutil
import subprocess

from streams.errors import JavaMissingError

OLDEST = 17
"""Kafka 4 brokers need Java 17 (KIP-1013)."""


def find_java() -> str:
    """Return the path of a `java` that can run the broker.

    Raises
    ------
    JavaMissingError
        There is none on PATH, or it is older than :data:`OLDEST`.
    """
    advice = f"install Java {OLDEST} or newer (Debian: openjdk-17-jre-headless) and put it on PATH"
    java = shutil.which("java")
    if java is None:
        what = "no Java found"
        raise JavaMissingError(what, why="there is no `java` on PATH", next_step=advice)
    answer = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)  # noqa: S603
    found = major_version(answer.stderr)
    if found < OLDEST:
        what = f"{java} is too old"
        raise JavaMissingError(what, why=f"it is Java {found or '?'}", next_step=advice)
    return java


def major_version(text: str) -> int:
    """Read the major version out of what `java -version` prints; 0 when it is not there.

    Examples
    --------
    >>> major_version('openjdk version "17.0.15" 2025-04-15')
    17
    >>> major_version('java version "1.8.0_402"')
    8
    >>> major_version("command not found")
    0
    """
    found = re.search(r'version "(?:1\.)?(\d+)', text)
    return int(found[1]) if found else 0
