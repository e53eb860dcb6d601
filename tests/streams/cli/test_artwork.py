"""`nearline artwork estimate`: estimates from the topics."""

import json
from pathlib import Path

import pytest

from schemas import Artwork, Impression, Stop, Title
from streams.cli import main
from streams.config.settings import Settings
from streams.kafka.produce import EventProducer
from streams.ops.local_kafka.embedded import EmbeddedCluster
from streams.ops.runs.worker_process import make_topics

T0 = 1_700_000_000_000


def test_estimates_come_from_the_topics(
    embedded: EmbeddedCluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Events and catalog are read; without propensities there is nothing to estimate, and it says so."""
    settings = Settings(brokers=embedded.bootstrap_servers, topic_prefix="a.")
    make_topics(settings)
    where = ["--brokers", settings.brokers, "--prefix", "a."]
    art = tuple(Artwork(id=name, uri=f"{name}.svg") for name in ("kiss", "chase"))
    seen = {"list_id": "l", "row": 0, "slot": 0, "title_id": "t"}

    def looks(name: str, picture: str, p: float | None) -> Impression:
        about = {"event_id": name, "viewer_id": name, "event_time_ms": T0}
        return Impression(**about, **seen, artwork=picture, artwork_propensity=p)

    with EventProducer(settings) as producer:
        producer.send_titles([Title(title_id="t", artwork=art)])
        producer.send([looks("v0", "kiss", None)])
    assert main(["artwork", "estimate", *where]) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "1 impressions name artwork without its propensity" in said
    assert "artwork_propensity" in said
    watched = {"watched_s": 3_600.0, "position_s": 3_600.0, "duration_s": 3_600.0}
    won = Stop(event_id="w", viewer_id="v2", event_time_ms=T0 + 5, title_id="t", **watched)
    with EventProducer(settings) as producer:
        producer.send([looks("v1", "kiss", 0.25), looks("v2", "chase", 0.75), won])
    path = tmp_path / "out.json"
    assert main(["artwork", "estimate", *where, "--json", str(path)]) == 0
    found = json.loads(path.read_text())
    assert (found["decisions"], found["won"], found["without_propensity"]) == (2, 1, 1)
    assert found["policies"]["first"]["replay"]["value"] == 0.0
    assert found["policies"]["uniform"]["ips"]["value"] == pytest.approx(0.5 / 0.75 / 2)
