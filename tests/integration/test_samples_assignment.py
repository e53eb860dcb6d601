"""Viewers are in the same arms in Node, Java and Go: the golden vectors, bucket by bucket."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from schemas.assignment import HOLDOUT
from schemas.contract_tools import contracts

SAMPLES = Path(__file__).resolve().parents[2] / "deploy/samples"
FILE = json.loads((contracts.FOLDER / "assignment.json").read_bytes())
SALTS = {"bucket": FILE["experiment"]["salt"], "holdout": HOLDOUT, "group": FILE["experiment"]["group"]}
COMMANDS = {
    "node": ["node", "assignment.js"],
    "java": ["java", "Assignment.java"],
    "go": ["go", "run", "./assignment"],
}


@pytest.mark.parametrize(
    "language", ["node", *(pytest.param(one, marks=pytest.mark.nightly) for one in ("java", "go"))]
)
def test_a_viewer_is_in_the_same_bucket(language: str) -> None:
    """Each of the three draws of every golden viewer."""
    command = COMMANDS[language]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not on PATH")
    asked = [(salt, one["viewer_id"], one[draw]) for draw, salt in SALTS.items() for one in FILE["vectors"]]
    lines = "".join(f"{salt}\t{viewer}\n" for salt, viewer, _ in asked)
    done = subprocess.run(
        command, cwd=SAMPLES / language, input=lines.encode(), capture_output=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stderr.decode()
    assert [int(word) for word in done.stdout.split()] == [bucket for _, _, bucket in asked]
