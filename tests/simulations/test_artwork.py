"""Artwork selected by a worker, against the known true values."""

import json

import pytest

from tests.simulations.__main__ import main


@pytest.mark.slow
@pytest.mark.embedded
@pytest.mark.nightly
def test_the_bandit_beats_the_best_fixed_picture(capsys: pytest.CaptureFixture[str]) -> None:
    """Through a worker: more watches than one picture for all gets, and estimates that hold the truth."""
    small = ["--viewers", "200", "--titles", "16", "--days", "12", "--alpha", "0.001", "--json", "-"]
    assert main(["artwork", *small]) == 0
    found = json.loads(capsys.readouterr().out)
    late = found["truth_late"]
    assert late["ideal"] > late["as shown"] > late["best fixed"] > late["uniform"]
    for estimator in ("ips", "snips", "dr"):
        for name in ("uniform", "first", "best fixed"):
            one = found["policies"][name][estimator]
            assert one["low"] < found["truth"][name] < one["high"]
    assert "replay" not in found["policies"]["first"]
    assert found["truth"]["best fixed"] <= found["truth"]["best of all"]
    assert found["policies"]["as shown"]["ips"]["low"] > found["policies"]["best fixed"]["snips"]["value"]
