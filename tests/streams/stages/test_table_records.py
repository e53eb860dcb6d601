"""Records of every table that workers read whole: what decodes is taken; what is not stops nobody."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs as replaced

from online_models.config import CoWatchConfig, FactorizationConfig, ModelConfig
from online_models.tables.rows import TITLE_ROWS
from schemas import DecodeError, Reason, Title, topics
from schemas.catalog import Availability
from schemas.codec import decode_dead_letter, decode_experiment, decode_rule, decode_title, encode
from schemas.dead_letters import DeadLetter
from schemas.experiments import Audience, Experiment
from schemas.rules import BusinessRule, RuleKind
from schemas.versions import ModelSwitch, ModelVersion
from streams.config.settings import Settings
from streams.engine.stage import Outcome
from streams.engine.table_records import MOST_LETTER_BYTES, TableRecords, UnusableRecords
from streams.errors import StreamError
from streams.kafka.clients import producer
from streams.kafka.scan import read_all
from streams.ops.local_kafka.embedded import EmbeddedCluster
from streams.ops.runs.worker_process import WorkerProcess
from streams.serve.mirror.rules import RuleAudience
from streams.serve.mirror.titles import TitleDirectory
from streams.stages.analytics.catalog_counts import CatalogCounts
from streams.stages.experiments.definitions import EXPERIMENTS, experiments_of
from streams.stages.rules import RULES, rules_of
from streams.stages.versions.register import Register
from streams.stages.versions.status import RegisteredVersion
from streams.stages.viewers.replica import Replica
from streams.stages.viewers.table_letters import TableLetters
from streams.telemetry.metrics import Metrics
from tests.schemas.conftest import CLEAN, structs
from tests.streams.steps import T0, Line, MemoryStore, message, pages_of, watch
from tests.waiting import until

SMALL = ModelConfig(factorization=FactorizationConfig(factors=2), cowatch=CoWatchConfig(neighbours=16))
LAW = settings(deadline=None)
PAIRS = st.lists(st.text(CLEAN, min_size=2, max_size=2), max_size=3).map(tuple)
"""Countries as a type checker sees them: any two characters."""


def _replica(model: ModelConfig | None = None) -> Replica:
    """Make a replica that reads nothing by itself."""
    chosen = Settings() if model is None else Settings(model=model)
    return Replica(chosen, partitions=1, viewer_partitions=1, metrics=Metrics())


def _titles() -> st.SearchStrategy[Title]:
    def located(title: Title, countries: tuple[str, ...]) -> Title:
        return replaced.replace(title, availability=Availability(countries=countries))

    return structs(Title) | st.builds(located, structs(Title), PAIRS)


@dataclass
class Tables:
    """One reader of each table, for laws: they may keep what earlier examples left."""

    replica: Replica = field(default_factory=_replica)
    counts: CatalogCounts = field(
        default_factory=lambda: CatalogCounts(Settings(), partitions=1, metrics=Metrics())
    )
    directory: TitleDirectory = field(default_factory=TitleDirectory)


TABLES = Tables()


def _decodes(decode: Callable[[bytes], object], value: bytes, field: str) -> bool:
    """Return whether a value decodes; one that does not has a wrong country."""
    try:
        decode(value)
    except DecodeError as error:
        if error.field != field:
            raise
        return False
    return True


@LAW
@given(_titles())
def test_a_title_that_decodes_is_taken_by_every_reader(title: Title) -> None:
    """Workers, the insights' catalog and the server; whatever its countries, times, names and tags are."""
    key, value = title.title_id.encode(), encode(title)
    if not _decodes(decode_title, value, "availability.countries[...]"):
        return
    TABLES.replica._take_titles([message(key, value)])
    TABLES.counts._take([message(key, value)])
    TABLES.directory._take_change((key, value))


@LAW
@given(
    structs(BusinessRule)
    | st.builds(lambda r, c: replaced.replace(r, countries=c), structs(BusinessRule), PAIRS)
)
def test_a_rule_that_decodes_is_taken(rule: BusinessRule) -> None:
    """It is in force, or it has faults that are named; and pages can be made under it."""
    value = encode(rule)
    if not _decodes(decode_rule, value, "countries[...]"):
        return
    catalog = TABLES.replica.catalog
    reader = rules_of(Settings(), partitions=1, metrics=Metrics(), on_change=catalog.set_rules)
    if faults := RULES.faults(rule):
        assert all(faults)
        return
    reader._take([message(b"r", value)])
    catalog.guard(limit=255, country=20041, now_ms=T0)
    catalog.pins(limit=255, country=20041, now_ms=T0)


@LAW
@given(
    structs(Experiment)
    | st.builds(lambda e, c: replaced.replace(e, audience=Audience(countries=c)), structs(Experiment), PAIRS)
)
def test_an_experiment_that_decodes_is_taken(experiment: Experiment) -> None:
    """It is in the plan, or it has faults that are named; and every viewer gets a treatment."""
    value = encode(experiment)
    if not _decodes(decode_experiment, value, "audience.countries[...]"):
        return
    reader = experiments_of(Settings(), partitions=1, metrics=Metrics())
    if faults := EXPERIMENTS.faults(experiment):
        assert all(faults)
        return
    reader._take([message(b"e", value)])
    reader.newest.treatment_for("ada", at_ms=T0, country="IN", maturity=12)


@LAW
@given(structs(ModelVersion) | structs(ModelSwitch))
def test_a_version_that_decodes_is_taken(entry: ModelVersion | ModelSwitch) -> None:
    """Whatever the register holds, it says which version publishes."""
    register = Register()
    kind = b"version:" if isinstance(entry, ModelVersion) else b"switch:"
    register.take([message(kind + b"x", encode(entry))])
    assert register.live
    register.succeeded(register.live)


@given(st.binary(min_size=64, max_size=64), st.text(CLEAN, min_size=1, max_size=64))
def test_a_row_of_the_model_that_can_be_read_is_taken(noise: bytes, title: str) -> None:
    """Whatever its numbers are; those that no worker writes are refused, and nothing else is raised."""
    dtype = TITLE_ROWS.dtype(SMALL)
    row = np.frombuffer((noise * dtype.itemsize)[: dtype.itemsize], dtype).copy()
    row["version"] = TITLE_ROWS.version
    row["neighbours"] = 0
    with np.errstate(all="ignore"), suppress(DecodeError):
        _replica(SMALL)._take_rows([message(title.encode(), row.tobytes())])


@given(
    st.binary(max_size=80),
    st.sampled_from(
        [b"t", b"\x01learned", b"\x02country:IN", b"\x04t", b"\x06cohorts", b"\xff", b"version:1"]
    ),
)
def test_bytes_of_any_kind_stop_no_reader(noise: bytes, key: bytes) -> None:
    """A worker goes on, and what it could not use is counted."""
    unusable = UnusableRecords(Metrics(), letters=True)
    replica = Replica(Settings(), partitions=1, viewer_partitions=1, metrics=Metrics(), unusable=unusable)
    rules = rules_of(Settings(), partitions=1, metrics=Metrics(), on_change=lambda _: None, unusable=unusable)
    bad = [message(key, noise, offset=7)]
    for take in (replica.take_rows, replica.take_titles, rules.take):
        take(bad)
    assert unusable.count(topics.CATALOG) == unusable.count(topics.RULES) == 1
    assert {letter.source.offset for letter in unusable.take_letters()} == {7}


def _on(page: Any) -> set[str]:
    return {item.title_id for row in page.rows for item in row.items}


GUARDED = Title(
    title_id="adult", maturity=18, availability=Availability(countries=("DE",), end_ms=T0 + 1_000)
)
BAD = encode(GUARDED).replace(b'"maturity":18', b'"maturity":19')
"""A newer record that nobody can read: no profile is 19."""


@pytest.mark.parametrize("records", [(encode(GUARDED), BAD), (BAD,)], ids=["running", "restarted"])
def test_an_unreadable_record_takes_no_guard_away(records: tuple[bytes, ...]) -> None:
    """Its last guard holds; where compaction left the bad record alone, the title is shown to nobody."""
    line, directory = Line(), TitleDirectory()
    line.put(*(Title(title_id=f"t{k}") for k in range(4)))
    line.replica.take_titles([message(b"adult", value) for value in records])
    directory.on_catalog([(b"adult", value) for value in records])
    for n in range(10):
        seen = (watch(f"v{n}", f"t{k}", n) for k in range(2))
        line.feed(*seen, watch(f"v{n}", "adult", n, country="DE"))
    (page,) = pages_of(line.feed(watch("fr", "t1", 5_000, country="FR")))
    assert "adult" not in _on(page)
    assert not directory.allowed("adult", RuleAudience(T0 + 5_000, country="FR"))
    line.put(GUARDED, Title(title_id="adult"))
    assert line.count("unusable_records", topic=topics.CATALOG) == 0
    (page,) = pages_of(line.feed(watch("fr", "t0", 5_100, country="FR")))
    assert "adult" in _on(page)


def test_a_record_under_another_titles_key_is_unusable() -> None:
    """Its tombstone would withdraw the other title."""
    line = Line(letters=True)
    line.replica.take_titles([message(b"b", encode(Title(title_id="a")), offset=3)])
    assert not line.replica.catalog.has_record("a")
    (letter,) = line.step(line.records([watch("ada", "t1")])).dead_letters
    assert (letter.reason, letter.key, letter.field) == (Reason.KEY_MISMATCH, b"b", "title_id")


def test_an_exclusion_stays_when_a_newer_record_cannot_be_read() -> None:
    """A rule goes with a tombstone only."""
    told: list[Any] = []
    reader = rules_of(Settings(), partitions=1, metrics=Metrics(), on_change=told.append)
    rule = BusinessRule(rule_id="r", kind=RuleKind.EXCLUDE, titles=("adult",))
    reader.take([message(b"r", encode(rule)), message(b"r", encode(rule).replace(b"exclude", b"exclud"))])
    assert told[-1].rules == [rule]


def test_a_bad_record_is_one_dead_letter_whoever_reads_it_and_how_often() -> None:
    """Of all workers, and of all their starts: the owner of partition 0 says once where it is and why."""
    line, bad = Line(letters=True), message(b"x", b'{"title_id":7}', partition=2, offset=41)
    line.replica.take_titles([bad])
    (letter,) = line.step(line.records([watch("ada", "t1")])).dead_letters
    assert (letter.source.topic, letter.source.partition, letter.source.offset) == (topics.CATALOG, 2, 41)
    assert (letter.stage, letter.key, letter.field, letter.reason) == (
        "tables", b"x", "title_id", Reason.WRONG_TYPE,
    )  # fmt: skip
    line.replica.take_titles([bad])  # another worker, or this one after a restart, reads the table again
    line.restart()
    assert line.viewers.due_s() == 0.0
    assert line.flush_due().dead_letters == []
    line.replica.take_titles([message(b"x", b"{", partition=2, offset=42)])
    assert line.viewers.due_s() == 0.0
    assert [one.source.offset for one in line.flush_due().dead_letters] == [42]
    assert line.viewers.due_s() == 1.0


def test_none_is_written_again() -> None:
    """Neither by a successor nor by a shadow that takes over: the engine drops those of a shadow."""
    unusable, store = UnusableRecords(Metrics(), letters=True), MemoryStore()
    for offset, expected in ((1, [1]), (1, []), (2, [2])):
        unusable.add(topics.RULES, b"r", _error(), message(b"r", b"{", offset=offset, topic=topics.RULES))
        out = Outcome()
        TableLetters(store, unusable).put(out)  # type: ignore[arg-type] - a store of tests
        store.commit(out)
        assert [one.source.offset for one in out.dead_letters] == expected


def _error() -> DecodeError:
    return DecodeError(Reason.MALFORMED, None, "expected one JSON object")


def test_dead_letters_that_nobody_fetches_are_bounded() -> None:
    """Workers without partition 0 keep the newest ones only; all are counted."""
    unusable, big = UnusableRecords(Metrics(), letters=True), bytes(60_000)
    n = MOST_LETTER_BYTES // len(big) + 10
    for offset in range(n):
        unusable.add(topics.CATALOG, b"%d" % offset, _error(), message(b"%d" % offset, big, offset=offset))
    letters = unusable.take_letters()
    assert n - 12 < len(letters) < n
    assert letters[-1].source.offset == n - 1
    assert unusable.count(topics.CATALOG) == n


@pytest.mark.parametrize("fault", [StreamError("the broker refuses"), MemoryError()])
def test_what_is_no_records_fault_ends_the_process(fault: BaseException) -> None:
    """A right that is missing or a newer program's rows are not passed over."""

    def fail(_: object) -> None:
        raise fault

    take: Callable[..., None] = TableRecords(topics.CATALOG, fail, UnusableRecords(Metrics()))
    with pytest.raises(type(fault)):
        take([message(b"x", b"{")])


def test_a_worker_whose_tables_hold_a_bad_record_each_gets_ready(
    embedded: EmbeddedCluster, topic_prefix: str
) -> None:
    """Its readers read on to the ends, and what is good is there."""
    names = (topics.CATALOG, topics.TITLE_MODEL, topics.RULES, topics.EXPERIMENTS, topics.MODEL_VERSIONS)
    embedded.create([f"{topic_prefix}{name}" for name in names])
    chosen = Settings.load(brokers=embedded.bootstrap_servers, topic_prefix=topic_prefix, check_crcs=False)
    poison = '{"title_id":"bad","availability":{"countries":["ÖS"]}}'.encode()
    writer = producer(chosen)
    writer.produce(chosen.topic(topics.CATALOG), encode(Title(title_id="good")), b"good")
    for name in names:  # in partition 0, the only one of the model that is read
        writer.produce(chosen.topic(name), poison, b"version:bad", partition=0)
    assert writer.flush(10) == 0
    metrics, died = Metrics(), list[BaseException]()
    unusable = UnusableRecords(metrics, letters=True)
    replica = Replica(chosen, partitions=4, viewer_partitions=4, metrics=metrics, unusable=unusable)
    replica._guards._die = replica._model._die = died.append
    rules = rules_of(
        chosen, partitions=4, metrics=metrics, on_change=replica.catalog.set_rules, unusable=unusable
    )
    experiments = experiments_of(chosen, partitions=4, metrics=metrics, unusable=unusable)
    versions = RegisteredVersion(chosen, partitions=4, metrics=metrics, unusable=unusable)
    parts = (versions, replica, experiments, rules)
    for part in parts:
        part.start()
    try:
        for reader in (replica, experiments, rules):
            reader.wait()
        until(lambda: sum(unusable.count(name) for name in names) == len(names))
    finally:
        for part in parts:
            part.stop()
    assert died == []
    assert replica.catalog.has_record("good")
    assert {letter.source.topic for letter in unusable.take_letters()} == {chosen.topic(n) for n in names}


@pytest.mark.embedded
@pytest.mark.slow
def test_through_a_worker_that_starts_twice(
    embedded: EmbeddedCluster, topic_prefix: str, tmp_path: Path
) -> None:
    """Its dead letter comes within seconds, with no event at all, and once."""
    embedded.create([f"{topic_prefix}{name}" for name in topics.TOPICS])
    chosen = Settings(brokers=embedded.bootstrap_servers, topic_prefix=topic_prefix, check_crcs=False)
    writer = producer(chosen)
    writer.produce(chosen.topic(topics.CATALOG), b'{"title_id":7}', b"bad")
    assert writer.flush(10) == 0
    found: list[DeadLetter] = []

    def letters() -> list[DeadLetter]:
        found[:] = [decode_dead_letter(one.value()) for one in read_all(chosen, topics.DEAD_LETTERS)]
        return found

    for n in (1, 2):
        with WorkerProcess(chosen, tmp_path) as worker:
            worker.wait_ready()
            until(letters)
            writer.produce(chosen.topic(topics.EVENTS), b"{", f"v{n}".encode())
            assert writer.flush(10) == 0
            until(lambda: len(letters()) == 1 + n)  # noqa: B023 - called at once
            worker.stop()
    assert [one.key for one in found if one.stage == "tables"] == [b"bad"]
