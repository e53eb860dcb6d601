"""`nearline evaluate`: tables for people, JSON for programs, a page with pictures, and codes."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from online_models.evaluation import HISTORY_BUCKETS, Ratings, Weights, evaluate
from online_models.evaluation.baselines import BASELINES, Popularity
from online_models.evaluation.goals import GOALS
from online_models.recommender import COLUMNS
from streams.cli import main
from streams.cli.views.evaluation_report import report as page

FIGURES = {f"{name}{kind}" for name in ("hr@10", "ndcg@10", "mrr") for kind in ("", "_se", "_spread")}
KEYS = FIGURES | {"by_history", "tested", "every", "events_per_s"}


@pytest.fixture
def ratings(tmp_path: Path) -> Path:
    """Give 600 ratings in the layout of u.data: 30 viewers of two tastes, each rates 20 of 40 titles once."""
    rng = np.random.default_rng(4)
    lines = []
    for at, pair in enumerate(rng.permutation(600).tolist()):
        viewer, title = pair % 30, pair // 30 + 20 * (pair % 2)
        lines.append(f"{viewer}\t{title}\t{int(rng.integers(1, 6))}\t{1_000_000 + at * 60}\n")
    path = tmp_path / "u.data"
    path.write_text("".join(lines))
    return path


def run_json(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    """Run with --json - and read standard output, which must hold the document and nothing else."""
    assert main(["evaluate", *words, "--json", "-"]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_json_on_stdout_holds_every_model_and_nothing_else(
    ratings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The documented keys, for the blend and for popularity, with the protocol beside them."""
    words = ("--min-rating", "3", "--feedback", "all", "--compare", "all")
    document = run_json(capsys, "--ratings", str(ratings), *words)
    assert document["protocol"] == {
        "min_rating": 3.0,
        "feedback": "all",
        "rejected_at": 2.0,
        "order": "raw",
        "seed": 0,
        "session_gap_ms": 3_600_000,
        "warm_up": 0.2,
        "limit": None,
    }
    assert (document["events"], document["viewers"], document["titles"]) == (600, 30, 40)
    assert document["ratings"] == "u.data"
    assert document["events_per_s"] > 0
    assert document["models"].keys() == {*COLUMNS, *BASELINES}
    for model in document["models"].values():
        assert model.keys() == KEYS
        assert set(model["by_history"]) <= set(HISTORY_BUCKETS)
    assert document["models"]["biased_mf"]["every"] == 20


def test_the_model_is_configured_as_a_worker_is(
    ratings: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable changes what is measured, in the stream and in a scenario."""
    words = ("--ratings", str(ratings), "--scenario", "all", "--compare", "none", "--limit", "300")
    usual = run_json(capsys, *words)
    monkeypatch.setenv("NEARLINE_MODEL__FACTORIZATION__LEARNING_RATE", "0.4")
    changed = run_json(capsys, *words)
    assert usual["models"]["factorization"]["by_history"] != changed["models"]["factorization"]["by_history"]
    assert usual["scenarios"]["dislikes"] != changed["scenarios"]["dislikes"]


def test_the_recommenders_own_popularity_agrees_with_the_baseline(ratings: Path) -> None:
    """Two implementations of one count give one rank each time: the test sees the same candidates in both."""
    from online_models.evaluation.recommender import RecommenderModel  # noqa: PLC0415 - heavy, and wanted by this test alone
    from online_models.recommender import Recommender  # noqa: PLC0415
    from streams.ops.ratings import read_ratings  # noqa: PLC0415

    data = read_ratings(ratings).ratings
    leave_out = [name for name in COLUMNS if name != "popularity"]
    ours = RecommenderModel(Recommender(seed=1), data.viewer_ids, data.title_ids, leave_out)
    report = evaluate(data, {"ours": ours, "baseline": Popularity()})
    assert report.models["popularity"].metrics == report.models["baseline"].metrics


def test_two_runs_print_the_same_figures(ratings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All but the speed follows from file, options and seed."""
    words = (
        "--ratings",
        str(ratings),
        "--compare",
        "popularity,isgd",
        "--order",
        "shuffled",
        "--seed",
        "3",
    )
    documents = [run_json(capsys, *words) for _ in range(2)]
    for document in documents:
        document.pop("events_per_s")
        for model in document["models"].values():
            model.pop("events_per_s")
    assert documents[0] == documents[1]
    ours = [name for name in COLUMNS if name != "popularity"]
    assert list(documents[0]["models"]) == [*ours, "popularity", "isgd"]


def test_people_get_tables(ratings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The protocol, a line a model with its standard error, and a line by history."""
    assert main(["evaluate", "--ratings", str(ratings), "--compare", "popularity", "--limit", "200"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"ratings >= 4, feedback positives, order raw", out)
    assert re.search(r"popularity +0\.\d{4} ±\.\d{4}", out)
    assert "HR@10 by history" in out


def test_the_page_stands_alone(ratings: Path, tmp_path: Path) -> None:
    """One file: four drawn pictures with descriptions, the table, no address to fetch from."""
    report = tmp_path / "report.html"
    words = ["--ratings", str(ratings), "--compare", "popularity", "--report", str(report)]
    assert main(["evaluate", *words]) == 0
    text = report.read_text(encoding="utf-8")
    drawings = re.findall(r"<svg .*?</svg>", text, re.DOTALL)
    assert len(drawings) == 4
    assert all(ET.fromstring(drawing).get("aria-label") for drawing in drawings)  # noqa: S314 - our own
    assert not re.search(
        r'(?:src|href)="(?!#)(?!http://www.w3.org)', re.sub(r"<svg .*?</svg>", "", text, flags=re.DOTALL)
    )
    assert "<script" not in text
    assert "feedback positives" in text


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--compare", "popularity,oracle"], "there is no baseline oracle"),
        (["--compare", "river.optim.SGD"], "is no subclass of river.reco.base.Ranker"),
        (["--min-rating", "6"], "nothing can be tested"),
        (["--report", "/nowhere/at/all.html", "--compare", "chance"], "cannot write"),
        (["--order", "random"], "Invalid value"),
        (["--limit", "0"], "Invalid value"),
    ],
)
def test_bad_usage_is_code_2_with_a_reason(
    ratings: Path, capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    """What the caller can correct is said, and never a traceback."""
    assert main(["evaluate", "--ratings", str(ratings), *words]) == 2
    assert says in capsys.readouterr().err


def test_a_broken_file_names_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The reader's fault reaches the terminal with code 2."""
    (tmp_path / "u.data").write_text("1\t2\t3\t4\n1\t2\tx\t4\n")
    assert main(["evaluate", "--ratings", str(tmp_path / "u.data")]) == 2
    assert "line 2 of u.data is no rating" in capsys.readouterr().err


@pytest.fixture
def movies(tmp_path: Path) -> Path:
    """Give 30 viewers who come one after the other and rate 26 of 60 titles, in MovieLens' own layout."""
    rng = np.random.default_rng(8)
    lines, titles = [], []
    for viewer in range(30):
        for at, title in enumerate(rng.permutation(30)[:26] + 30 * (viewer % 2)):
            stars = rng.choice([1, 4, 5], p=[0.15, 0.4, 0.45])
            lines.append(f"{viewer}\t{title}\t{stars}\t{880_000_000 + 10_000 * viewer + at}\n")
    for title in range(60):
        flags = "|".join("1" if genre == 5 + title // 30 else "0" for genre in range(19))
        titles.append(f"{title}|Invented {title} ({1960 + title})|||{flags}\n")
    (tmp_path / "u.data").write_text("".join(lines))
    (tmp_path / "u.item").write_text("".join(titles))
    return tmp_path


def test_every_scenario_under_two_seeds(movies: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All of them in one run: figures with both errors for every model that can be asked, and a page."""
    report = movies / "report.html"
    river = "river.reco.FunkMF(n_factors=4, optimizer=river.optim.SGD(0.005))"
    words = ("--scenario", "all", "--compare", f"popularity,{river}", "--seeds", "2", "--every", "12")
    document = run_json(capsys, "--ratings", str(movies), *words, "--report", str(report))
    assert document["seeds"] == 2
    assert document["models"]["blend"]["hr@10_spread"] is not None
    assert set(document["scenarios"]) == {"taste-switch", "cold-viewer", "cold-title", "dislikes", "young"}
    for scenario in document["scenarios"].values():
        assert {"blend", "popularity", river} <= set(scenario["models"])
    assert document["scenarios"]["taste-switch"]["facts"]["pairs"] > 10
    share = document["scenarios"]["taste-switch"]["models"]["blend"]["3-5"]
    assert share["share_tested"] > 0
    assert share["share_spread"] is not None
    stranger = document["scenarios"]["cold-viewer"]["models"]
    assert stranger["blend"]["0"]["hr@10"] is not None
    assert stranger["cowatch"]["0"]["hr@10"] is None  # an expert makes no list of its own
    text = report.read_text(encoding="utf-8")
    assert len(re.findall(r"<svg ", text)) >= 7
    assert "Targets on MovieLens-100K" in text


@pytest.mark.nightly
def test_goals_are_run_in_two_processes(movies: Path, tmp_path: Path) -> None:
    """Figures beside targets as Markdown and as JSON, the same as in one process."""
    documents = []
    for jobs in ("1", "2"):
        out = tmp_path / f"goals-{jobs}.json"
        words = ["--goals", "--jobs", jobs, "--seeds", "2", "--json", str(out)]
        assert main(["evaluate", "--ratings", str(movies), *words]) == 0
        documents.append(json.loads(out.read_text()))
    assert [goal["name"] for goal in documents[0]["goals"]] == [goal.name for goal in GOALS]
    assert documents[0]["goals"] == documents[1]["goals"]
    assert documents[0]["runs"].keys() == {goal.run for goal in GOALS}


def test_no_broker_is_said_before_the_work(
    nowhere: str, ratings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A closed port ends it with code 3, and no table is printed first."""
    words = ["--through-kafka", "--brokers", nowhere]
    assert main(["evaluate", "--ratings", str(ratings), *words]) == 3
    captured = capsys.readouterr()
    assert "nearline kafka start" in captured.err
    assert captured.out == ""


def test_the_page_draws_weights_where_a_blend_tells_them() -> None:
    """A picture more, with every expert's name in it."""
    data = Ratings.from_columns("aabbcc", "xyxyxy", [5] * 6, range(6))
    plain = evaluate(data, {"popularity": Popularity()})
    weights = Weights(
        np.array([3, 6]), {"cowatch": np.array([[0.5, 0.6], [0.7, 0.8]]), "tags": np.ones((2, 2))}
    )
    told = page("x", [replace(plain, weights=weights)])
    assert told.count("<svg ") == page("x", [plain]).count("<svg ") + 1
    assert "Weights of the blend" in told
    assert ">tags</text>" in told


def test_goals_print_a_table(movies: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line a goal, in Markdown."""
    assert main(["evaluate", "--ratings", str(movies), "--goals"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + len(GOALS)
    assert lines[2].startswith("| HR@10, >= 4 stars, positives, raw | 0.")


@pytest.mark.slow
@pytest.mark.embedded
def test_through_kafka_the_same_stream_is_tested(
    movies: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blend and popularity here and there, and their ratio; every event is answered.

    How near the ratio is to one depends on how far the replica ran ahead, so it is not asserted:
    a title that the replica heard of early is a hit here and a miss in process.
    """
    monkeypatch.chdir(movies)
    words = ("--compare", "popularity", "--through-kafka", "--embedded", "--partitions", "2")
    document = run_json(capsys, "--ratings", str(movies), "--order", "shuffled", *words)
    through = document["through_kafka"]
    assert through["run"]["events"] == document["events"]
    tested = through["run"]["tested"]
    assert tested == document["models"]["blend"]["tested"]
    assert set(through["hr@10"]) == {"blend", "popularity"}
    for name, rates in through["hr@10"].items():
        assert rates["in_process"] == document["models"][name]["hr@10"]
        assert rates["ratio"] == pytest.approx(rates["through_kafka"] / rates["in_process"])
        assert 0 < rates["through_kafka"] <= 1


def test_a_river_ranker_joins_the_blend(ratings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its ranking is a column, its weights are reported; unknown ones and baselines' names are refused."""
    name = "river.reco.BiasedMF(n_factors=4)"
    words = ("--ratings", str(ratings), "--compare", "none", "--limit", "200")
    document = run_json(capsys, *words, "--expert", name)
    assert document["models"].keys() == {*COLUMNS, name}
    assert main(["evaluate", *words, "--expert", "river.reco.Nobody"]) == 2
    assert "--expert" in capsys.readouterr().err
    words = ("--ratings", str(ratings), "--compare", name, "--limit", "200", "--expert", name)
    assert main(["evaluate", *words]) == 2
