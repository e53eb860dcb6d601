"""Reading files of rows: columns, mappings, lines, and order."""

import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import Title
from schemas.codec import decode_event, encode
from streams.errors import ImportFileError
from streams.ops.imports.catalog import as_titles
from streams.ops.imports.columns import as_numbers, as_times
from streams.ops.imports.faults import Faults
from streams.ops.imports.guess import guess, sample
from streams.ops.imports.history import as_events, read_history
from streams.ops.imports.mapping import ColumnMapping, read_mapping
from streams.ops.imports.sorting import in_time_order
from streams.ops.imports.sources import Block, open_file


def _file(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def _guessed(kind: str, path: Path) -> ColumnMapping:
    source = open_file(path)
    return guess(kind, source, sample(source), {})


def _titles(path: Path, mapping: ColumnMapping, faults: Faults) -> list[Title]:
    source = open_file(path)
    blocks = source.blocks(source.names, faults)
    return [title for block in blocks for title in as_titles(block, mapping, faults)]


@pytest.mark.parametrize(
    ("text", "columns", "options"),
    [
        (
            "userId,movieId,rating,timestamp\n1,2,3.5,1112486027\n",
            {"viewer_id": "userId", "title_id": "movieId", "time": "timestamp", "rating": "rating"},
            {"time_unit": "s", "rating_scale": 5},
        ),
        (
            "user_id:token\titem_id:token\trating:float\ttimestamp:float\n1\t2\t3\t881250949000\n",
            {"viewer_id": "user_id:token", "time": "timestamp:float"},
            {"time_unit": "ms"},
        ),
        (
            "Account ID;Content ID;Watched At;Progress;Runtime\nada;t1;2025-01-02T03:04:05Z;80;95\n",
            {"viewer_id": "Account ID", "title_id": "Content ID", "progress": "Progress"},
            {"time_unit": "iso", "progress_scale": 100, "duration_unit": "min"},
        ),
        (
            "viewer,item,when,minutes_watched,score\nada,t1,1700000000000000,12,87\n",
            {"time": "when", "watched_s": "minutes_watched", "rating": "score"},
            {"time_unit": "us", "watched_unit": "min", "rating_scale": 100},
        ),
        (
            "account,content key,started,watched (min),Device Type\nada,t1,2026-10-13 04:46:46+0000,2.6,TV\n",
            {
                "viewer_id": "account",
                "title_id": "content key",
                "time": "started",
                "watched_s": "watched (min)",
            },
            {"time_unit": "iso", "watched_unit": "min"},
        ),
    ],
)
def test_histories_of_others_are_recognised(
    text: str, columns: dict[str, str], options: dict[str, object], tmp_path: Path
) -> None:
    """Names as MovieLens, RecBole and warehouses have them; units by the values."""
    found = _guessed("history", _file(tmp_path / "h.csv", text))
    assert {**found.columns, **columns} == found.columns
    assert {**found.options, **options} == found.options


def test_a_catalog_is_recognised_and_read(tmp_path: Path) -> None:
    """Lists, kinds, ages, years, minutes, countries and windows, in the words of a warehouse."""
    path = _file(
        tmp_path / "c.csv",
        "show_id,type,title,listed_in,cast,runtime_minutes,release_year,content_rating,countries,"
        "available_from,language\n"
        's1,Movie,Paper Tide,"Drama, Crime","Ann Li, Bo Ek",95,2019,PG-13,"DE, FR",2024-01-01,en\n'
        "s2,TV Show,Salt,Comedy,,,2020-05-01,16+,,,de\n"
        "s3,Movie,Void,Drama,,,,PG,,,\n"
        "s4,Poem,Void,Drama,,,,,,,\n"
        "s5,Movie,Void,Drama,,,,12,germany,,\n",
    )
    mapping, faults = _guessed("catalog", path), Faults()
    first, second = _titles(path, mapping, faults)
    assert (first.title_id, first.kind, first.name, first.maturity) == ("s1", "film", "Paper Tide", 13)
    assert (first.tags.genre, first.tags.cast) == (("Drama", "Crime"), ("Ann Li", "Bo Ek"))
    assert (first.duration_s, first.release_ms, first.languages) == (5_700, 1_546_300_800_000, ("en",))
    assert first.availability.countries == ("DE", "FR")
    assert first.availability.start_ms == 1_704_067_200_000
    assert (second.kind, second.maturity, second.release_ms) == ("series", 16, 1_588_291_200_000)
    assert {column for column, _ in faults.causes} == {
        "content_rating", "type", "availability.countries[0]"
    }  # fmt: skip


def test_units_and_languages_in_parentheses_are_no_part_of_a_name(tmp_path: Path) -> None:
    """As spreadsheets have them: the id of a shop, names with notes, lists with slashes."""
    text = "SKU;Title (EN);Genre(s);Run Time (min);Lead Cast\nk1;Paper Tide;Drama / Crime;95;Ann Li\n"
    mapping = _guessed("catalog", _file(tmp_path / "c.csv", text))
    assert mapping.columns == {
        "title_id": "SKU", "name": "Title (EN)", "genre": "Genre(s)", "cast": "Lead Cast",
        "duration_s": "Run Time (min)",
    }  # fmt: skip
    assert (mapping.options["list_separator"], mapping.options["duration_unit"]) == ("/", "min")


def test_a_spreadsheet_is_read_as_people_type_it(tmp_path: Path) -> None:
    """Lengths as a clock, dates with dots, lists with two separators, each list with its own."""
    path = _file(
        tmp_path / "c.csv",
        "Asset ID;Display Name;Genre / Sub-Genres;Duration (hh:mm:ss);Premiere Date;Parental Rating;"
        "Starring\n"
        'a/1;Paper Tide;Drama, Crime;01:35:00;13.2.2021;12;"Li, Ann; Ek, Bo"\n'
        'a/2;Salt;Drama/Horror;22:00;2020;6;"Ek, Bo"\n'
        'a/3;Void;Horror, Crime / Drama;0:22:00;2020-05-01;16;"Ek, Bo; Li, Ann"\n',
    )
    mapping, faults = _guessed("catalog", path), Faults()
    first, third = _titles(path, mapping, faults)
    assert (first.title_id, first.name, first.maturity) == ("a/1", "Paper Tide", 12)
    assert (first.tags.genre, first.tags.cast) == (("Drama", "Crime"), ("Li, Ann", "Ek, Bo"))
    assert (first.duration_s, first.release_ms) == (5_700, 1_613_174_400_000)
    assert (third.tags.genre, third.duration_s) == (("Horror", "Crime", "Drama"), 1_320)
    assert list(faults.causes) == [("Duration (hh:mm:ss)", "expected a number, or h:mm:ss")]
    kept = _file(tmp_path / "m.toml", mapping.toml())
    assert read_mapping(kept, "catalog") == mapping
    with pytest.raises(ImportFileError, match="mood is no list"):
        ColumnMapping("catalog", mapping.columns, separators={"mood": "+"}).check(open_file(path))


@pytest.mark.parametrize(
    ("day", "slashes", "time"),
    [
        ("13/10/2026 4:46", "day", 1_791_866_760_000),
        ("10/13/2026 04:46", "month", 1_791_866_760_000),
        ("10/11/2026", None, None),
        ("31/31/2026", None, None),
    ],
)
def test_dates_with_slashes_are_read_where_they_tell_their_order(
    day: str, slashes: str | None, time: int | None, tmp_path: Path
) -> None:
    """By a number above 12 somewhere in the file; else rows are left out, and the cause names the option."""
    path = _file(
        tmp_path / "h.csv",
        f"Subscriber,Asset,Playback start,Seconds viewed,Completion %\nada,t1,{day},528,40%\n",
    )
    mapping, faults = _guessed("history", path), Faults()
    assert mapping.options.get("slashes") == slashes
    found = read_history(sample(open_file(path)), mapping, faults)
    assert found["time"].to_pylist() == ([] if time is None else [time])
    assert faults.count == (time is None)
    assert all("option `slashes`" in cause for _, cause in faults.causes)


def test_seconds_and_progress_together_are_a_length(tmp_path: Path) -> None:
    """Of a title of 22 minutes 528 seconds are two fifths, though nobody says how long it is."""
    rows = (
        "ada,t1,2026-10-13,528,40%\nada,t1,2026-10-13,528,0%\nada,t1,2026-10-13,,40%\nada,t1,2026-10-13,60,\n"
    )
    path = _file(tmp_path / "h.csv", f"viewer,item,date,watched_s,progress\n{rows}")
    found = read_history(sample(open_file(path)), _guessed("history", path), Faults())
    assert found["watched_s"].to_pylist() == [528.0, 528.0, 1_080.0, 60.0]
    assert found["duration_s"].to_pylist()[0] == pytest.approx(1_320.0)
    assert np.isnan(found["duration_s"].to_numpy()[1:]).all()


def test_episodes_have_an_order(tmp_path: Path) -> None:
    """Whole numbers, also as a table with gaps writes them; a word is a fault of its column."""
    path = _file(
        tmp_path / "e.csv",
        "title_id,type,series_id,seasonNumber,episodeNumber\n"
        "e1,Episode,s,1,2\ne2,Episode,s,,3.0\ne3,Episode,s,two,1\ne4,Episode,s,1,70000\n",
    )
    mapping, faults = _guessed("catalog", path), Faults()
    found = [(title.title_id, title.season, title.episode) for title in _titles(path, mapping, faults)]
    assert found == [("e1", 1, 2), ("e2", None, 3)]
    assert {column for column, _ in faults.causes} == {"seasonNumber", "episodeNumber"}


def test_lists_of_parquet_and_json_are_lists(tmp_path: Path) -> None:
    """Where the format has lists, commas in them are no separators."""
    path = _file(tmp_path / "c.jsonl", '{"id": 7, "title": "A", "cast": ["Li, Ann", "Ek, Bo"]}\nno json\n')
    mapping, faults = _guessed("catalog", path), Faults()
    mapping.options["list_separator"] = "|"
    (block,) = open_file(path).blocks(["id", "title", "cast"], faults)
    assert [title.tags.cast for title in as_titles(block, mapping, faults)] == [("Li, Ann", "Ek, Bo")]
    assert list(faults.causes.values()) == [1]


def test_lines_are_those_of_the_file(tmp_path: Path) -> None:
    """Rows behind line ends in quotes, blank lines and refused rows have the line of an editor."""
    path = _file(tmp_path / "x.csv", 'a,b\n1,2\n\n3,"x\ny"\n5,6,7\n8,9\n')
    faults = Faults()
    (block,) = open_file(path).blocks(["a", "b"], faults)
    assert block.lines.tolist() == [2, 4, 7]
    assert list(faults.causes) == [("", "expected 2 columns, found 3")]


def test_bytes_that_are_not_utf8_cost_their_row(tmp_path: Path) -> None:
    """The others are read."""
    path = tmp_path / "x.csv"
    path.write_bytes(b"a,b\n1,caf\xe9\n2,tea\n")
    faults = Faults()
    (block,) = open_file(path).blocks(["a", "b"], faults)
    assert block.columns["b"].to_pylist() == ["tea"]
    assert faults.count == 1


def test_a_mapping_survives_its_file(tmp_path: Path) -> None:
    """What is written is what is read, names with spaces and quotes included."""
    columns, ages = {"title_id": 'my "id"', "name": "Größe\t"}, {"TV-MA": 17, "FSK 0": 0}
    mapping = ColumnMapping("catalog", columns, {"list_separator": "|"}, ages)
    path = _file(tmp_path / "m.toml", mapping.toml())
    assert read_mapping(path, "catalog") == mapping
    with pytest.raises(ImportFileError, match="mapping of a catalog"):
        read_mapping(path, "history")


def test_options_are_checked(tmp_path: Path) -> None:
    """A unit that does not exist is refused before rows are read, and what exists is named."""
    source = open_file(_file(tmp_path / "h.csv", "user,item,time\n1,2,3\n"))
    mapping = ColumnMapping("history", {"viewer_id": "user", "title_id": "item", "time": "time"})
    mapping.options["time_unit"] = "hours"
    with pytest.raises(ImportFileError, match=r"hours is no value of time_unit: there are s, ms"):
        mapping.check(source)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 3)), max_size=200), st.integers(1, 60))
def test_sorting_in_runs_is_sorting(rows: list[tuple[int, int]], run_rows: int) -> None:
    """Merged runs give what sorting in memory gives, whatever is in which run."""
    import tempfile  # noqa: PLC0415

    table = pa.table({"line": pa.array(range(len(rows)), pa.int64()), "time": [at for at, _ in rows]})
    table = table.set_column(1, "time", table.column("time").cast(pa.int64()))
    cuts = [table.slice(start, 7) for start in range(0, len(rows), 7)]
    with tempfile.TemporaryDirectory() as folder:
        parts = list(in_time_order(cuts, Path(folder), run_rows))
    found = [(row["time"], row["line"]) for part in parts for row in part.to_pylist()]
    assert found == sorted(found)
    assert len(found) == len(rows)


def test_many_runs_are_merged_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of a run are read one after the other."""
    monkeypatch.setattr("streams.ops.imports.sorting.PART_ROWS", 3)
    times = [random.Random(5).randrange(40) for _ in range(500)]
    table = pa.table({"line": pa.array(range(500), pa.int64()), "time": pa.array(times, pa.int64())})
    parts = in_time_order((table.slice(n, 11) for n in range(0, 500, 11)), tmp_path, 50)
    found = [(row["time"], row["line"]) for part in parts for row in part.to_pylist()]
    assert found == sorted(zip(times, range(500), strict=True))
    assert list(tmp_path.glob("run-*.arrow"))


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "viewer_id": st.text(max_size=70) | st.none(),
                "title_id": st.text(min_size=1, max_size=66),
                "time": st.integers(-(10**13), 5 * 10**12).map(str) | st.just("x"),
                "rating": st.none() | st.floats(-1, 7).map(str),
                "progress": st.none() | st.floats(0, 1.2).map(str),
                "country": st.none() | st.sampled_from(["DE", "de", "DEU"]),
            }
        ),
        min_size=1,
        max_size=20,
    )
)
def test_what_is_sent_passes_the_decoder(rows: list[dict[str, str | None]]) -> None:
    """Whatever the rows are: an event that is made is one that workers take, and the others are reported."""
    columns = {name: pa.array([_storable(row[name]) for row in rows], pa.string()) for name in rows[0]}
    mapping = ColumnMapping("history", {name: name for name in columns}, {"time_unit": "ms"})
    faults = Faults()
    table = read_history(Block(columns, np.arange(len(rows)) + 2), mapping, faults)
    events = list(as_events(table, "f"))
    assert [decode_event(encode(event)) for event in events] == events
    assert len(events) + faults.count == len(rows)


def _storable(text: str | None) -> str | None:
    return None if text is None else text.encode("utf-8", "ignore").decode() or None


def test_days_that_no_calendar_has_cost_their_row() -> None:
    """February 30 is no time; the times around it are."""
    found = as_times(pa.array(["2024-02-29", "2024-02-30", "2024-03-01T00:00:00Z", None]), "iso")
    assert found.bad.tolist() == [False, True, False, False]
    assert found.values.tolist() == [1_709_164_800_000, 0, 1_709_251_200_000, 0]


def test_numbers_are_finite() -> None:
    """Infinity and text are no numbers."""
    assert as_numbers(pa.array(["1e400", "nan", " 7 "])).bad.tolist() == [True, True, False]


def test_a_title_of_the_same_file_is_the_same_bytes() -> None:
    """An import that is repeated changes nothing on the compacted topic."""
    block = Block({"id": pa.array(["7"]), "name": pa.array(["A"])}, np.array([2]))
    mapping = ColumnMapping("catalog", {"title_id": "id", "name": "name"})
    made = [encode(title) for _ in range(2) for title in as_titles(block, mapping, Faults())]
    assert made == [encode(Title(title_id="7", name="A"))] * 2
