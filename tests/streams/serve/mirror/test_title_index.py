"""Finding titles by what people type."""

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import OSA

from online_models.learners.search import words_of
from schemas import Tags, Title
from streams.serve.mirror import title_index as module
from streams.serve.mirror.title_index import TitleIndex

NAMES = {
    "alien": "Alien",
    "alien4": "Alien Resurrection",
    "amelie": "Le Fabuleux Destin d'Amélie Poulain",
    "godfather": "The Godfather",
    "matrix": "The Matrix",
    "dangal": "दंगल",
    "hindi": "हिन्दी मीडियम",
}


def _index() -> TitleIndex:
    """Return an index of a few films."""
    out = TitleIndex()
    for title_id, name in NAMES.items():
        out.put(Title(title_id=title_id, name=name, tags=Tags(genre=("Drama",) if "g" in title_id else ())))
    return out


def _found(query: str) -> list[str]:
    return [hit.title_id for hit in _index().find(query)]


def test_words_and_their_beginnings_are_found() -> None:
    """The whole name comes before a longer one; accents and case do not matter; scripts do not either."""
    assert _found("alien") == ["alien", "alien4"]
    assert _found("ALIEN res")[0] == "alien4"
    assert _found("amelie") == ["amelie"]
    assert _found("mat") == ["matrix"]
    assert _found("g") == ["godfather"]
    assert _found("दंग") == ["dangal"]
    assert _found("हिन्दी") == ["hindi"]


def test_more_typing_errors_are_tolerated_in_longer_words() -> None:
    """Swapped, missing and wrong letters: one in a short word, two in a long one, never most of it."""
    assert _found("teh godfahter") == ["godfather"]
    assert _found("matrx") == ["matrix"]
    assert _found("alein")[0] == "alien"
    assert _found("resurection") == ["alien4"]
    assert _found("zzzz") == []
    assert _found("godzilla") == []


def test_a_query_is_put_right_word_by_word() -> None:
    """The nearest word of any title, the more used of equals; what is begun, right or like nothing stays."""
    index = _index()
    assert index.corrected("teh godfahter") == "the godfather"
    assert index.corrected("ressurrrection") == "resurrection"
    assert index.corrected("alien res") is None
    assert index.corrected("zz alein qqqqqq") == "zz alien qqqqqq"
    assert index.corrected("हिन्दि") == "हिन्दी"
    for title_id, name in (("a", "Heat"), ("b", "Heart"), ("c", "Heart and Soul")):
        index.put(Title(title_id=title_id, name=name))
    assert index.corrected("heaxt") == "heart"
    index.remove("b")
    index.remove("c")
    assert index.corrected("heaxt") == "heat"
    assert index.corrected("") is None


@given(st.text(max_size=40))
def test_what_is_put_right_needs_no_more_of_it(query: str) -> None:
    """Any text may be typed; what it becomes is words of titles, and stays as it is."""
    index = _index()
    meant = index.corrected(query)
    assert meant is None or index.corrected(meant) is None


def test_a_right_word_beats_a_mistyped_one() -> None:
    """What was typed is first of all what was meant."""
    index = TitleIndex()
    for title_id, name in (("a", "Heat"), ("b", "Heart")):
        index.put(Title(title_id=title_id, name=name))
    hits = index.find("heart")
    assert [hit.title_id for hit in hits] == ["b", "a"]
    assert hits[0].lexical == 1.0
    assert hits[1].lexical < 0.8


def test_people_and_tags_count_less_than_names() -> None:
    """A film called Drama comes before a drama."""
    index = TitleIndex()
    index.put(Title(title_id="a", name="Heat", tags=Tags(genre=("Drama",), cast=("Al Pacino",))))
    index.put(Title(title_id="b", name="Drama"))
    assert [(hit.title_id, hit.lexical) for hit in index.find("drama")] == [("b", 1.0), ("a", 0.6)]
    assert [hit.title_id for hit in index.find("al pacino")] == ["a"]


def test_the_newest_record_counts_and_a_withdrawn_title_is_not_found() -> None:
    """Titles are renamed and taken off."""
    index = _index()
    index.put(Title(title_id="matrix", name="Speed"))
    assert [hit.title_id for hit in index.find("matrix")] == []
    assert [hit.title_id for hit in index.find("speed")] == ["matrix"]
    index.remove("matrix")
    index.remove("never there")
    assert index.find("speed") == []
    assert len(index) == len(NAMES) - 1
    index.put(Title(title_id="nameless"))
    assert [hit.title_id for hit in index.find("nameless")] == ["nameless"]


def test_limits_are_kept() -> None:
    """No more than asked for, and nothing for nothing."""
    index = TitleIndex()
    for n in range(300):
        index.put(Title(title_id=f"t{n:03}", name=f"Story {n}"))
    assert len(index.find("story")) == 50
    assert len(index.find("story", limit=7)) == 7
    assert index.find("story", limit=0) == []
    assert index.find("  !? ") == []


def test_a_query_of_many_words_costs_as_much_as_one_of_six(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are not looked at; and nobody waits while words are compared."""
    index, asked = _index(), []
    compare = module.process.cdist

    def compared(queries: list[str], *given: Any, **options: Any) -> Any:
        asked.append(list(queries))
        assert not index._lock.locked()
        return compare(queries, *given, **options)

    monkeypatch.setattr(module.process, "cdist", compared)
    many = [f"godfahte{letter}" for letter in string.ascii_lowercase[:16]]
    index.find(" ".join(many))
    index.corrected(" ".join(many))
    index.find(" ".join(["godfahter"] * 16))
    assert asked == [many[:6], many[:6], ["godfahter"]]


WORDS = st.sampled_from(["heat", "heart", "hear", "art", "earth", "he", "drama", "dramas", "mara", "x"])


@given(
    st.dictionaries(
        st.text("ab", min_size=1, max_size=2), st.lists(WORDS, min_size=1, max_size=4), max_size=6
    ),
    st.lists(WORDS | st.text("heartm", min_size=1, max_size=6), min_size=1, max_size=4, unique=True),
    st.lists(st.text("ab", min_size=1, max_size=2), max_size=2),
)
def test_scores_are_those_of_the_definition(
    names: dict[str, list[str]], asked: list[str], removed: list[str]
) -> None:
    """Each title's, word by word, after some were renamed and some taken off."""
    index = TitleIndex()
    for title_id, words in names.items():
        index.put(Title(title_id=title_id, name="other " + words[0]))
        index.put(Title(title_id=title_id, name=words[0], tags=Tags(cast=tuple(words[1:]))))
    for title_id in removed:
        index.remove(title_id)
        names.pop(title_id, None)
    whole = sum(all(any(own.startswith(word) for own in words) for word in asked) for words in names.values())
    expected = {
        title_id: score
        for title_id, words in names.items()
        if (score := _score(asked, words, mistyped=whole < 5)) >= 0.45
    }
    found = {hit.title_id: hit.lexical for hit in index.find(" ".join(asked))}
    assert found == pytest.approx(expected, abs=2e-4)


def _score(asked: list[str], words: list[str], *, mistyped: bool) -> float:
    """Score a title whose name is the first word, and whose cast are the others."""
    total = 0.0
    for word in asked:
        total += max(
            (1.0 if n == 0 else 0.8) * _likeness(word, own, mistyped=mistyped) for n, own in enumerate(words)
        )
    return total / len(asked)


def _likeness(word: str, own: str, *, mistyped: bool) -> float:
    if own.startswith(word):
        return 1.0 if own == word else 0.85 + 0.15 * 0.99 * len(word) / len(own)
    errors = OSA.distance(word, own)
    allowed = 0 if len(word) <= 2 else 1 if len(word) <= 5 else 2
    near = mistyped and errors <= allowed
    return 0.8 * (1.0 - errors / max(len(word), len(own))) if near else 0.0


@given(st.text(max_size=300))
def test_any_text_is_a_query(query: str) -> None:
    """Nothing that is typed is read as a command of the database, and scores are shares."""
    for hit in _index().find(query):
        assert 0.0 < hit.lexical <= 1.0


@given(st.text(string.ascii_letters + " áéöñ0123456789", min_size=1, max_size=40).filter(words_of))
def test_a_title_is_found_by_its_name(name: str) -> None:
    """With the name as it stands, the title scores 1, or nearly: six words are looked at."""
    index = _index()
    index.put(Title(title_id="new", name=name))
    scores = {hit.title_id: hit.lexical for hit in index.find(name)}
    assert scores["new"] >= 0.9
