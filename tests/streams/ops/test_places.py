"""Where the databases of a worker are: of one process, and of several."""

import os
from pathlib import Path

import pytest

from streams.config.settings import Settings
from streams.engine.folder_lock import locked_folder
from streams.errors import StateError, StateLockedError
from streams.ops.state.local import places
from streams.ops.state.rebuild import chosen, rebuild


def _database(folder: Path, *, opened: float) -> None:
    """Leave what a database has that was opened then."""
    folder.mkdir(parents=True)
    (folder / "CURRENT").write_text("MANIFEST-000001\n")
    os.utime(folder / "CURRENT", (opened, opened))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Give a folder in which partition 0 has moved twice, and partition 1 never."""
    _database(tmp_path / "viewers/0", opened=1.0)
    _database(tmp_path / "process-0/viewers/0", opened=3.0)
    _database(tmp_path / "process-1/viewers/0", opened=2.0)
    _database(tmp_path / "process-1/viewers/1", opened=2.0)
    _database(tmp_path / "process-1/titles/0", opened=2.0)
    return Settings(state_dir=tmp_path)


def test_of_several_databases_of_a_partition_the_one_that_was_opened_last(settings: Settings) -> None:
    """A partition that has moved leaves a copy with its former process."""
    found = {
        str(place): place.folder.relative_to(settings.state_dir).as_posix() for place in places(settings)
    }
    assert found == {
        "viewers partition 0": "process-0/viewers/0",
        "viewers partition 1": "process-1/viewers/1",
        "titles partition 0": "process-1/titles/0",
    }
    with pytest.raises(StateError, match="partition 7"):
        places(settings, "viewers", 7)


def test_what_is_rebuilt_is_where_it_was(settings: Settings) -> None:
    """By name, too; a database that does not exist yet is one of a worker of one process."""
    assert [place.folder.parent.parent.name for place in chosen(settings, "viewers", 1)] == ["process-1"]
    assert chosen(settings, "viewers", 7)[0].folder == settings.state_dir / "viewers/7"


def test_a_process_that_outlives_its_supervisor_keeps_its_databases(settings: Settings) -> None:
    """Its folder has a lock of its own, and nothing is deleted."""
    with locked_folder(settings.state_dir / "process-1"), pytest.raises(StateLockedError, match="process-1"):
        rebuild(settings, chosen(settings, "viewers", 1))
    assert (settings.state_dir / "process-1/viewers/1/CURRENT").exists()
