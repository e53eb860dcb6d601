"""The generated contract files: ``python -m schemas.contract_tools`` compares them with the code.

``--write`` writes them, ``--release VERSION`` keeps a copy that never changes.

``contracts/*.schema.json``
    JSON Schema of every message.
``contracts/asyncapi.json``
    The topics.
``contracts/event.v1.avsc``
    Avro schema of all events.
``contracts/murmur2.json``, ``contracts/assignment.json``
    Golden vectors of the partitioner and of the assignment to arms, for other languages.
``contracts/examples/NAME.vN.CASE.pass.json``, ``NAME.vN.REASON-CASE.fail.json``
    Written by hand; documentation and test data.
``contracts/released/VERSION/``
    The schemas as released; ``contracts/released/sha256.json`` pins their bytes.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import Final

from schemas.assignment import HOLDOUT, assign, bucket
from schemas.contract_tools.asyncapi import document
from schemas.contract_tools.avro import event_schema
from schemas.errors import ContractError
from schemas.experiments import Arm, Experiment, ExperimentState
from schemas.json_schema import Document, documents
from schemas.partitioner import murmur2, partition_for

__all__ = ["FOLDER", "assignments", "check", "generated", "main", "release", "vectors", "write"]

FOLDER: Final = Path(__file__).parents[1] / "contracts"
"""Folder of the contract files."""

_PARTITIONS: Final = (4, 12, 24)
_LONGEST_ID: Final = 64
_KEYS: Final = (
    b"",
    b"a",
    b"ab",
    b"abc",
    b"abcd",
    b"21",
    b"foobar",
    b"a-little-bit-long-string",
    b"a-little-bit-longer-string",
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
    b"\x00",
    b"\xff\xfe\xfd",
    b"\x80\x81\x82\x83\x84",
    "żółw".encode(),
    "観る人-42".encode(),
    "🐢🎬".encode(),
    b"v" * 64,
    b"v" * 1001,
    b"550e8400-e29b-41d4-a716-446655440000",
    *(b"v-%06d" % n for n in range(24)),
)


def vectors() -> Document:
    """Return the golden vectors of the partitioner: keys with hash and partitions.

    Examples
    --------
    >>> vectors()["vectors"][5]
    {'key': '21', 'key_hex': '3231', 'murmur2': 3321034988, 'partitions': {'4': 0, '12': 0, '24': 12}}
    """
    return {
        "description": "murmur2 as an unsigned 32-bit number; partition = (murmur2 & 0x7fffffff) % "
        "partitions. `key` is null if the key is not UTF-8: use `key_hex`.",
        "vectors": [
            {
                "key": _text(key),
                "key_hex": key.hex(),
                "murmur2": murmur2(key),
                "partitions": {str(count): partition_for(key, count) for count in _PARTITIONS},
            }
            for key in _KEYS
        ],
    }


def assignments() -> Document:
    """Return the golden vectors of the assignment: viewers with buckets and arm in an example.

    Examples
    --------
    >>> assignments()["vectors"][0]
    {'viewer_id': 'a', 'bucket': 4003, 'holdout': 1782, 'group': 5820, 'arm': 'control'}
    """
    arms = (Arm(name="control", share=0.5), Arm(name="new", share=0.25))
    trial = Experiment(
        experiment_id="trial", state=ExperimentState.RUNNING, arms=arms, salt="2026-11",
        group="ranking", group_from=1_000, group_to=9_000, holdout=0.02,
    )  # fmt: skip
    texts = [_text(key) for key in _KEYS]
    viewers = [text for text in texts if text and text.isprintable() and len(text) <= _LONGEST_ID]
    found = {viewer: assign(trial, viewer) for viewer in viewers}
    return {
        "description": "bucket = first 8 bytes, big-endian, of SHA-256(salt + 0x1f + viewer_id), "
        "modulo 10,000; schemas/assignment.py describes how arms follow from it.",
        "experiment": {
            "salt": trial.salt, "group": trial.group, "group_from": trial.group_from,
            "group_to": trial.group_to, "holdout": trial.holdout,
            "arms": [{"name": arm.name, "share": arm.share} for arm in arms],
        },
        "vectors": [
            {
                "viewer_id": viewer,
                "bucket": bucket("2026-11", viewer),
                "holdout": bucket(HOLDOUT, viewer),
                "group": bucket("ranking", viewer),
                "arm": arm and arm.arm,
            }
            for viewer, arm in found.items()
        ],
    }  # fmt: skip


def generated() -> dict[str, str]:
    """Return the text of every generated file by name."""
    schemas = documents()
    files = {
        **schemas,
        "asyncapi.json": document(),
        "event.v1.avsc": event_schema(schemas["event.v1.schema.json"]),
        "murmur2.json": vectors(),
        "assignment.json": assignments(),
    }
    return {name: json.dumps(body, indent=2, ensure_ascii=False) + "\n" for name, body in files.items()}


def check(folder: Path = FOLDER) -> None:
    """Compare the files in a folder with the code.

    Parameters
    ----------
    folder
        Folder of the contract files.

    Raises
    ------
    ContractError
        With the name of every file that is missing, differs, or is not generated.
    """
    wanted = generated()
    there = {path.name: path.read_text("utf-8") for path in _files(folder)}
    drifted = sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))
    if drifted:
        names = ", ".join(drifted)
        msg = f"differ from the code: {names}; run python -m schemas.contract_tools --write and review"
        raise ContractError(msg)


def write(folder: Path = FOLDER) -> None:
    """Write all generated files, and remove those that are no longer generated.

    Parameters
    ----------
    folder
        Folder of the contract files; created if absent.
    """
    wanted = generated()
    folder.mkdir(parents=True, exist_ok=True)
    for path in _files(folder):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (folder / name).write_text(text, "utf-8")


def release(version: str, folder: Path = FOLDER) -> None:
    """Keep a copy of the schemas of a release and pin its bytes.

    Parameters
    ----------
    version
        Name of the release; must not exist yet.
    folder
        Folder of the contract files.

    Raises
    ------
    ContractError
        If the release exists.
    """
    home = folder / "released" / version
    if home.exists():
        msg = f"release {version} exists, and released contracts never change"
        raise ContractError(msg)
    home.mkdir(parents=True)
    for name, text in generated().items():
        if name.endswith(".schema.json"):
            (home / name).write_text(text, "utf-8")
    pins = {
        str(path.relative_to(folder / "released").as_posix()): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((folder / "released").glob("*/*.json"))
    }
    (folder / "released" / "sha256.json").write_text(json.dumps(pins, indent=2) + "\n", "utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    arguments
        Arguments; None takes those of the command line.

    Returns
    -------
    int
        0 on success, 1 if files differ from the code or the release exists.
    """
    parser = argparse.ArgumentParser(prog="python -m schemas.contract_tools", description="Contract files.")
    parser.add_argument("--write", action="store_true", help="write the files instead of comparing them")
    parser.add_argument("--release", metavar="VERSION", help="keep a copy of the schemas of a release")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.write:
            write()
        if chosen.release:
            release(chosen.release)
        check()
    except ContractError as error:
        sys.stderr.write(f"contracts: {error}\n")
        return 1
    return 0


def _files(folder: Path) -> list[Path]:
    """Return the contract files that are there."""
    return [*folder.glob("*.json"), *folder.glob("*.avsc")]


def _text(key: bytes) -> str | None:
    try:
        return key.decode()
    except UnicodeDecodeError:
        return None
