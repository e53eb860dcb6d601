"""What an event of each type changes on a page: through a real worker, as documented."""

import json
from pathlib import Path
from typing import Any

import pytest

from deploy.event_effects import CASES, Case, Seen, every_case
from schemas.events import EVENT_TYPES
from tests.simulations.__main__ import main
from tests.simulations.events import EffectMissingError, Observed, require


def test_every_type_of_event_has_a_documented_effect() -> None:
    """No type without a case, no case without words, and the first event of a case is of its type."""
    assert set(CASES) == set(EVENT_TYPES)
    assert all(CASES.values())
    assert all(case.says for _, case in every_case())


@pytest.mark.slow
@pytest.mark.embedded
def test_each_changes_the_page_as_documented(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command's table and JSON: every case was seen, still ones made no page, and rows say what moved."""
    path = tmp_path / "events.json"
    assert main(["events", "--json", str(path)]) == 0, capsys.readouterr()
    cases = json.loads(path.read_text())["cases"]
    assert [one["type"] for one in cases] == [name for name, _ in every_case()]
    assert all(one["as_documented"] for one in cases)
    found = {(one["type"], one["how"]): one for one in cases}
    assert found["progress", "between two tenths"]["seq"] is None
    assert found["identify", "the anonymous viewer"]["forgotten"]
    for title_id, rows in ((one["title_id"], one["rows"]) for one in cases if one["type"] == "skip"):
        assert any(title_id in row["left"] for row in rows)
    assert "NO" not in capsys.readouterr().out.split()


def test_what_is_not_so_is_told() -> None:
    """A case whose words do not hold is named, and the command fails."""

    def never(_: Seen) -> bool:
        return False

    def nothing(_: Any) -> list[Any]:
        return []

    case = Case("at noon", "the sun stands still", nothing, never)
    with pytest.raises(EffectMissingError, match=r"1 of 1 events.*play at noon"):
        require([Observed("play", case, Seen("t", None, None))])
