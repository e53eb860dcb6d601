"""Read a file of ratings and other files of the same folder, from disk or from a zip."""

import fnmatch
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from streams.errors import RatingsError

__all__ = ["Folder", "RatingsSource", "Zip", "open_source"]

RATINGS_NAMES = ("u.data", "ratings.dat", "ratings.csv", "*.inter")
"""Names of files of ratings in a folder or a zip, in order of preference."""


class RatingsSource(Protocol):
    """A file of ratings, with access to the other files of its folder."""

    @property
    def name(self) -> str:
        """The file's name, without its folder."""

    def read(self) -> bytes:
        """Return the whole file."""

    def sibling(self, pattern: str) -> bytes | None:
        """Return the content of the first other file whose name matches a pattern (case ignored), or None."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A file in a folder."""

    path: Path

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    def read(self) -> bytes:
        """See `RatingsSource.read`."""
        return self.path.read_bytes()

    def sibling(self, pattern: str) -> bytes | None:
        """See `RatingsSource.sibling`."""
        names = sorted(p.name for p in self.path.parent.iterdir() if p.is_file() and p != self.path)
        found = _matching(names, pattern)
        return (self.path.parent / found).read_bytes() if found else None


@dataclass(frozen=True, slots=True)
class Zip:
    """A member of a zip."""

    path: Path
    member: str

    @property
    def name(self) -> str:
        """The member's name, without its folder."""
        return self.member.rsplit("/", 1)[-1]

    def read(self) -> bytes:
        """See `RatingsSource.read`."""
        return self._member(self.member)

    def sibling(self, pattern: str) -> bytes | None:
        """See `RatingsSource.sibling`."""
        folder = self.member[: len(self.member) - len(self.name)]
        with zipfile.ZipFile(self.path) as archive:
            names = sorted(
                name for name in archive.namelist() if name.startswith(folder) and name != self.member
            )
        found = _matching([name.removeprefix(folder) for name in names], pattern)
        return self._member(folder + found) if found else None

    def _member(self, name: str) -> bytes:
        try:
            with zipfile.ZipFile(self.path) as archive:
                return archive.read(name)
        except (zipfile.BadZipFile, OSError, RuntimeError) as error:
            what = f"{self.path.name} is damaged at {name}"
            raise RatingsError(what, why=str(error), next_step="fetch the file again") from None


def open_source(path: Path) -> Folder | Zip:
    """Find the file of ratings for a path.

    Raises
    ------
    RatingsError
        There is no file, or a folder or zip without ratings.
    """
    if path.is_dir():
        found = next(
            (f for n in RATINGS_NAMES if (f := _matching(sorted(p.name for p in path.iterdir()), n))), None
        )
        if found is None:
            raise _nothing_in(path, "folder")
        return Folder(path / found)
    if not path.is_file():
        what = f"there is no file {path}"
        raise RatingsError(what, next_step="give the path of a file of ratings")
    if not zipfile.is_zipfile(path):
        return Folder(path)
    with zipfile.ZipFile(path) as archive:
        names = sorted(archive.namelist())
    members = {name.rsplit("/", 1)[-1]: name for name in reversed(names)}
    found = next((f for pattern in RATINGS_NAMES if (f := _matching(sorted(members), pattern))), None)
    if found is None:
        raise _nothing_in(path, "zip")
    return Zip(path, members[found])


def _matching(names: list[str], pattern: str) -> str | None:
    return next((name for name in names if fnmatch.fnmatch(name.lower(), pattern.lower())), None)


def _nothing_in(path: Path, kind: str) -> RatingsError:
    expected = ", ".join(RATINGS_NAMES)
    return RatingsError(
        f"the {kind} {path.name} contains no ratings", next_step=f"it has to contain one of {expected}"
    )
