"""How many cores this process may use."""

import math
import os
from pathlib import Path

import pytest

from streams.supervisor import cores
from streams.supervisor.cores import quota_cores, usable_cores


def _membership(folder: Path, text: str) -> Path:
    file = folder / "membership"
    file.write_text(text)
    return file


def _group(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def test_the_smallest_quota_of_a_group_and_those_above(tmp_path: Path) -> None:
    """Version 2: one hierarchy; `max` is none."""
    where = _membership(tmp_path, "0::/pods/one\n")
    assert quota_cores(tmp_path / "none", where) == math.inf
    _group(tmp_path / "fs", cpu__max="max 100000\n")
    _group(tmp_path / "fs/pods", cpu__max="150000 100000\n")
    _group(tmp_path / "fs/pods/one", cpu__max="400000 100000\n")
    assert quota_cores(tmp_path / "fs", where) == 1.5


def test_version_1_and_containers_that_see_only_their_own_group(tmp_path: Path) -> None:
    """The path is that of the host, and the folder of the container is the root."""
    where = _membership(tmp_path, "3:cpuset:/docker/x\n2:cpu,cpuacct:/docker/x\n0::/\n")
    _group(tmp_path / "cpu", cpu__cfs_quota_us="250000\n", cpu__cfs_period_us="100000\n")
    assert quota_cores(tmp_path, where) == 2.5
    _group(tmp_path / "cpu", cpu__cfs_quota_us="-1\n")
    assert quota_cores(tmp_path, where) == math.inf


def test_elsewhere_there_are_no_groups(tmp_path: Path) -> None:
    """No Linux."""
    assert quota_cores(tmp_path, tmp_path / "none") == math.inf


@pytest.mark.parametrize(("quota", "found"), [(math.inf, 3), (2.9, 2), (0.5, 1)])
def test_whole_cores_and_at_least_one(monkeypatch: pytest.MonkeyPatch, quota: float, found: int) -> None:
    """The affinity and the quota bound it."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 2, 5})
    monkeypatch.setattr(cores, "quota_cores", lambda: quota)
    assert usable_cores() == found
