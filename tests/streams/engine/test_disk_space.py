"""A worker on a full disk waits, and says so once."""

import errno
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from streams.engine import disk_space
from streams.engine.disk_space import NEEDED_BYTES, DiskSpace
from streams.engine.folder_lock import locked_folder
from streams.errors import DiskFullError


def test_it_waits_until_there_is_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alive and not ready, with one line when it begins and one when it is over."""
    monkeypatch.setattr(disk_space, "PAUSE_S", 0.0)
    free = iter([0, 1 << 20, NEEDED_BYTES - 1, NEEDED_BYTES])
    space = DiskSpace(tmp_path, lambda _: next(free))
    seen: list[list[str]] = []
    with capture_logs() as lines:
        space.wait(lambda: seen.append(space.waiting()))
    assert len(seen) == 3
    assert "is full: 1 MB are free, 16 are needed" in seen[2][0]
    assert space.waiting() == []
    assert [line["event"] for line in lines] == ["disk_full", "disk_has_space"]
    assert "NEARLINE_STATE_DIR" in lines[0]["next"]


def test_a_disk_with_space_says_nothing(tmp_path: Path) -> None:
    """The usual start."""
    space = DiskSpace(tmp_path)
    with capture_logs() as lines:
        space.wait(lambda: pytest.fail("it waited"))
    assert (space.waiting(), lines) == ([], [])


def test_a_disk_that_takes_no_more_files_has_no_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Free bytes are no help without an inode; some file systems do not count them. A folder may be new."""
    new = tmp_path / "a" / "b"
    assert disk_space.free_space(new) > 0
    disk = {"f_frsize": 4096, "f_bavail": 10}
    for inodes, expected in (((9, 9), 40_960), ((0, 9), 0), ((0, 0), 40_960)):
        found = SimpleNamespace(f_favail=inodes[0], f_files=inodes[1], **disk)
        monkeypatch.setattr(disk_space.os, "statvfs", lambda _, found=found: found)
        assert disk_space.free_space(new) == expected


def test_a_quota_that_is_used_up_is_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk reports free space, and refuses it to this user; the worker starts when it may write again."""
    monkeypatch.setattr(disk_space, "PAUSE_S", 0.0)
    looks = iter([errno.EDQUOT, errno.ENOSPC])

    def allocate(*_: int) -> None:
        if code := next(looks, 0):
            raise OSError(code, os.strerror(code))

    monkeypatch.setattr(disk_space.os, "posix_fallocate", allocate)
    space = DiskSpace(tmp_path)
    seen: list[list[str]] = []
    with capture_logs() as lines:
        space.wait(lambda: seen.append(space.waiting()))
    assert len(seen) == 2
    assert "is full: 0 MB are free, 16 are needed" in seen[1][0]
    assert [line["event"] for line in lines] == ["disk_full", "disk_has_space"]
    assert list(tmp_path.iterdir()) == []


def test_a_new_folder_beyond_the_quota_waits_like_one_on_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a worker waits for (`run_worker`); any other refusal ends it."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(DiskFullError, match="Disk quota exceeded"), locked_folder(tmp_path / "new"):
        pass
