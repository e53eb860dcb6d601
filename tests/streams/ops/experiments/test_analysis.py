"""`nearline experiments replay`: a topic and a file as logs."""

import json
from pathlib import Path

import pytest

from online_models.experiments.exposure import Exposure, ViewerTally
from schemas import topics
from schemas.codec import encode
from schemas.experiments import Arm, Experiment, ExperimentState
from streams.cli import main
from streams.config.settings import Settings
from streams.engine.applied import APPLIED_KEY
from streams.kafka.produce import put
from streams.ops.local_kafka.embedded import EmbeddedCluster
from streams.stages.experiments.rows import TALLY, VIEWERS

ARMS = (Arm(name="a", share=0.5), Arm(name="b", share=0.5))
TRIAL = Experiment(experiment_id="x", state=ExperimentState.RUNNING, arms=ARMS)


def test_an_experiments_viewers_are_a_log(
    embedded: EmbeddedCluster, topic_prefix: str, tmp_path: Path
) -> None:
    """Rows of viewers are read, tallies and applied records are none; the policy's value is the arm's."""
    embedded.create([f"{topic_prefix}{name}" for name in (topics.EXPERIMENTS, topics.EXPERIMENT_VIEWERS)])
    settings = Settings(brokers=embedded.bootstrap_servers, topic_prefix=topic_prefix)
    put(settings, topics.EXPERIMENTS, b"x", encode(TRIAL))
    for key in (APPLIED_KEY, TALLY + b"x"):
        put(settings, topics.EXPERIMENT_VIEWERS, key, b"\x01")
    for n, (arm, seconds) in enumerate([("a", 60), ("b", 120), ("b", 240), ("a", 0)]):
        part = ViewerTally(0, country="IN", exposures={"x": Exposure(arm, 0, [1, 0, 0, seconds, 0, 0, 0, 0])})
        put(settings, topics.EXPERIMENT_VIEWERS, f"v{n}".encode(), VIEWERS.pack(part))
    out = tmp_path / "out.json"
    where = ["--brokers", settings.brokers, "--prefix", topic_prefix, "--json", str(out)]
    assert main(["experiments", "replay", "x", "--policy", "IN=b,*=a", *where]) == 0
    found = json.loads(out.read_text())
    assert found["replay"]["value"] == found["snips"]["value"] == 3.0
    assert found["dr"]["value"] == 3.0
    assert main(["experiments", "replay", "x", "--policy", "IN=c,*=a", *where]) == 1
    assert main(["experiments", "replay", "y", "--policy", "*=a", *where]) == 1


def test_a_file_is_a_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A decision a line; with a model's columns there is a doubly robust estimate, too."""
    log = tmp_path / "log.jsonl"
    lines = [{"reward": r, "logged": 0.5, "target": t, "viewer": "v"} for r, t in ((1, 1), (0, 0), (1, 1))]
    log.write_text("\n".join(map(json.dumps, lines)) + "\n")
    assert main(["experiments", "replay", "--log", str(log), "--json", "-"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"replay", "ips", "clipped", "snips"}
    log.write_text("\n".join(json.dumps(one | {"predicted": 1, "expected": 1}) for one in lines))
    assert main(["experiments", "replay", "--log", str(log), "--json", "-"]) == 0
    assert "dr" in json.loads(capsys.readouterr().out)
    for text in ("", "{}", "no json", '{"reward": 1, "logged": 0, "target": 1}'):
        log.write_text(text)
        assert main(["experiments", "replay", "--log", str(log)]) == 1
        assert "no log of decisions" in " ".join(capsys.readouterr().err.split())
    assert main(["experiments", "replay"]) == 2
