"""The essay of the package against the package."""

import re
from importlib.util import find_spec
from pathlib import Path

import schemas.topics
import streams


def _named() -> set[str]:
    """Return every module that the essay names."""
    return set(re.findall(r"`(streams\.[a-z_.]+)`", streams.__doc__ or ""))


def test_every_named_module_exists() -> None:
    """A newcomer who follows the essay finds each place."""
    assert {name for name in _named() if find_spec(name) is None} == set()


def test_every_module_has_its_place() -> None:
    """A module that the essay does not mention has no place in the picture."""
    folder = Path(streams.__file__).parent
    there = {f"streams.{path.stem}" for path in folder.glob("*.py") if not path.stem.startswith("_")}
    there |= {f"streams.{path.parent.name}" for path in folder.glob("*/__init__.py")}
    assert there - _named() == set()


def test_topics_of_the_map_are_topics() -> None:
    """Names on the map are those of the table."""
    named = set(re.findall(r"[a-z-]+(?:\.[a-z-]+)*\.v1", streams.__doc__ or ""))
    assert len(named) >= 8
    assert named <= set(schemas.topics.TOPICS)
