"""`nearline rules` on a cluster: what it writes, shows and refuses; who hears of it, and what they do."""

import json
from pathlib import Path
from typing import Any

import pytest

from online_models.catalog.business_rules import RuleSet, in_force
from schemas import Title, topics
from schemas.codec import encode
from schemas.fields import ItemReason, RowKind
from schemas.rules import BusinessRule, PinRow, RuleKind
from streams.cli import main
from streams.config.settings import Settings
from streams.kafka.produce import put
from streams.ops.local_kafka.embedded import EmbeddedCluster
from streams.stages.rules import read_rules, rules_of
from streams.telemetry.metrics import Metrics
from tests.streams.steps import Line, message, pages_of, watch
from tests.waiting import until

GONE = BusinessRule(rule_id="gone", kind=RuleKind.EXCLUDE, titles=("t1",))


class Desk:
    """An operator's desk: commands, and the topic."""

    def __init__(self, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
        self.settings, self._capsys = settings, capsys

    def run(self, *words: str) -> tuple[int, str]:
        """Run a command; return its code and what it said."""
        where = ["--brokers", self.settings.brokers, "--prefix", self.settings.topic_prefix]
        code = main(["rules", *words, *where])
        out = self._capsys.readouterr()
        return code, " ".join((out.out + out.err).split())

    def json(self, *words: str) -> Any:
        """Run a command that has to do its work, and read its JSON."""
        where = ["--brokers", self.settings.brokers, "--prefix", self.settings.topic_prefix]
        self._capsys.readouterr()
        assert main(["rules", *words, *where, "--json", "-"]) == 0
        return json.loads(self._capsys.readouterr().out)


@pytest.fixture
def desk(embedded: EmbeddedCluster, topic_prefix: str, capsys: pytest.CaptureFixture[str]) -> Desk:
    """Give a desk with a topic of its own."""
    embedded.create([f"{topic_prefix}{name}" for name in (topics.RULES, topics.AUDIT, topics.CATALOG)])
    where = {"brokers": embedded.bootstrap_servers, "topic_prefix": topic_prefix}
    return Desk(Settings(**where, check_crcs=False), capsys)  # type: ignore[arg-type]


def test_a_rule_from_options_to_its_end(desk: Desk, tmp_path: Path) -> None:
    """Created, listed, shown, replaced from a file, removed; a reader hears each without a new start."""
    heard: list[list[str]] = []
    reader = rules_of(
        desk.settings,
        partitions=4,
        metrics=Metrics(),
        on_change=lambda every: heard.append([one.rule_id for one in every.rules]),
    )
    reader.start()
    try:
        reader.wait()
        made = desk.json(
            "create", "diwali", "--kind", "boost", "--tag", "genre:Drama", "--tag", "language:hi",
            "--factor", "2", "--country", "IN", "--since", "2025-11-07", "--until", "2025-11-14T12:00",
            "--note", "the festival",
        )  # fmt: skip
        assert made == {
            "rule_id": "diwali", "kind": "boost", "tags": {"genre": ["Drama"], "language": ["hi"]},
            "factor": 2.0, "countries": ["IN"], "starts_at_ms": 1762473600000, "ends_at_ms": 1763121600000,
            "note": "the festival",
        }  # fmt: skip
        until(lambda: heard[-1:] == [["diwali"]])
        assert desk.json("list") == [made]
        assert "boost 2" in desk.run("list")[1]
        assert desk.json("show", "diwali") == {"rule": made, "faults": []}
        assert "2025-11-14 12:00" in desk.run("show", "diwali")[1]
        file = tmp_path / "rule.json"
        file.write_text(json.dumps(made | {"factor": 3.0}))
        assert "replace it (--replace)" in desk.run("create", "--file", str(file))[1]
        assert desk.json("create", "--file", str(file), "--replace")["factor"] == 3.0
        assert desk.json("remove", "diwali") == {"removed": "diwali"}
        until(lambda: heard[-1] == [])
    finally:
        reader.stop()
    assert read_rules(desk.settings) == {}
    assert "no rule yet" in desk.run("list")[1]


def test_a_rule_is_stopped_and_started_again(desk: Desk) -> None:
    """It stays between; a step out of order is refused."""
    assert "there is no rule gone" in desk.run("stop", "gone")[1]
    desk.json("create", "gone", "--kind", "exclude", "--tag", "genre:Drama", "--until", "2099-01-01")
    assert "applies already" in desk.run("start", "gone")[1]
    stopped = desk.json("stop", "gone")
    assert not in_force(read_rules(desk.settings)["gone"], stopped["ends_at_ms"])
    assert "does not apply now" in desk.run("stop", "gone")[1]
    started = desk.json("start", "gone")
    assert started["starts_at_ms"] >= stopped["ends_at_ms"]
    assert "ends_at_ms" not in started
    later = ["create", "later", "--kind", "exclude", "--tag", "genre:Drama", "--since", "2098-01-01"]
    ends = desk.json(*later, "--until", "2099-01-01")["ends_at_ms"]
    assert desk.json("start", "later")["ends_at_ms"] == ends


def test_what_means_nothing_is_refused_with_the_reason(desk: Desk, tmp_path: Path) -> None:
    """By the contract, by sense, by what there is; and nothing is written."""
    (tmp_path / "typo.json").write_text(
        '{"rule_id": "x", "kind": "exclude", "titles": ["a"], "country": ["IN"]}'
    )
    (tmp_path / "tag.json").write_text('{"rule_id": "x", "kind": "exclude", "tags": {"genres": ["Horror"]}}')
    for code, words, why in (
        (2, ("create", "x", "--kind", "boost", "--title", "a", "--factor", "1000"), "factor"),
        (2, ("create", "--kind", "exclude", "--title", "a"), "rule_id"),
        (2, ("create", "x", "--kind", "exclude", "--tag", "colour:red"), "is not a tag"),
        (2, ("create", "--file", "/nowhere.json"), "cannot read"),
        (2, ("create", "--file", str(tmp_path / "typo.json")), "country: no such field"),
        (2, ("create", "--file", str(tmp_path / "tag.json")), "tags.genres: no such field"),
        (1, ("create", "x", "--kind", "boost", "--title", "a"), "factor above 1"),
        (1, ("create", "x", "--kind", "exclude"), "matches nothing"),
        (1, ("show", "x"), "there is no rule x"),
        (1, ("remove", "x"), "there is no rule x"),
    ):
        found, said = desk.run(*words)
        assert (found, why in said) == (code, True), said
    assert read_rules(desk.settings) == {}


def test_titles_that_do_not_exist_are_refused(desk: Desk) -> None:
    """A mistyped id would match nothing, and nobody would notice: the nearest is named; --force takes it."""
    put(desk.settings, topics.CATALOG, b"t-paper-tide", encode(Title(title_id="t-paper-tide")))
    pin = ("create", "launch", "--kind", "pin", "--row", "featured", "--title")
    code, said = desk.run(*pin, "t-papertide")
    assert code == 1
    assert "the catalog has no title t-papertide" in said
    assert "nearest: t-paper-tide" in said
    assert read_rules(desk.settings) == {}
    assert desk.run(*pin, "t-paper-tide")[0] == 0
    put(desk.settings, topics.CATALOG, b"t-paper-tide", None)
    assert desk.run(*pin, "t-paper-tide", "--replace")[0] == 1
    assert desk.run(*pin, "t-paper-tide", "--replace", "--force")[0] == 0


def test_a_record_that_nobody_can_read_can_be_removed(desk: Desk) -> None:
    """Whoever wrote it, and whatever it is."""
    put(desk.settings, topics.RULES, b"broken", b"{")
    assert desk.run("show", "broken")[0] == 1
    assert desk.run("remove", "broken")[0] == 0
    assert desk.run("remove", "broken")[0] == 1


def test_what_cannot_be_read_or_used_is_counted_and_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    """It hinders no other rule, and its last usable record stays in force until a tombstone comes."""
    metrics, told = Metrics(), list[RuleSet]()
    reader = rules_of(Settings(), partitions=1, metrics=metrics, on_change=told.append)
    useless = BusinessRule(rule_id="useless", kind=RuleKind.BOOST, titles=("a",), factor=0.5)

    def counted() -> tuple[float | None, ...]:
        states = ({"topic": topics.RULES, "state": state} for state in ("used", "left_out"))
        return tuple(metrics.registry.get_sample_value("nearline_definitions", one) for one in states)

    reader.take([message(b"gone", encode(GONE)), message(b"useless", encode(useless)), message(b"bad", b"{")])
    assert [one.rule_id for one in told[-1].rules] == ["gone"]
    assert counted() == (1.0, 2.0)
    said = capsys.readouterr().out
    assert said.count("table_record_unusable") == 2
    assert "a boost has a factor above 1" in said
    reader.take([message(b"gone", b"\xff"), message(b"useless", None), message(b"bad", None)])
    assert told[-1].rules == [GONE]
    assert counted() == (1.0, 1.0)
    reader.take([message(b"gone", None)])
    assert told[-1].rules == []
    assert counted() == (0.0, 0.0)


def test_the_next_page_is_made_under_the_newest_rules() -> None:
    """A campaign runs by the events' time; what is pinned says so on the wire; removed, all is as before."""
    line = Line()
    line.put(*(Title(title_id=f"t{n}") for n in range(12)))
    line.feed(*(watch(f"c{n}", f"t{n % 6}", n) for n in range(30)))
    number = 100

    def shown() -> dict[str, tuple[RowKind, str | None]]:
        nonlocal number
        number += 1
        (page,) = pages_of(line.feed(watch("ada", "t0", number)))
        return {item.title_id: (row.kind, item.reason) for row in page.rows for item in row.items}

    def obey(*rules: BusinessRule) -> None:
        line.replica.catalog.set_rules(RuleSet(rules))

    assert "t1" in shown()
    obey(GONE, BusinessRule(rule_id="p", kind=RuleKind.PIN, titles=("t7",), row=PinRow.TOP_PICKS, slot=0))
    page = shown()
    assert "t1" not in page
    assert page["t7"] == (RowKind.TOP_PICKS, ItemReason.FEATURED)
    obey(
        BusinessRule(
            rule_id="gone",
            kind=RuleKind.EXCLUDE,
            titles=("t1",),
            starts_at_ms=1_700_000_000_000 + 103,
            ends_at_ms=1_700_000_000_000 + 104,
        )
    )
    assert ["t1" in shown() for _ in range(2)] == [False, True]
    obey()
    assert ItemReason.FEATURED not in {reason for _, reason in shown().values()}
