"""What an event of each type does to its viewer's page: in words, and as something that can be looked at.

`CASES` is the documentation and its test at once. Each case takes a viewer with a page, lets an event happen
to a title on it, and says what the next page shows. The table in ``schemas/README.md`` is written out of it,
and ``python -m tests.simulations events`` feeds every case to a worker and looks whether it is so.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from schemas.catalog import Title
from schemas.events import (
    Browse,
    Event,
    Forget,
    History,
    Identify,
    Impression,
    ListAction,
    MyList,
    Pause,
    Play,
    Preferences,
    Progress,
    Rate,
    Search,
    Select,
    Skip,
    Stop,
    StopCause,
    Thumb,
)
from schemas.fields import RowKind
from schemas.pages import Home

__all__ = ["ACCOUNT", "CASES", "CHILD", "HOUR_S", "NOT_SEEN", "Case", "Scene", "Seen", "every_case"]


# What is needed to say what an event does to a page: the scene, what was seen, and a case.


class Scene(NamedTuple):
    """What happens in a case, to whom: the page before, and what every event says."""

    page: Home | None
    about: Mapping[str, Any]
    """``event_id, viewer_id, event_time_ms``."""
    genres: tuple[str, ...] = ()
    """The catalog's, the most frequent first."""

    @property
    def pick(self) -> str:
        """The first of the top picks."""
        return self.first(RowKind.TOP_PICKS)

    def first(self, kind: RowKind) -> str:
        """Return the first title of the first row of a kind; empty where there is none."""
        items = self.page.items_of(kind) if self.page else ()
        return items[0].title_id if items else ""

    def at(self, kind: RowKind) -> dict[str, Any]:
        """Say where the first title of a row was shown, as players do."""
        if self.page is None:
            return {}
        row = next((n for n, row in enumerate(self.page.rows) if row.kind is kind), 0)
        return {"title_id": self.first(kind), "list_id": self.page.list_id, "row": row, "slot": 0}


class Seen(NamedTuple):
    """What came of a case."""

    title_id: str
    """What the event was about; empty for an event without a title."""
    before: Home | None
    after: Home | None
    """The page that the event made; None: it made none."""
    forgotten: bool = False
    """The viewer's page was deleted."""
    rejected: Mapping[str, float] = {}
    """What the viewer turned down of late, with its weight."""
    titles: Mapping[str, Title] = {}
    """The catalog."""

    @property
    def still(self) -> bool:
        """Whether the page is the one that it was."""
        return self.after is None and not self.forgotten

    def shown(self, *kinds: RowKind) -> list[str]:
        """Return the titles of the page after, or of its rows of some kinds."""
        rows = self.after.rows if self.after else ()
        return [item.title_id for row in rows if not kinds or row.kind in kinds for item in row.items]

    @property
    def most_frequent_genre(self) -> str:
        """The genre that most titles of the catalog have."""
        counts = Counter(genre for title in self.titles.values() for genre in title.tags.genre)
        return counts.most_common(1)[0][0]

    def of_genre(self, genre: str) -> int:
        """Count the titles of a genre among the top picks of the page after."""
        return sum(genre in self.titles[title].tags.genre for title in self.shown(RowKind.TOP_PICKS))

    def gone(self, but: RowKind | None = None) -> bool:
        """Whether the title stood on the page before, and does on no row of the one after but of a kind."""
        kinds = [kind for kind in RowKind if kind is not but]
        was = self.before is not None and any(
            item.title_id == self.title_id for row in self.before.rows for item in row.items
        )
        return was and self.after is not None and self.title_id not in self.shown(*kinds)

    def seeds(self, kind: RowKind) -> bool:
        """Whether the title is what a row of a kind refers to."""
        rows = self.after.rows if self.after else ()
        return any(row.kind is kind and row.title_id == self.title_id for row in rows)


class Case(NamedTuple):
    """One thing that can happen, and what the next page shows."""

    how: str
    """Which of the things that an event of this type can say; empty where there is one."""
    says: str
    """What the page does."""
    events: Callable[[Scene], list[Event]]
    """What happens; the first event is of the type in question."""
    holds: Callable[[Seen], bool]
    """Whether it was so."""
    stranger: bool = False
    """The viewer has no page before."""
    of: str = ""
    """Behind the id of the viewer whose page is looked at."""


HOUR_S: Final = 3_600.0
"""Length that every player tells, seconds."""
CHILD: Final = 12
"""Age of the profile in the case of a child, years."""
NOT_SEEN: Final = 3
"""Impressions without a play that are a faint rejection (``RewardConfig.ignored_after``)."""
INTENDED: Final = 3
"""Top picks of a genre of a search intent, at least: five of twenty, but rows do not repeat titles."""
ACCOUNT: Final = "-account"
"""Behind an anonymous viewer's id: the account that they sign in to."""
GENRES: Final = 3
"""Genres that are named at onboarding."""

_CONTINUE, _SEEDED, _LIKED = (
    RowKind.CONTINUE_WATCHING,
    RowKind.BECAUSE_YOU_WATCHED,
    RowKind.BECAUSE_YOU_LIKED,
)


def _still(seen: Seen) -> bool:
    return seen.still


def _plays(scene: Scene) -> list[Event]:
    return [Play(**scene.about, **scene.at(RowKind.TOP_PICKS), duration_s=HOUR_S)]


def _beats(scene: Scene, watched_s: float) -> list[Event]:
    seconds: dict[str, Any] = {"watched_s": watched_s, "position_s": watched_s, "duration_s": HOUR_S}
    return [Progress(**scene.about, title_id=scene.pick, **seconds)]


def _stops(
    scene: Scene, watched_s: float, cause: StopCause, kind: RowKind = RowKind.TOP_PICKS
) -> list[Event]:
    seconds: dict[str, Any] = {"watched_s": watched_s, "position_s": watched_s, "duration_s": HOUR_S}
    return [Stop(**scene.about, title_id=scene.first(kind), **seconds, cause=cause)]


def _rates(scene: Scene, **how: Any) -> list[Event]:  # noqa: ANN401 - as the event has it
    return [Rate(**scene.about, title_id=scene.pick, **how)]


def _sights(scene: Scene) -> list[Event]:
    about = dict(scene.about)
    out: list[Event] = []
    for n in range(NOT_SEEN):
        about |= {
            "event_id": f"{scene.about['event_id']}-{n}",
            "event_time_ms": scene.about["event_time_ms"] + n,
        }
        out.append(Impression(**about, **scene.at(RowKind.TOP_PICKS)))
    return out


def _wishes(scene: Scene, action: ListAction, kind: RowKind) -> list[Event]:
    return [MyList(**scene.about, title_id=scene.first(kind), action=action)]


def _begun(seen: Seen) -> bool:
    return seen.shown(_CONTINUE)[:1] == [seen.title_id] and seen.gone(but=_CONTINUE)


def _of_its_genres(seen: Seen) -> bool:
    return all(seen.of_genre(genre) >= INTENDED for genre in seen.titles[seen.title_id].tags.genre)


def _for_a_child(seen: Seen) -> bool:
    def above(page: Home | None) -> bool:
        rows = page.rows if page else ()
        listed = [seen.titles[item.title_id] for row in rows for item in row.items]
        return any(title.maturity > CHILD for title in listed)

    return above(seen.before) and bool(seen.shown()) and not above(seen.after)


def _onboarded(seen: Seen) -> bool:
    page = seen.after
    if page is None:
        return False
    named = {tag for row in page.rows if row.kind is RowKind.GENRE for tag in row.tags}
    return page.seq == 1 and page.language == "hi" and any(tag.startswith("genre:") for tag in named)


CASES: Final[Mapping[str, tuple[Case, ...]]] = {
    "play": (
        Case("", "`continue_watching` begins with the title, and no other row shows it", _plays, _begun),
    ),
    "progress": (
        Case(
            "past a quarter",
            "as a stop there, at each tenth of the title: the title leaves all rows but `continue_watching`, "
            "and `because_you_watched` refers to it",
            lambda s: _beats(s, 0.5 * HOUR_S),
            lambda seen: _begun(seen) and seen.seeds(_SEEDED),
        ),
        Case(
            "between two tenths",
            "none",
            lambda s: _beats(s, 0.38 * HOUR_S),
            _still,
        ),
    ),
    "pause": (
        Case(
            "",
            "as a start: `continue_watching` begins with the title",
            lambda s: [Pause(**s.about, title_id=s.pick, position_s=900.0)],
            _begun,
        ),
    ),
    "stop": (
        Case(
            "past a quarter",
            "the title leaves all rows but `continue_watching`, and `because_you_watched` tells of it",
            lambda s: _stops(s, 0.5 * HOUR_S, StopCause.EXITED),
            lambda seen: _begun(seen) and seen.seeds(_SEEDED),
        ),
        Case(
            "at the end",
            "the title leaves the page, `continue_watching` too, and `because_you_watched` tells of it",
            lambda s: _stops(s, HOUR_S, StopCause.ENDED, _CONTINUE),
            lambda seen: seen.gone() and seen.seeds(_SEEDED),
        ),
        Case(
            "within a minute, by the viewer",
            "the title leaves the page; what resembles it sinks",
            lambda s: _stops(s, 20.0, StopCause.EXITED),
            lambda seen: seen.gone() and seen.title_id in seen.rejected,
        ),
    ),
    "skip": (
        Case(
            "",
            "the title leaves the page; what resembles it sinks",
            lambda s: [Skip(**s.about, **s.at(RowKind.TOP_PICKS))],
            lambda seen: seen.gone() and seen.title_id in seen.rejected,
        ),
    ),
    "search": (
        Case(
            "",
            "top picks have more titles with the genre or tag that it names, and of the opened title's "
            "genres, for a day; that title counts more once it is watched, and the search learns the words",
            lambda s: [Search(**s.about, query="a film", result_count=3, clicked_title_id=s.pick)],
            _of_its_genres,
        ),
    ),
    "rate": (
        Case(
            "thumb up",
            "the title leaves the rows of the unknown, and `because_you_liked` tells of it",
            lambda s: _rates(s, thumb=Thumb.UP),
            lambda seen: seen.gone() and seen.seeds(_LIKED),
        ),
        Case(
            "thumb down",
            "the title leaves the page for good; what resembles it sinks",
            lambda s: _rates(s, thumb=Thumb.DOWN),
            lambda seen: seen.gone() and seen.title_id in seen.rejected,
        ),
        Case(
            "three stars",
            "the title leaves the page: known, neither liked nor turned down",
            lambda s: _rates(s, stars=3.0),
            lambda seen: seen.gone() and not seen.seeds(_LIKED) and seen.title_id not in seen.rejected,
        ),
    ),
    "browse": (
        Case(
            "",
            "top picks have more titles with the tag of its surface (`genre:Drama`), for a day; other "
            "surfaces change nothing",
            lambda s: [Browse(**s.about, surface=f"genre:{s.genres[0]}", dwell_s=30.0)],
            lambda seen: seen.of_genre(seen.most_frequent_genre) >= INTENDED,
        ),
    ),
    "impression": (
        Case(
            f"{NOT_SEEN} of a title, without a play",
            "none by itself; on later pages what resembles the title sinks a little",
            _sights,
            lambda seen: seen.still and 0 < seen.rejected.get(seen.title_id, 0.0) < 0.1,
        ),
    ),
    "select": (
        Case(
            "",
            "top picks have more titles of its genres, for a day",
            lambda s: [Select(**s.about, **s.at(RowKind.TOP_PICKS))],
            _of_its_genres,
        ),
    ),
    "preferences": (
        Case(
            "at onboarding",
            "a first page at once: headings in the viewer's language, rows of the genres that they named",
            lambda s: [Preferences(**s.about, genres=s.genres[:GENRES], languages=("hi",))],
            _onboarded,
            stranger=True,
        ),
        Case(
            "a child's age",
            "whatever is for older ones leaves the page",
            lambda s: [Preferences(**s.about, maturity=CHILD)],
            _for_a_child,
        ),
    ),
    "my_list": (
        Case(
            "added",
            "`my_list` begins with the title",
            lambda s: _wishes(s, ListAction.ADD, RowKind.TOP_PICKS),
            lambda seen: seen.shown(RowKind.MY_LIST)[:1] == [seen.title_id],
        ),
        Case(
            "removed",
            "the title leaves `my_list`",
            lambda s: _wishes(s, ListAction.REMOVE, RowKind.MY_LIST),
            lambda seen: seen.after is not None and seen.title_id not in seen.shown(RowKind.MY_LIST),
        ),
    ),
    "identify": (
        Case(
            "the anonymous viewer",
            "the page is deleted",
            lambda s: [Identify(**s.about, known_as=s.about["viewer_id"] + ACCOUNT)],
            lambda seen: seen.forgotten,
        ),
        Case(
            "the account",
            "a page out of what was watched anonymously",
            lambda s: [Identify(**s.about, known_as=s.about["viewer_id"] + ACCOUNT)],
            lambda seen: seen.after is not None and bool(seen.shown(_LIKED)),
            of=ACCOUNT,
        ),
    ),
    "history": (
        Case(
            "",
            "what was liked elsewhere leaves the rows of the unknown, and `because_you_liked` tells of it",
            lambda s: [History(**s.about, liked=(s.pick,))],
            lambda seen: seen.gone() and seen.seeds(_LIKED),
        ),
    ),
    "forget": (
        Case(
            "",
            "the page is deleted, with all that is known of the viewer",
            lambda s: [Forget(**s.about)],
            lambda seen: seen.forgotten and not seen.rejected,
        ),
    ),
}
"""What can happen, by the type of the event on the wire."""


def every_case() -> Iterator[tuple[str, Case]]:
    """Yield every case with its type.

    Examples
    --------
    >>> from schemas.events import EVENT_TYPES
    >>> {name for name, _ in every_case()} == set(EVENT_TYPES)
    True
    """
    for name, cases in CASES.items():
        for case in cases:
            yield name, case
