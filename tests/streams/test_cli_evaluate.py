"""`nearline evaluate`: tables for people, JSON for programs, a page with pictures, and codes."""

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from online_models.evaluation import HISTORY_BUCKETS
from streams.cli import main

KEYS = {"hr@10", "hr@10_se", "ndcg@10", "mrr", "by_history", "tested", "every", "events_per_s"}


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
    document = run_json(capsys, "--ratings", str(ratings), "--min-rating", "3", "--feedback", "all")
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
    assert {"blend", "cowatch", "factorization", "trending", "popularity", "biased_mf"} <= document[
        "models"
    ].keys()
    for model in document["models"].values():
        assert model.keys() == KEYS
        assert set(model["by_history"]) <= set(HISTORY_BUCKETS)
    assert document["models"]["biased_mf"]["every"] == 20


def test_the_recommenders_own_popularity_agrees_with_the_baseline(ratings: Path) -> None:
    """Two implementations of one count give one rank each time: the test sees the same candidates in both."""
    from online_models.baselines import Popularity  # noqa: PLC0415 - heavy, and wanted by this test alone
    from online_models.evaluation import evaluate  # noqa: PLC0415
    from online_models.evaluation.recommender import RecommenderModel  # noqa: PLC0415
    from online_models.recommender import Recommender  # noqa: PLC0415
    from streams.ratings import read_ratings  # noqa: PLC0415

    data = read_ratings(ratings).ratings
    leave_out = ("blend", "cowatch", "factorization", "trending")
    ours = RecommenderModel(Recommender(seed=1), data.viewer_ids, data.title_ids, leave_out)
    report = evaluate(data, {"ours": ours, "baseline": Popularity()})
    assert report.models["popularity"].metrics == report.models["baseline"].metrics


def test_two_runs_print_the_same_figures(ratings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All but the speed follows from file, options and seed."""
    words = (
        "--ratings",
        str(ratings),
        "--models",
        "blend,popularity,isgd",
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
    assert list(documents[0]["models"]) == ["blend", "popularity", "isgd"]


def test_people_get_tables(ratings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The protocol, a line a model with its standard error, and a line by history."""
    assert main(["evaluate", "--ratings", str(ratings), "--models", "popularity", "--limit", "200"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"ratings >= 4, feedback positives, order raw", out)
    assert re.search(r"popularity +0\.\d{4} +0\.\d{4}", out)
    assert "HR@10 by history" in out


def test_the_page_stands_alone(ratings: Path, tmp_path: Path) -> None:
    """One file: three drawn pictures with descriptions, the table, no address to fetch from."""
    page = tmp_path / "report.html"
    words = ["--ratings", str(ratings), "--models", "blend,popularity", "--report", str(page)]
    assert main(["evaluate", *words]) == 0
    text = page.read_text(encoding="utf-8")
    drawings = re.findall(r"<svg .*?</svg>", text, re.DOTALL)
    assert len(drawings) == 3
    assert all(ET.fromstring(drawing).get("aria-label") for drawing in drawings)  # noqa: S314 - our own
    assert not re.search(
        r'(?:src|href)="(?!#)(?!http://www.w3.org)', re.sub(r"<svg .*?</svg>", "", text, flags=re.DOTALL)
    )
    assert "<script" not in text
    assert "feedback positives" in text


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--models", "blend,oracle"], "there is no model oracle"),
        (["--min-rating", "6"], "nothing can be tested"),
        (["--report", "/nowhere/at/all.html", "--models", "chance"], "cannot write"),
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
