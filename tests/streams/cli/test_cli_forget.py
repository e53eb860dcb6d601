"""`nearline forget` of a viewer whom nobody knows; what it does is in `tests/streams/ops/test_forget.py`."""

import json

import pytest

from schemas import topics
from streams.cli import main
from streams.config.settings import Settings
from streams.kafka.produce import put
from streams.ops.local_kafka.embedded import EmbeddedCluster


def test_an_id_that_nobody_knows_is_not_called_forgotten(
    embedded: EmbeddedCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    """Perhaps it is misspelt: that is said, and the request is sent all the same."""
    embedded.create(topics.TOPICS)
    settings = Settings.load(brokers=embedded.bootstrap_servers)
    put(settings, topics.VIEWER_STATE, b"ada", b"a row")
    for viewer, known in (("ada", True), ("adda", False)):
        words = ["forget", viewer, "--yes", "--wait", "0", "--brokers", embedded.bootstrap_servers]
        assert main(words) == 0
        said = " ".join(capsys.readouterr().out.split())
        assert ("no worker has state of this viewer: check the spelling" in said) is not known
        assert "are deleted" not in said
        assert main([*words, "--json", "-"]) == 0
        assert json.loads(capsys.readouterr().out)["known"] is known
