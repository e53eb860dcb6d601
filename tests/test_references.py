"""Prose names what exists: modules, classes, functions and files. `tests.references` finds what does not."""

from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from online_models.config import ModelConfig
from streams.config.settings import Settings
from streams.config.variables import leaves
from tests import references

ROOMS = sorted({references.room(path) for path in references.files()})
HYPER_PARAMETERS = {
    f"{group.name}.{each.name}"
    for group in fields(ModelConfig())
    if is_dataclass(getattr(ModelConfig(), group.name))
    for each in fields(getattr(ModelConfig(), group.name))
}
SETTINGS = {".".join(path) for path, _ in leaves(Settings())}
OTHERS = {"auto.commit.interval.ms", "errors.tolerance", "obp.ope.estimators", "reco.base.Ranker"}
"""Names of librdkafka, Kafka Connect, the Open Bandit Pipeline and River."""


@pytest.mark.parametrize("room", ROOMS)
def test_references_lead_somewhere(room: str) -> None:
    """Every dotted name in backticks exists, and so does every path in backticks or links."""
    dead = [
        line
        for path in references.files()
        if references.room(path) == room
        for line in references.dead(path)
        if line.rsplit(": ", 1)[1] not in HYPER_PARAMETERS | SETTINGS | OTHERS
    ]
    assert not dead, "\n" + "\n".join(dead)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("`schemas.codec.decode_event`, `codec.decode_event`, `schemas/codec.py`, `DeadLetter.of`", 0),
        ("`schemas.codec.decode_evnt`, `codec.decode_evnt`, `kernels.rank`, `DeadLetter.off`", 4),
        ("`schemas/codecs.py`, `absent.md`, [a page](absent.md), the table in GOALS", 4),
        ("`viewing.events.v1`, `numpy.random`, `segment.ms`, `NEARLINE_BROKERS`", 0),
    ],
)
def test_a_dead_reference_is_found(
    text: str, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check can fail: by module, member, path, link and working paper; other people's names pass."""
    (tmp_path / "README.md").write_text(text, encoding="utf-8")
    root = references.ROOT
    references._modules()  # read from the repository, before the root moves
    monkeypatch.setattr(references, "ROOT", tmp_path)
    for name in ("schemas", "tests"):
        (tmp_path / name).symlink_to(root / name)
    assert len(references.dead(Path("README.md"))) == count
