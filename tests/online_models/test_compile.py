"""The program that compiles the kernels ahead."""

import os
from pathlib import Path

import pytest

from online_models.kernels import __main__ as compiler


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that stands in for the kernels', with one source and two cached files."""
    folder = tmp_path / "__pycache__"
    folder.mkdir()
    for name in ("learn.f-1.nbi", "learn.f-1.1.nbc", "learn.pyc"):
        (folder / name).touch()
    (tmp_path / "learn.py").touch()
    monkeypatch.setattr(compiler, "_HERE", tmp_path)
    monkeypatch.setattr(compiler, "_CACHE", folder)
    monkeypatch.setattr(compiler, "_STAMP", folder / "compiled")
    return folder


def test_what_is_older_than_a_source_is_dropped(cache: Path) -> None:
    """Without a stamp, or with one older than a source, all cached kernels go and nothing else does."""
    assert compiler.drop_stale() == 2
    assert [file.name for file in cache.iterdir()] == ["learn.pyc"]


def test_what_is_newer_stays(cache: Path) -> None:
    """With a stamp younger than every source nothing is compiled twice."""
    (cache / "compiled").touch()
    os.utime(cache.parent / "learn.py", ns=(0, 0))
    assert compiler.drop_stale() == 0
    assert len(list(cache.glob("*.nb?"))) == 2


def test_every_kernel_runs(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The program runs through, says what it did, and leaves its stamp."""
    compiler.main()
    assert (cache / "compiled").exists()
    assert "pack and restore" in capsys.readouterr().out
