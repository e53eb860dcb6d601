"""Readers of rating files: every format gives the same columns, and faults are found by line."""

import zipfile
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from streams.errors import RatingsError, StreamError
from streams.ops.ratings import Dataset, read_ratings

ROWS = [("7", "30", 4.0, 1000), ("8", "31", 2.5, 900), ("7", "31", 5.0, 1000)]
"""Viewer, title, stars, seconds; not in order of time, two at the same second."""

FORMATS = {
    "u.data": "".join(f"{u}\t{i}\t{r:g}\t{t}\n" for u, i, r, t in ROWS),
    "ratings.dat": "".join(f"{u}::{i}::{r:g}::{t}\n" for u, i, r, t in ROWS),
    "ratings.csv": "userId,movieId,rating,timestamp\n" + "".join(f"{u},{i},{r},{t}\n" for u, i, r, t in ROWS),
    "made-up.inter": "item_id:token\tuser_id:token\trating:float\ttimestamp:float\n"
    + "".join(f"{i}\t{u}\t{r}\t{t}.0\n" for u, i, r, t in ROWS),
}

U_ITEM = "30|Glass Harbour (1996)|01-Jan-1996||http://example.invalid/|" + "|".join("01" + "0" * 17) + "\n"
TITLES = {
    "u.data": ("u.item", U_ITEM),
    "ratings.dat": ("movies.dat", "30::Glass Harbour (1996)::Action\n31::Two :: Words (1997)::\n"),
    "ratings.csv": (
        "movies.csv",
        'movieId,title,genres\n30,"Glass Harbour (1996)",Action\n31,Odd,(no genres listed)\n',
    ),
    "made-up.inter": (
        "made-up.item",
        (
            "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
            "30\tGlass Harbour\t1996\tAction\n"
        ),
    ),
}


def expect_rows(dataset: Dataset) -> None:
    """Check the columns that all formats must give."""
    ratings = dataset.ratings
    assert ratings.times.tolist() == [900_000, 1_000_000, 1_000_000]
    assert [ratings.viewer_ids[viewer] for viewer in ratings.viewers] == ["8", "7", "7"]
    assert [ratings.title_ids[title] for title in ratings.titles] == ["31", "30", "31"]
    assert ratings.ratings.tolist() == [2.5, 4.0, 5.0]


@pytest.mark.parametrize("name", FORMATS)
def test_every_text_format_gives_the_same_columns(tmp_path: Path, name: str) -> None:
    """Sorted by time, ties in the order of the file, ids as text, times in milliseconds."""
    (tmp_path / name).write_text(FORMATS[name])
    dataset = read_ratings(tmp_path / name)
    expect_rows(dataset)
    assert dataset.titles == {}


@pytest.mark.parametrize("name", FORMATS)
def test_titles_and_genres_beside_the_ratings_are_read(tmp_path: Path, name: str) -> None:
    """Each family's own file of titles yields name, genres and year."""
    (tmp_path / name).write_text(FORMATS[name])
    beside, text = TITLES[name]
    (tmp_path / beside).write_text(text)
    dataset = read_ratings(tmp_path / name)
    facts = dataset.titles["30"]
    assert (facts.name, facts.genres, facts.year) == ("Glass Harbour", ("Action",), 1996)
    catalog = {title.title_id: title for title in dataset.catalog()}
    assert catalog["30"].tag_labels() == ["genre:Action"]
    assert catalog["30"].release_ms == 820_454_400_000
    assert catalog["31"].tag_labels() == []


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("folder", ["", "set/"])
def test_zips_are_read_in_place(tmp_path: Path, name: str, folder: str) -> None:
    """A zip yields what its members would, titles included, in a folder or not."""
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr(folder + "README", "not ratings, though with\ttabs")
        archive.writestr(folder + name, FORMATS[name])
        archive.writestr(folder + TITLES[name][0], TITLES[name][1])
    dataset = read_ratings(tmp_path / "set.zip")
    expect_rows(dataset)
    assert dataset.titles["30"].genres == ("Action",)


def test_parquet_is_read_whatever_its_suffix(tmp_path: Path) -> None:
    """Columns are found by name, one-hot genres by their zeros and ones."""
    users, items, stars, seconds = (list(column) for column in zip(*ROWS, strict=True))
    data = {"rating": stars, "movie_id": [int(i) for i in items], "user_id": users, "timestamp": seconds}
    parquet.write_table(pa.table(data), tmp_path / "x_data.parquet.gz")
    genres = {"Action": [1, 0], "Comedy": [0, 1], "Drama": [0, 0], "Horror": [0, 0], "War": [1, 0]}
    names = {"movie_id": [30, 31], "movie_title": ["Glass Harbour (1996)", "Odd"]}
    parquet.write_table(pa.table(names | genres), tmp_path / "x_items.parquet.gz")
    dataset = read_ratings(tmp_path / "x_data.parquet.gz")
    expect_rows(dataset)
    assert dataset.titles["30"].genres == ("Action", "War")


def test_parquet_timestamps_and_milliseconds_are_understood(tmp_path: Path) -> None:
    """A timestamp column is taken as one; a number too large for seconds is milliseconds."""
    for times in (pa.array([1_500_000_000_123], pa.timestamp("ms")), pa.array([1_500_000_000_123])):
        columns = {"user_id": ["a"], "item_id": ["b"], "rating": [5], "time": times}
        parquet.write_table(pa.table(columns), tmp_path / "a.parquet")
        assert read_ratings(tmp_path / "a.parquet").ratings.times.tolist() == [1_500_000_000_123]


def test_a_folder_is_searched_for_ratings(tmp_path: Path) -> None:
    """The folder of an unpacked data set is as good as the file."""
    (tmp_path / "u.data").write_text(FORMATS["u.data"])
    expect_rows(read_ratings(tmp_path))


HEADER = "userId,movieId,rating,timestamp\n"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("u.data", "1\t2\t3\t4\n1\t2\tfive\t4\n", "line 2 of u.data .* a finite number as the rating"),
        ("u.data", "1\t2\t3\t4\n\n1\t2\t3\n", "line 3 of u.data .* 4 columns with tabs"),
        ("u.data", "1\t2\t3\t4\n1\t2\tnan\t4\n", "line 2 of u.data .* a finite number as the rating"),
        ("ratings.dat", "1::2::3::4\n1::2::3::\n", "line 2 of ratings.dat .* a finite number as the time"),
        ("ratings.csv", HEADER + ",2,3,4\n", "line 2 of ratings.csv .* an id as the viewer"),
        ("ratings.csv", "userId,movieId,timestamp\n1,2,4\n", "names no column for the rating"),
        ("notes.txt", "hello\n", "the format of notes.txt is unknown"),
        ("a.parquet", "PAR1 and nothing else", "a.parquet is not readable as Parquet"),
    ],
)
def test_faults_name_the_line_and_what_was_expected(
    tmp_path: Path, name: str, text: str, expected: str
) -> None:
    """Whoever made the file finds the place at once."""
    (tmp_path / name).write_text(text)
    with pytest.raises(RatingsError, match=expected):
        read_ratings(tmp_path / name)


def test_faults_do_not_quote_the_file(tmp_path: Path) -> None:
    """What people watched is personal: an error names places, not values."""
    (tmp_path / "u.data").write_text("alice\tsecret-film\t5\t4\nbob\tsecret-film\tbad\t4\n")
    with pytest.raises(RatingsError) as caught:
        read_ratings(tmp_path / "u.data")
    assert "bob" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_what_is_not_there_is_bad_usage(tmp_path: Path) -> None:
    """A missing file, an empty folder and a zip of something else are bad usage: exit code 2."""
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    (tmp_path / "empty").mkdir()
    for name in ("missing.csv", "empty", "other.zip"):
        with pytest.raises(StreamError) as caught:
            read_ratings(tmp_path / name)
        assert caught.value.exit_code == 2


def test_an_empty_file_is_no_known_format(tmp_path: Path) -> None:
    """Nothing at all is not silently an empty stream."""
    (tmp_path / "u.data").write_text("")
    with pytest.raises(RatingsError, match="is unknown"):
        read_ratings(tmp_path / "u.data")
