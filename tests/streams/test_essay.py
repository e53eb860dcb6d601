"""The essays of the packages name what exists, and the reading order takes 25 minutes."""

import ast
import re
from importlib import import_module
from pathlib import Path

import schemas.topics
import streams

FOLDER = Path(streams.__file__).parent
ROOMS = sorted(FOLDER.rglob("__init__.py"))
MOST_LINES = 1_500
"""Lines of the reading order: 60 a minute, docstrings included, for 25 minutes."""


def _names(text: str) -> set[str]:
    """Return the names of modules, classes and functions of this package in backticks."""
    return set(re.findall(r"`(streams(?:\.\w+)+)`", text))


def _exists(name: str) -> bool:
    """Return whether a dotted name is a module, or an attribute of one."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found = import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[end:]:
            if not hasattr(found, attribute):
                return False
            found = getattr(found, attribute)
        return True
    return False


def _reading_order() -> list[Path]:
    """Return the files of the reading order."""
    chapter = (streams.__doc__ or "").partition("Reading order")[2]
    numbered = [line for line in chapter.splitlines() if re.match(r"\s*\d\.", line)]
    names = [name for line in numbered for name in re.findall(r"`((?:streams|online_models)[\w.]+)`", line)]
    return [Path(import_module(name).__file__ or "") for name in names]


def test_every_name_in_the_essays_exists() -> None:
    """A newcomer who follows an essay finds each place."""
    essays = [ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "" for path in ROOMS]
    assert {name for essay in essays for name in _names(essay) if not _exists(name)} == set()


def test_the_reading_order_is_five_files_of_1500_lines() -> None:
    """The essay promises 25 minutes."""
    files = _reading_order()
    assert len(files) == 5
    assert sum(len(path.read_text("utf-8").splitlines()) for path in files) <= MOST_LINES


def test_topics_of_the_map_are_topics() -> None:
    """Names on the map are those of the table."""
    named = set(re.findall(r"[a-z-]+(?:\.[a-z-]+)*\.v1", streams.__doc__ or ""))
    assert len(named) >= 8
    assert named <= set(schemas.topics.TOPICS)
