"""Experiments over HTTP and in the console: definitions, results, evidence, and a failed split in red."""

from online_models.experiments.decision import AnalysisInput, analyze
from online_models.experiments.moments import Moments
from schemas import topics
from schemas.codec import decode_experiment_result, encode
from schemas.experiments import Arm, Evidence, Experiment, ExperimentState, Metric
from tests.streams.serve.conftest import served
from tests.streams.serve.stand import Stand
from tests.streams.steps import T0

ARMS = (Arm(name="control", share=0.5), Arm(name="new", share=0.5))
EVIDENCE = Evidence(
    metric=Metric.WATCH_MINUTES, lift=0.2, low=0.1, high=0.3, viewers=20_123, sample_ratio_p=0.7, by="rule"
)


def _moments(viewers: int, minutes: int) -> Moments:
    out = Moments()
    for n in range(viewers):
        out.add([10, 1, 1, 60 * minutes + n, 1, 1, 0, 0])
    return out


def fill(stand: Stand) -> None:
    """Write three experiments: one rolled out, one whose split failed, one that nobody has seen."""
    about = {"arms": ARMS, "starts_at_ms": T0}
    rolled = Experiment(
        experiment_id="good", state=ExperimentState.ROLLED_OUT, winner="new", decided_at_ms=T0 + 9,
        about="Longer <lists> are better.", evidence=EVIDENCE, **about,
    )  # fmt: skip
    broken = Experiment(experiment_id="broken", state=ExperimentState.RUNNING, **about)
    draft = Experiment(experiment_id="draft", state=ExperimentState.DRAFT, **about)
    arms = {"control": _moments(40, 30), "new": _moments(40, 40)}
    for one, p in ((rolled, 1.0), (broken, 0.0)):
        found = analyze(one, AnalysisInput(arms, p, T0, T0 + 5))
        stand.put(topics.EXPERIMENT_RESULTS, one.experiment_id, encode(found))
    for one in (rolled, broken, draft):
        stand.put(topics.EXPERIMENTS, one.experiment_id, encode(one))


def test_programs_read_the_same(stand: Stand) -> None:
    """Definitions in order of their ids, a result as it was published, and a problem where there is none."""
    with served(stand, model=False) as client:
        assert client.get("/v1/experiments").json() == {"experiments": []}
        fill(stand)
        every = client.get("/v1/experiments").json()["experiments"]
        drafts = client.get("/v1/experiments", params={"state": "draft"}).json()["experiments"]
        good = client.get("/v1/experiments/good/results")
        missing = [client.get(f"/v1/experiments/{name}/results") for name in ("draft", "unheard-of")]
    assert [one["experiment_id"] for one in every] == ["broken", "draft", "good"]
    assert [one["experiment_id"] for one in drafts] == ["draft"]
    assert every[2]["winner"] == "new"
    assert decode_experiment_result(good.content).viewers == 80
    assert {answer.status_code for answer in missing} == {404}
    assert missing[0].json()["detail"] == "nothing was counted of such an experiment (yet)"


def test_experiments_are_shown(stand: Stand) -> None:
    """What runs, what it came to and on what evidence; words of others are escaped."""
    with served(stand, model=False) as client:
        assert "no experiment yet" in client.get("/console/experiments").text
        fill(stand)
        page = client.get("/console/experiments")
    assert page.status_code == 200
    text = " ".join(page.text.split())
    assert (
        "<b>new</b> is the default, by rule: watch minutes +20.0 % (+10.0 to +30.0), 20,123 viewers" in text
    )
    assert 'class="bar better"' in text
    assert "watch minutes <small" in text
    assert "Longer &lt;lists&gt; are better." in text
    assert '<p class="trouble" role="alert"><b>sample ratio</b> 40 : 40 viewers' in text
    assert "No results yet" in text
    assert text.index('id="good"') < text.index('id="draft"')
