"""The viewers' step without a broker: what restarts, caches and shards change, which is nothing."""

import re
from typing import Any

from online_models.config import BlendConfig, ModelConfig
from schemas import Event, Rate, topics
from schemas.codec import encode
from streams.config.settings import Settings
from streams.stages.viewers.replica_lag import YOUNG_EVENTS
from streams.stages.wire.partition_rows import SENT
from tests.streams.stages.viewers.crowd import crowd, preferences
from tests.streams.steps import T0, Line, records_of, watch


def _sorted(pages: list[Any]) -> list[bytes]:
    """Return pages in an order of their own, without the configuration's name."""
    return sorted(re.sub(rb'"model_version":"[^"]+"', b"", page["value"]) for page in pages)


def _outcomes(line: Line, batches: list[list[Event]], *, restart: bool) -> list[tuple[Any, Any]]:
    """Feed batches and keep rows and pages; the replica stands still."""
    found = []
    for batch in batches:
        if restart:
            line.restart()
        outcome = line.step(records_of(batch, line.offset))
        found.append((sorted(outcome.rows), _sorted(outcome.outputs.get((topics.HOME, 0), []))))
    return found


def _later() -> list[list[Event]]:
    """Make four more batches of everything that a viewer's row remembers."""
    return [
        [
            watch(f"crowd{(7 * n) % 30}", f"t{(n + 5) % 12}", 1_000 + n, country="IN"),
            Rate(
                event_id=f"r{n}", viewer_id=f"new{n % 3}", event_time_ms=T0 + n, title_id=f"t{n}", stars=1.0
            ),
            preferences(f"crowd{n}", n, maturity=n, liked_titles=("t7", "t9")),
            watch("crowd1", "t8", 500),
        ]
        for n in range(4)
    ]


def test_a_restart_changes_no_byte() -> None:
    """Rows and pages are the same whether the step lived on or began anew before every batch."""
    straight, restarted = Line(), Line()
    for line in (straight, restarted):
        line.feed(*crowd())
    assert _outcomes(straight, _later(), restart=False) == _outcomes(restarted, _later(), restart=True)
    assert straight.store.rows == restarted.store.rows


def test_a_small_cache_changes_no_byte() -> None:
    """Four slots for thirty viewers: evicted and read back, everybody's rows and pages stay the same."""
    lines = [Line(Settings(prequential_share=0.0, model=ModelConfig(viewer_slots=n))) for n in (4, 999)]
    for line in lines:
        line.feed(*crowd())
    batches = [[event] for batch in [*_later(), crowd()] for event in batch]
    found, expected = (_outcomes(line, batches, restart=False) for line in lines)
    assert found == expected
    assert lines[0].store.rows == lines[1].store.rows
    assert len(lines[0].side.viewers) <= 4
    assert lines[0].count("state_cache_slots", stage="viewers") <= 4


def test_every_shard_gets_every_signal() -> None:
    """A signal goes to each shard's partition; which titles it learns is the shard's affair."""
    line = Line(Settings(prequential_share=0.0, title_shards=3))
    outcome = line.feed(watch("ada", "t1"), watch("ada", "t2", 1))
    sent = [outcome.outputs[topics.SIGNALS, shard] for shard in range(3)]
    assert sent[0] == sent[1] == sent[2]
    assert set(outcome.outputs) == {(topics.HOME, 0), *((topics.SIGNALS, shard) for shard in range(3))}


def test_a_share_is_tested_and_learned_all_the_same() -> None:
    """Testing every event moves nothing but the blend: rows and pages are those of a line that tests none."""
    still = ModelConfig(blend=BlendConfig(rate=0.0))
    tested = Line(Settings(prequential_share=1.0, model=still))
    untested = Line(Settings(prequential_share=0.0, model=still))
    for line in (tested, untested):
        line.feed(*crowd())
    assert _outcomes(tested, _later(), restart=False) == _outcomes(untested, _later(), restart=False)
    assert untested.stage.quality.tested == 0
    assert tested.stage.quality.tested == tested.count("prequential_tested_total", model="blend") > 60


def test_the_sent_count_survives() -> None:
    """What was sent is counted on after a restart, and is what the lead is measured by."""
    line = Line()
    line.feed(watch("ada", "t1"), watch("ada", "t2", 1))
    line.restart()
    line.step(records_of([watch("ada", "t3", 2)], line.offset))
    assert SENT.read(line.store) == 3
    assert line.stage.lag.events() == 1
    assert line.count("replica_age_events") == 1
    line.viewers.close()
    assert line.stage.lag.events() == 0


def test_the_spec_bounds_batches_by_the_lead() -> None:
    """In replay a batch is not larger than the lead that is allowed, and each waits at the gate."""
    live, replay = Line(), Line(Settings(lead_events=50))
    assert live.stage.spec().max_events == 8_000
    assert live.stage.spec().max_events_now() == YOUNG_EVENTS
    spec = replay.stage.spec()
    assert spec.max_events_now() == 50
    assert (spec.name, spec.source, spec.changelog) == ("viewers", topics.EVENTS, topics.VIEWER_STATE)
    assert encode(watch("a", "b"))
