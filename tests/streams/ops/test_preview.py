"""A viewer's page under an arm or a rule: what a worker would make, out of what is stored."""

from pathlib import Path

import pytest

from schemas import topics
from schemas.codec import encode
from schemas.experiments import Arm, Experiment, ExperimentState, Treatment
from schemas.rules import BusinessRule, RuleKind
from streams.config.settings import Settings
from streams.errors import ExperimentError
from streams.ops.local_kafka.embedded import EmbeddedCluster
from streams.ops.preview import InForce, previews, under_arm, under_rule
from tests.streams.serve.stand import TITLES, Stand
from tests.streams.steps import Line, pages_of, watch

SHORT = Experiment(
    experiment_id="trial",
    state=ExperimentState.DRAFT,
    arms=(Arm(name="as-is", share=0.5), Arm(name="one", share=0.5, treatment=Treatment(list_length=1))),
)
NOW = InForce((), ())


def watched(stand: Stand) -> Line:
    """Let four viewers watch two titles and Ada a third one, and write what both stages make of it."""
    line = Line(stand.settings)
    line.put(*TITLES)
    for title in TITLES:
        stand.put(topics.CATALOG, title.title_id, encode(title))
    others = [watch(f"v{n}", t, n) for n in range(4) for t in ("tide", "engine", "coast")]
    for batch in (others, [watch("ada", "coast", 9)]):
        outcome = line.step(line.records(batch))
        for key, value in outcome.rows:
            stand.put(topics.VIEWER_STATE, key.decode(), value)
        for key, value in (row for one in line.learn(outcome) for row in one.rows):
            stand.put(topics.TITLE_MODEL, key.decode(), value)
    return line


def test_a_page_is_the_workers_and_changes_as_defined(embedded: EmbeddedCluster, tmp_path: Path) -> None:
    """Under nothing it is the page that the worker makes; nothing is written; forbidden titles stay away."""
    stand = Stand(embedded, tmp_path)
    line = watched(stand)
    (made,) = pages_of(line.feed(watch("ada", "coast", 10)))
    exclude = BusinessRule(rule_id="no", kind=RuleKind.EXCLUDE, titles=("tide",), starts_at_ms=4 * 10**12)
    before = {name: len(stand.records(name)) for name in (topics.HOME, topics.VIEWER_STATE, topics.ALERTS)}
    ways = [NOW, under_arm(NOW, SHORT, "one"), under_rule(NOW, exclude)]
    plain, short, ruled = previews(stand.settings, "ada", ways)
    assert plain is not None
    assert short is not None
    assert ruled is not None
    assert [row.kind for row in plain.rows] == [row.kind for row in made.rows]
    assert {item.title_id for item in plain.rows[0].items} == {"tide", "engine"}
    assert [len(row.items) for row in short.rows] == [1] * len(short.rows)
    assert [(arm.experiment_id, arm.arm) for arm in short.arms] == [("trial", "one")]
    assert "tide" not in {item.title_id for row in ruled.rows for item in row.items}
    assert before == {name: len(stand.records(name)) for name in before}


def test_an_arm_that_is_not_there_is_refused() -> None:
    """With the arms that are."""
    with pytest.raises(ExperimentError, match="choose one of as-is, one"):
        under_arm(NOW, SHORT, "two")


def test_a_new_viewer_has_a_preview_too(embedded: EmbeddedCluster, tmp_path: Path) -> None:
    """As of somebody of whom nothing is known."""
    stand = Stand(embedded, tmp_path)
    watched(stand)
    (page,) = previews(stand.settings, "nobody", [NOW])
    assert page is not None
    assert isinstance(stand.settings, Settings)
