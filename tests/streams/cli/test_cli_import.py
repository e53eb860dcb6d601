"""`nearline import`: own files onto the topics, and from there onto a page."""

import json
from pathlib import Path
from typing import Any

import pytest

from schemas import topics
from schemas.codec import decode_event, decode_home, decode_title
from schemas.events import Event, Rate, Stop
from schemas.pages import Home
from schemas.partitioner import partition_for
from streams.cli import main
from streams.config.settings import Settings
from streams.kafka import scan as topic_scan
from streams.ops.imports import runs
from streams.ops.local_kafka.cluster import KafkaCluster
from streams.ops.local_kafka.embedded import EmbeddedCluster
from streams.ops.runs.worker_process import WorkerProcess, make_topics
from tests.waiting import until

DAY_S = 86_400
BEGIN_S = 1_700_000_000
TITLES = 40


@pytest.fixture
def settings(
    embedded: EmbeddedCluster, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """Give settings for a fresh cluster with topics; commands find it by the environment."""
    embedded.create([f"{topic_prefix}{name}" for name in topics.TOPICS])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEARLINE_BROKERS", embedded.bootstrap_servers)
    monkeypatch.setenv("NEARLINE_TOPIC_PREFIX", topic_prefix)
    return Settings.load(check_crcs=False)


def _import(
    capsys: pytest.CaptureFixture[str], *words: str, code: int = 0, yes: bool = True
) -> dict[str, Any]:
    """Run a command; return its document."""
    capsys.readouterr()
    assert main(["import", *words, *(["--yes"] if yes else []), "--json", "-"]) == code
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def _catalog(path: Path) -> Path:
    """Write titles as MovieLens does, half of them comedies."""
    lines = ["movieId,title,genres"]
    lines += [
        f't{n},"Film, number {n} (19{50 + n})",{"Comedy|Romance" if n % 2 else "Horror"}'
        for n in range(TITLES)
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def _history(path: Path, viewers: int = 30) -> Path:
    """Write watches, the newest first: viewers of even number watch horror, the others comedies."""
    rows = [
        (BEGIN_S + n * DAY_S // 4 + v, f"v{v}", f"t{(2 * n * (1 + v // 2) + v) % TITLES}")
        for v in range(viewers)
        for n in range(12)
    ]
    lines = [f"{viewer},{title},{at},5400,tv" for at, viewer, title in sorted(rows, reverse=True)]
    path.write_text("user_id,item_id,timestamp,watched_seconds,device\n" + "\n".join(lines) + "\n")
    return path


def _events(settings: Settings) -> list[tuple[int, Event, Any]]:
    return [
        (message.partition() or 0, decode_event(message.value()), message)
        for message in topic_scan.read_all(settings, topics.EVENTS)
    ]


@pytest.mark.embedded
@pytest.mark.slow
def test_own_titles_and_history_are_on_a_page(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A viewer of the file has a page out of the file's titles, of the genre watched, none watched again."""
    _import(capsys, "catalog", str(_catalog(tmp_path / "titles.csv")))
    done = _import(capsys, "history", str(_history(tmp_path / "watches.csv")))
    assert (done["sent"], done["rejected"], done["titles_outside_catalog"]) == (360, 0, 0)
    with WorkerProcess(settings, tmp_path / "worker") as worker:
        worker.wait_ready()
        theirs = [
            (message.offset(), event) for _, event, message in _events(settings) if event.viewer_id == "v1"
        ]

        def last_page() -> Home | None:
            found = topic_scan.read_latest(settings, topics.HOME, range(4)).get(b"v1")
            home = decode_home(found.value()) if found else None
            return home if home and home.source and home.source.offset == theirs[-1][0] else None

        home = until(last_page, worker)
        alerts = list(topic_scan.read_all(settings, topics.ALERTS))
    seen = {event.title_id for _, event in theirs if isinstance(event, Stop)}
    picks = next(row for row in home.rows if row.kind == "top_picks")
    shown = [item.title_id for item in picks.items]
    assert not seen & set(shown)
    assert sum(int(title[1:]) % 2 for title in shown[:5]) >= 4  # comedies
    assert {item.title_id for row in home.rows for item in row.items} <= {f"t{n}" for n in range(TITLES)}
    assert not alerts


def test_titles_are_what_the_file_says(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The catalog has all titles, with names, years and genres, keyed by their ids."""
    done = _import(capsys, "catalog", str(_catalog(tmp_path / "titles.csv")))
    assert (done["rows"], done["sent"], done["titles"]) == (TITLES, TITLES, TITLES)
    found = {one.key(): decode_title(one.value()) for one in topic_scan.read_all(settings, topics.CATALOG)}
    title = found[b"t7"]
    assert (title.name, title.release_ms, title.tags.genre) == (
        "Film, number 7", -410_227_200_000, ("Comedy", "Romance")
    )  # fmt: skip


def test_history_is_events_in_time_order(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each row is one event, at its own time, in a record of today, where Java's partitioner puts it."""
    _import(capsys, "history", str(_history(tmp_path / "watches.csv")))
    found = _events(settings)
    assert len(found) == len({event.event_id for _, event, _ in found}) == 360
    for partition in range(4):
        times = [event.event_time_ms for where, event, _ in found if where == partition]
        assert times == sorted(times)
        assert len(times) > 0
    for where, event, message in found:
        assert isinstance(event, Stop)
        assert message.key() == event.viewer_id.encode()
        assert where == partition_for(event.viewer_id.encode(), 4)
        assert (event.watched_s, event.device) == (5400, "tv")
        assert message.timestamp()[1] > event.event_time_ms + DAY_S * 1_000


def test_a_real_broker_takes_old_events(
    kafka: KafkaCluster,
    topic_prefix: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its topic refuses records older than a week: the records are of now, the events are not."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEARLINE_BROKERS", kafka.bootstrap_servers)
    monkeypatch.setenv("NEARLINE_TOPIC_PREFIX", topic_prefix)
    settings = Settings.load()
    make_topics(settings)
    _import(capsys, "catalog", str(_catalog(tmp_path / "titles.csv")))
    done = _import(capsys, "history", str(_history(tmp_path / "watches.csv")))
    assert (done["sent"], done["titles_outside_catalog"]) == (360, 0)
    found = _events(settings)
    assert len({event.event_id for _, event, _ in found}) == 360
    assert all(
        message.timestamp()[1] > event.event_time_ms + 8 * DAY_S * 1_000 for _, event, message in found
    )
    assert main(["import", "history", str(tmp_path / "watches.csv")]) == 2


@pytest.mark.parametrize("form", ["jsonl", "parquet", "csv.gz"])
def test_every_format_gives_the_same_events(
    form: str, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What stands in CSV, JSON lines and Parquet is the same history."""
    import gzip  # noqa: PLC0415

    from pyarrow import csv, parquet  # noqa: PLC0415

    plain = _history(tmp_path / "watches.csv")
    path = tmp_path / f"watches.{form}"
    table = csv.read_csv(plain)
    if form == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    elif form == "parquet":
        parquet.write_table(table, path)
    else:
        path.write_bytes(gzip.compress(plain.read_bytes()))
    _import(capsys, "history", str(path))
    rows = {(event.viewer_id, event.event_time_ms) for _, event, _ in _events(settings)}
    assert len(rows) == 360
    assert ("v0", BEGIN_S * 1_000) in rows


def test_ratings_become_stars(settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A scale of ten is halved; ISO times with a zone are UTC; ids that Parquet has as numbers are text."""
    path = tmp_path / "ratings.csv"
    path.write_text("userId,movieId,rating,ratedAt\n7,12,9,2024-03-01T12:00:00+02:00\n7,13,10,2024-03-02\n")
    _import(capsys, "history", str(path))
    events = [event for _, event, _ in _events(settings)]
    assert [(e.title_id, e.stars) for e in events if isinstance(e, Rate)] == [("12", 4.5), ("13", 5.0)]
    assert events[0].event_time_ms == 1_709_287_200_000


BAD = """user,item,time,rating
ada,t1,1700000000,4
,t1,1700000001,4

ada,,1700000002,4
ada,t1,yesterday,4
ada,t1,1700000003,4,5
ada,t1,12,4
ada,t1,1700000005,-1
ada,t1,1700000006,many
ada,"t
1",1700000007,4
ada,t2,1700000008,5
"""


def test_bad_rows_are_reported_with_line_and_cause(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Good rows are sent; the report names line, column and cause of the others, and no value."""
    path = tmp_path / "watches.csv"
    path.write_text(BAD)
    done = _import(capsys, "history", str(path), code=1)
    assert (done["sent"], done["rejected"]) == (2, 8)
    assert sum(cause["rows"] for cause in done["causes"]) == 8
    lines = (tmp_path / "watches.csv.report.csv").read_text().splitlines()
    assert lines[0] == "line,column,cause"
    found = {int(line.split(",")[0]): line for line in lines[1:]}
    assert sorted(found) == [3, 5, 6, 7, 8, 9, 10, 11]
    assert "user" in found[3]
    assert "found 5" in found[7]
    assert "expected 0 to 5" in found[9]
    assert "yesterday" not in "".join(lines)
    assert {event.event_id.split("-")[1] for _, event, _ in _events(settings)} == {"2", "13"}


def test_a_dry_run_needs_no_broker_and_sends_nothing(
    nowhere: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It shows the mapping and the first messages, and writes the report."""
    path = tmp_path / "watches.csv"
    path.write_text(BAD)
    assert main(["import", "history", str(path), "--brokers", nowhere, "--dry-run"]) == 1
    said = capsys.readouterr().out
    assert '"viewer_id":"ada"' in said
    assert "8 rows" not in said
    assert not (tmp_path / "watches.csv.mapping.toml").exists()
    assert (tmp_path / "watches.csv.report.csv").exists()


def test_the_mapping_is_confirmed_once(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a terminal and --yes nothing is sent; afterwards the kept file decides, and may be edited."""
    path = tmp_path / "watches.csv"
    path.write_text("who,what,at\nada,t1,1700000000\n")
    assert main(["import", "history", str(path), "--yes"]) == 2
    assert "--column viewer_id=COLUMN" in capsys.readouterr().err
    named = ("--column", "viewer_id=who", "--column", "title_id=what")
    assert main(["import", "history", str(path), *named]) == 2
    assert "--yes" in capsys.readouterr().err
    _import(capsys, "history", str(path), *named)
    kept = tmp_path / "watches.csv.mapping.toml"
    assert 'viewer_id = "who"' in kept.read_text()
    assert 'time = "at"' in kept.read_text()
    kept.write_text(kept.read_text().replace('"who"', '"nobody"'))
    assert main(["import", "history", str(path)]) == 2
    assert "nobody" in capsys.readouterr().err
    assert len(_events(settings)) == 1


def test_an_import_goes_on_where_it_was(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends between two checkpoints, having sent more than workers recognise: each event is there once."""
    path = _history(tmp_path / "watches.csv")
    monkeypatch.setattr(runs, "CHECKPOINT_ROWS", 100)
    monkeypatch.setattr("streams.ops.imports.sorting.PART_ROWS", 50)
    sent = 0
    send = runs.EventProducer.send

    def dies(self: Any, events: Any) -> None:
        nonlocal sent
        sent += 1
        send(self, events)
        if sent == 4:
            self.flush()
            raise KeyboardInterrupt

    monkeypatch.setattr(runs.EventProducer, "send", dies)
    assert main(["import", "history", str(path), "--yes"]) != 0
    assert len(_events(settings)) == 200
    done = _import(capsys, "history", str(path))
    assert (done["sent"], done["sent_earlier"]) == (160, 200)
    found = [event.event_id for _, event, _ in _events(settings)]
    assert len(found) == len(set(found)) == 360
    assert main(["import", "history", str(path)]) == 2
    assert "imported already" in capsys.readouterr().err


def test_history_behind_live_events_is_refused(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Old watches are not learned as the latest ones, unless asked for; later ones follow."""
    head = "user,item,time\n"
    for name, at in (("second", 1_700_000_000), ("first", 1_600_000_000), ("third", 1_710_000_000)):
        (tmp_path / f"{name}.csv").write_text(f"{head}ada,t1,{at}\n")
    _import(capsys, "history", "second.csv")
    assert main(["import", "history", "first.csv", "--yes"]) == 1
    assert "--late" in capsys.readouterr().err
    _import(capsys, "history", "third.csv")
    _import(capsys, "history", "first.csv", "--late")
    assert len(_events(settings)) == 3


@pytest.mark.usefixtures("settings")
def test_the_next_file_may_have_the_same_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A checkpoint of a complete import stops only the same file; that of an unfinished one stops others."""
    path = tmp_path / "watches.csv"
    for day in range(2):
        path.write_text(f"user,item,time\nada,t1,{BEGIN_S + day * DAY_S}\n")
        assert _import(capsys, "history", str(path))["sent"] == 1
    kept = tmp_path / "watches.csv.report.checkpoint.json"
    kept.write_text(kept.read_text().replace('"done":true', '"done":false'))
    path.write_text(f"user,item,time\nada,t1,{BEGIN_S + 9 * DAY_S}\n")
    assert main(["import", "history", str(path)]) == 2
    assert "checkpoint of another file" in capsys.readouterr().err


@pytest.mark.usefixtures("settings")
def test_ids_that_no_title_has_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where history and catalog have different ids, the summary says so, and what becomes of the titles."""
    _import(capsys, "catalog", str(_catalog(tmp_path / "titles.csv")))
    (tmp_path / "watches.csv").write_text("user,item,time\nada,7,1700000000\nada,t7,1700000001\n")
    assert main(["import", "history", "watches.csv", "--yes", "--json", "-"]) == 0
    said = capsys.readouterr()
    done = json.loads(said.out)
    assert (done["titles"], done["titles_outside_catalog"]) == (2, 1)
    assert "shown by their id to viewers without an age limit" in " ".join(said.err.split())


def test_no_broker_is_code_3(nowhere: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A closed port is said at once."""
    path = _history(tmp_path / "watches.csv")
    assert main(["import", "history", str(path), "--brokers", nowhere, "--yes"]) == 3
    assert "nearline kafka start" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "content", "advice"),
    [
        ("absent.csv", None, "no file"),
        ("watches.xlsx", "x", ".parquet"),
        ("empty.csv", "", "no columns"),
        ("watches.parquet", "user,item\n", "cannot be read"),
        ("head.csv", "user,item,time\n", "no rows"),
    ],
)
def test_files_that_cannot_be_imported_are_code_2(
    name: str, content: str | None, advice: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The cause and the next step are said."""
    if content is not None:
        (tmp_path / name).write_text(content)
    assert main(["import", "history", str(tmp_path / name), "--dry-run"]) == 2
    said = capsys.readouterr().err
    assert advice in said
    assert " next: " in said


def test_fields_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """All fields, options and the names by which they are recognised."""
    assert main(["import", "fields", "--json", "-"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["history"]["viewer_id"]["required"]
    assert {"genre", "maturity"} <= set(document["catalog"])
    assert "time_unit" in document["options"]
