"""A worker's databases on a disk, beside an embedded cluster that has their changelogs."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.partitioner import partition_for
from streams.cli.console import ExitCode
from streams.engine.state import Store, StoreMemory
from streams.ops.local_kafka.embedded import PARTITIONS

HOME = partition_for(b"ada", PARTITIONS)
"""Partition of the viewers in these tests; only they are kept."""
NEIGHBOURS = [
    name for name in (f"v{n}" for n in range(40)) if partition_for(name.encode(), PARTITIONS) == HOME
]
Run = Callable[..., Any]


@dataclass
class Disk:
    """A worker's state folder and the cluster behind it."""

    folder: Path
    brokers: str

    def store(self, stage: str, partition: int) -> Store:
        """Open a database."""
        return Store(
            self.folder / stage / str(partition), StoreMemory(cache_bytes=1 << 20, buffer_bytes=1 << 20)
        )

    def change(self, key: bytes, value: bytes | None) -> None:
        """Change a row of Ada's partition behind everyone's back."""
        store = self.store("viewers", HOME)
        store.write([(key, value)], applied=store.applied, changelog_position=store.changelog_position)
        store.close()

    def row(self, key: bytes) -> bytes:
        """Return a row of Ada's partition."""
        store = self.store("viewers", HOME)
        row = store.get(key)
        store.close()
        assert row is not None
        return row


def verified(run: Run, *words: str) -> list[str]:
    """Verify and return what was found; the exit code has to say the same."""
    code, out, _ = run("verify", *words, "--json", "-")
    said = json.loads(out)
    problems = [problem for one in said["databases"] for problem in one["problems"]]
    assert (code == ExitCode.DONE) == said["sound"] == (not problems)
    return problems
