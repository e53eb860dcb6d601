"""The essay of the package against the package."""

import ast
import re
from importlib.util import find_spec
from pathlib import Path

import schemas.topics
import streams

FOLDER = Path(streams.__file__).parent
ROOMS = sorted(FOLDER.glob("*/__init__.py"))
BY_THE_COMMAND = "streams.cli."
"""Modules that are named by the command that each of them is."""


def _named() -> set[str]:
    """Return every module that the essay names, or that of a room that it names."""
    essays = [streams.__doc__ or ""]
    essays += [ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "" for path in ROOMS]
    return {name for essay in essays for name in re.findall(r"\bstreams(?:\.[a-z_]+)+", essay)}


def test_every_named_module_exists() -> None:
    """A newcomer who follows the essay finds each place."""
    assert {name for name in _named() if find_spec(name) is None} == set()


def test_every_module_has_its_place() -> None:
    """A module that the essay does not mention has no place in the picture."""
    modules = {path for path in FOLDER.rglob("*.py") if not path.stem.startswith("_")}
    there = {".".join(path.relative_to(FOLDER.parent).with_suffix("").parts) for path in modules}
    assert {name for name in there if not name.startswith(BY_THE_COMMAND)} - _named() == set()
    assert {f"streams.{path.parent.name}" for path in ROOMS} - _named() == set()


def test_topics_of_the_map_are_topics() -> None:
    """Names on the map are those of the table."""
    named = set(re.findall(r"[a-z-]+(?:\.[a-z-]+)*\.v1", streams.__doc__ or ""))
    assert len(named) >= 8
    assert named <= set(schemas.topics.TOPICS)
