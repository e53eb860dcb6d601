"""What stands in the READMEs: commands, examples, links."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
FILES = (
    "README.md",
    "deploy/concepts.md",
    "deploy/README.md",
    "deploy/reference.md",
    "schemas/README.md",
    "online_models/README.md",
    "online_models/tutorial.md",
)
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Command(NamedTuple):
    """A line after `$ `, without its comment."""

    file: str
    line: str


def blocks(file: str, language: str) -> list[str]:
    """Return the blocks of a language."""
    text = (ROOT / file).read_text(encoding="utf-8")
    return [body for kind, body in FENCE.findall(text) if kind == language]


def commands() -> list[Command]:
    """Return every command of every README, in order."""
    return [
        Command(file, re.sub(r"\s+#.*$", "", line[2:]))
        for file in FILES
        for block in blocks(file, "console")
        for line in block.splitlines()
        if line.startswith("$ ")
    ]
