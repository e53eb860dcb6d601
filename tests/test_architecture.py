"""The house rules that a machine can check: directions of imports, doors, names, docstrings.

The reasons are in deploy/adr/0005-house-layout.md.
"""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from importlinter import cli as import_linter

from streams.ops.local_kafka import java as jars

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("schemas", "online_models", "streams")
READERS_OF_THE_ENVIRONMENT = {"streams/config/settings.py"}

SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


@cache
def trees() -> dict[str, ast.Module]:
    """Return every module's syntax tree by its path; not at import, which every process of a run does."""
    return {
        path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES
    }


@pytest.fixture(scope="module", autouse=True)
def no_trees_left() -> Iterator[None]:
    """Let go of the trees in the end: millions of objects, which the garbage collector would visit."""
    yield
    trees.cache_clear()


def test_import_contracts_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """The layers and the doors of pyproject.toml are kept."""
    monkeypatch.chdir(ROOT)
    assert import_linter.lint_imports(no_cache=True) == import_linter.EXIT_STATUS_SUCCESS


def test_the_environment_has_one_reader() -> None:
    """Nobody but the settings looks into os.environ."""
    readers = {
        name
        for name, tree in trees().items()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"})
        or (isinstance(node, ast.ImportFrom) and {"environ", "getenv"} & {alias.name for alias in node.names})
    }
    assert readers == READERS_OF_THE_ENVIRONMENT


def test_a_class_name_stands_once_in_a_package() -> None:
    """Whoever searches for a class finds one."""
    places: dict[tuple[str, str], list[str]] = {}
    for path in SOURCES:
        name = path.relative_to(ROOT).as_posix()
        for found in re.findall(r"^ *class (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE):
            places.setdefault((name.split("/")[0], found), []).append(name)
    assert {place: names for place, names in places.items() if len(names) > 1} == {}


def test_packages_open_with_an_essay() -> None:
    """A newcomer can start reading at each package's first file."""
    essays = {package: ast.get_docstring(trees()[f"{package}/__init__.py"]) or "" for package in PACKAGES}
    assert [package for package, essay in essays.items() if len(essay.splitlines()) < 10] == []


def test_nothing_else_at_the_top_level() -> None:
    """The top level has the names listed here, and dot-files."""
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    tops = {name.split("/")[0] for name in listing.stdout.splitlines()}
    files = {
        "pyproject.toml",
        "docker-compose.yml",
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "LICENSE",
        "Makefile",
    }
    allowed = files | {*PACKAGES, "tests", "deploy"}
    assert {top for top in tops if not top.startswith(".")} <= allowed


def test_unfinished_work_is_not_checked_in() -> None:
    """No marker of unfinished work stands in the code."""
    marks = ("TO" + "DO", "FIX" + "ME", "Not" + "ImplementedError")
    assert [
        name for name in trees() if any(mark in (ROOT / name).read_text(encoding="utf-8") for mark in marks)
    ] == []


def test_the_wheel_carries_the_list_of_jars() -> None:
    """`nearline kafka start` finds its pom without a checkout."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    carried = project["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]
    places = {jars.POM_IN_CHECKOUT.parent.as_posix(): jars.POM_IN_INSTALLATION.parent.as_posix()}
    assert carried == places
    assert (ROOT / jars.POM_IN_CHECKOUT).is_file()


def test_the_lock_names_no_registry_and_covers_the_dependencies() -> None:
    """The lock works with whatever index pip is told to use, and every dependency is pinned with hashes."""
    lock = (ROOT / "deploy/requirements.lock").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    names = {text.split("[")[0].split(">")[0].split("<")[0] for text in wanted}
    pinned = {line.split("==")[0].split("[")[0] for line in lock.splitlines() if "==" in line}
    assert names - pinned == set()
    assert "://" not in lock
    assert lock.count("--hash=sha256:") > len(pinned)
