"""`nearline experiments` on a cluster: what it writes, shows and refuses; and who hears of it."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from online_models.experiments.decision import undecided
from schemas import topics
from schemas.audit import AuditAction
from schemas.codec import decode_audit, encode
from schemas.experiment_results import ExperimentResult, Verdict
from schemas.experiments import Arm, Experiment, ExperimentState, ListArm, Ranking, Treatment
from streams.cli import main
from streams.config.settings import Settings
from streams.kafka.produce import put
from streams.kafka.scan import read_all
from streams.ops.experiments.admin import NOTICE_MS, read_results
from streams.ops.local_kafka.embedded import EmbeddedCluster
from streams.stages.experiments.definitions import experiments_of, read_experiments
from streams.telemetry.metrics import Metrics
from tests.streams.steps import T0, message
from tests.waiting import until

TRIAL = {
    "experiment_id": "trial",
    "state": "draft",
    "arms": [
        {"name": "popular", "share": 0.5, "treatment": {"ranking": "popularity"}},
        {"name": "blend", "share": 0.5},
    ],
}


class Desk:
    """An experimenter's desk: files, commands, the topic."""

    def __init__(self, settings: Settings, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.settings, self._folder, self._capsys = settings, folder, capsys

    def run(self, *words: str) -> tuple[int, str]:
        """Run a command; return its code and what it said."""
        where = ["--brokers", self.settings.brokers, "--prefix", self.settings.topic_prefix]
        code = main(["experiments", *words, *where])
        out = self._capsys.readouterr()
        return code, " ".join((out.out + out.err).split())

    def json(self, *words: str) -> Any:
        """Run a command that has to do its work, and read its JSON."""
        where = ["--brokers", self.settings.brokers, "--prefix", self.settings.topic_prefix]
        path = self._folder / "answer.json"
        assert main(["experiments", *words, *where, "--json", str(path)]) == 0
        return json.loads(path.read_text())

    def file(self, **more: Any) -> str:
        """Write a definition down."""
        path = self._folder / "trial.json"
        path.write_text(json.dumps(TRIAL | more))
        return str(path)


@pytest.fixture
def desk(
    embedded: EmbeddedCluster, topic_prefix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Desk:
    """Give a desk with topics of its own."""
    names = [topics.EXPERIMENTS, topics.EXPERIMENT_RESULTS]
    embedded.create([f"{topic_prefix}{name}" for name in (*names, topics.AUDIT)])
    return Desk(
        Settings(brokers=embedded.bootstrap_servers, topic_prefix=topic_prefix, check_crcs=False),
        tmp_path,
        capsys,
    )


def test_an_experiment_from_file_to_roll_back(desk: Desk) -> None:
    """Created, started, stopped, rolled out, rolled back: a record each, and workers hear of it."""
    reader = experiments_of(desk.settings, partitions=4, metrics=Metrics())
    reader.start()
    try:
        assert desk.json("create", desk.file())["state"] == "draft"
        before = int(time.time() * 1000)
        started = desk.json("start", "trial")
        assert started["state"] == "running"
        assert started["starts_at_ms"] >= before + NOTICE_MS
        reader.wait()
        until(lambda: [one.experiment_id for one in reader.newest.running] == ["trial"])
        assert desk.json("list")[0]["state"] == "running"
        assert desk.json("show", "trial", "--viewer", "ada")["arm"] in {"popular", "blend"}
        assert desk.json("stop", "trial")["state"] == "stopped"
        until(lambda: reader.newest.idle)
        rolled = desk.json("roll-out", "trial", "blend", "--force", "--why", "we like it")
        assert (rolled["state"], rolled["winner"]) == ("rolled_out", "blend")
        until(lambda: not reader.newest.idle)
        found = reader.newest.treatment_for("ada", at_ms=T0, country=None, maturity=None)
        assert found.arms == (ListArm(experiment_id="trial", arm="blend"),)
        assert desk.json("roll-back", "trial")["state"] == "rolled_back"
        until(lambda: reader.newest.idle)
    finally:
        reader.stop()
    assert read_experiments(desk.settings)["trial"].state is ExperimentState.ROLLED_BACK


def test_a_bad_definition_has_one_report(desk: Desk) -> None:
    """Every wrong field at once, with what is allowed; a draft need not say that it is one."""
    arms = [{"name": "a", "share": 1.5, "treatment": {"ranking": "populariti"}}, {"share": 0.5}]
    code, said = desk.run("create", desk.file(arms=arms, metric="minutes", alpha="low"))
    assert code == 2
    for why in (
        "arms[0].share: expected",
        "arms[0].treatment.ranking: expected one of blend, ",
        "nearest: popularity",
        "arms[1].name: expected the required field",
        "metric: expected one of watch_minutes, ",
        "alpha: expected `float`, got `str`",
        "see schemas/contracts/examples/experiment.v1.full.pass.json",
    ):
        assert why in said, said
    path = Path(desk.file())
    path.write_text(json.dumps({name: part for name, part in TRIAL.items() if name != "state"}))
    assert desk.json("create", str(path))["state"] == "draft"


def test_what_cannot_be_is_refused_with_the_reason(desk: Desk) -> None:
    """A bad definition, a name twice, an unknown one, a step out of order, no such arm, a wrong file."""
    bad = [dict(TRIAL["arms"][0], share=0.7), TRIAL["arms"][1]]  # type: ignore[call-overload, index]
    assert "shares add up to 1.2" in desk.run("create", desk.file(arms=bad))[1]
    odd = {"rows_first": ["explore"], "rows_without": ["top_picks", "genre", "genre"]}
    laid_out = [dict(TRIAL["arms"][0], treatment=odd), TRIAL["arms"][1]]  # type: ignore[call-overload, index]
    said = desk.run("create", desk.file(arms=laid_out))[1]
    for why in ("exploring row is the last", "top_picks is on every page", "genre is named twice"):
        assert why in said
    assert desk.run("create", desk.file())[0] == 0
    for words, why in (
        (("create", desk.file()), "an id is never used again"),
        (("stop", "trial"), "it is draft"),
        (("start", "other"), "there is no experiment other"),
        (("results", "other"), "there is no experiment other"),
        (("roll-out", "trial", "best"), "has no arm best"),
        (("roll-out", "trial", "blend"), "it was never started; it has no results"),
        (("roll-back", "trial"), "it is draft"),
        (("results", "trial"), "has no results"),
    ):
        code, said = desk.run(*words)
        assert code == 1
        assert why in said
    assert desk.run("create", "/nowhere.json")[0] == 2
    assert desk.run("start", "trial")[0] == 0
    assert "it is running" in desk.run("start", "trial")[1]


def test_a_failed_split_is_never_rolled_out(desk: Desk) -> None:
    """Not even by force; the results show what is wrong, and their JSON is the record."""
    desk.run("create", desk.file(), "--start")
    found = ExperimentResult(
        experiment_id="trial", at_ms=T0, viewers=3, arms=(), lifts=(), sample_ratio_p=0.0,
        verdict=Verdict.SAMPLE_RATIO, because="1 : 2 viewers",
    )  # fmt: skip
    put(desk.settings, topics.EXPERIMENT_RESULTS, b"trial", encode(found))
    assert read_results(desk.settings) == {"trial": found}
    assert "1 : 2 viewers" in desk.run("results", "trial")[1]
    assert desk.json("results")[0]["verdict"] == "sample_ratio"
    code, said = desk.run("roll-out", "trial", "blend", "--force")
    assert code == 1
    assert "not rolled out" in said


def test_an_undecided_experiment_is_rolled_out_only_when_that_is_confirmed(desk: Desk) -> None:
    """What is missing is said; the audit log has both the refusal and the confirmation."""
    desk.run("create", desk.file(), "--start")
    early = ExperimentResult(
        experiment_id="trial", at_ms=T0, viewers=3, arms=(), lifts=(), sample_ratio_p=1.0,
        verdict=Verdict.COLLECTING, because="3 of 1000 viewers in the smallest arm, 0.1 of 7 days",
    )  # fmt: skip
    put(desk.settings, topics.EXPERIMENT_RESULTS, b"trial", encode(early))
    code, said = desk.run("roll-out", "trial", "blend")
    assert code == 1
    assert "does not decide for blend why: 3 of 1000 viewers in the smallest arm" in said
    assert "--force" in said
    assert read_experiments(desk.settings)["trial"].state is ExperimentState.RUNNING
    won = structs.replace(early, verdict=Verdict.WINNER, winner="popular", because="popular: +9 %")
    put(desk.settings, topics.EXPERIMENT_RESULTS, b"trial", encode(won))
    assert "the results decide for popular" in desk.run("roll-out", "trial", "blend")[1]
    assert desk.json("roll-out", "trial", "popular")["winner"] == "popular"
    assert "is rolled out already" in desk.run("roll-out", "trial", "popular")[1]
    assert desk.json("roll-out", "trial", "blend", "--force")["winner"] == "blend"
    log = [decode_audit(one.value()) for one in read_all(desk.settings, topics.AUDIT)]
    outs = [one for one in log if one.action is AuditAction.EXPERIMENT_ROLL_OUT]
    assert [one.refused is None for one in outs] == [False, False, True, False, True]
    assert "confirmed without a decision" in (outs[-1].detail or "")


def test_the_control_is_rolled_out_where_all_others_are_worse() -> None:
    """The results decide for it, as for a winner."""
    arms = (Arm(name="a", share=0.5), Arm(name="b", share=0.5))
    one = Experiment(experiment_id="one", state=ExperimentState.STOPPED, arms=arms)
    worse = ExperimentResult(
        experiment_id="one", at_ms=T0, viewers=3, arms=(), lifts=(), sample_ratio_p=1.0,
        verdict=Verdict.NO_WINNER, because="every other arm is worse than the control",
    )  # fmt: skip
    assert undecided(one, worse, "a") == []
    assert undecided(one, worse, "b") == ["every other arm is worse than the control"]


def test_what_cannot_be_read_or_run_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    """A record that is no experiment leaves its predecessor in force; one with faults is never in a plan."""
    metrics = Metrics()
    reader = experiments_of(Settings(), partitions=1, metrics=metrics)
    arms = (Arm(name="a", share=0.5), Arm(name="b", share=0.5, treatment=Treatment(ranking=Ranking.TRENDING)))
    one = Experiment(experiment_id="one", state=ExperimentState.RUNNING, arms=arms)
    alone = Experiment(experiment_id="alone", state=ExperimentState.RUNNING, arms=arms[:1])
    reader.take([message(b"one", encode(one)), message(b"alone", encode(alone))])
    assert list(reader.newest.by_id) == ["one"]
    assert "table_record_unusable" in capsys.readouterr().out
    reader.take([message(b"one", b"{")])
    assert list(reader.newest.by_id) == ["one"]
    reader.take([message(b"one", encode(one)), message(b"one", None)])
    assert reader.newest.idle
    assert len(reader.waiting()) == 1


def test_power_says_how_soon_a_lift_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    """With a lift of a half everything is found, and the past helps or does no harm."""
    words = ["--lift", "0.5", "--trials", "10", "--viewers", "2000", "--json", "-"]
    assert main(["experiments", "power", *words]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["found"] == 1.0
    assert found["half_decided_by"] <= 2_000
    assert found["plain"]["wrong"] == 0.0
