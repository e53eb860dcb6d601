"""The situations: who does what, and which number has to be between which bounds.

A situation is a generator. It yields events (and new titles), gets what the person then sees, and returns
the number. Where the product does not reach the bounds yet, `reached` is False: the number is shown, not
required. Several persons are in each situation, with other films: one person's page is within chance.
"""

from collections.abc import Callable, Generator, Sequence
from statistics import median
from typing import Final, NamedTuple, TypeAlias

from schemas import Title
from schemas.events import Browse, Event, Identify, Pause, Preferences, Search, Select, StopCause, Thumb
from schemas.fields import RowKind
from tests.situations.person import SHOWN, Look, Person
from tests.situations.world import DAY_MS, film

__all__ = ["SITUATIONS", "Play", "Situation"]

Play: TypeAlias = Generator[list[Event | Title], Look, float]
OLD: Final = (12, 15, 18, 21, 24, 27)
"""Films that are neither hits nor rare."""
OTHERS: Final = (13, 16, 19, 22, 25, 28, 31, 34)
MINUTE_MS: Final = 60_000
NEW: Final = "ho-new"
"""Id of the new title."""


class Situation(NamedTuple):
    """What a person does, and what is counted afterwards."""

    event: str
    """Type of the event that it is about."""
    name: str
    """What the person does."""
    counted: str
    """What is counted."""
    low: float
    high: float
    play: Callable[[Person], Play]
    reached: bool = True
    """Whether the product reaches the bounds."""
    of: Callable[[Sequence[float]], float] = median
    """The number of several persons: the middle one, or of what nobody may miss the worst."""
    why: str = ""
    """Why the bounds are not reached."""

    def holds(self, number: float) -> bool:
        """Return whether a number is between the bounds."""
        return self.low <= number <= self.high


def _watches(person: Person) -> Play:
    look = yield person.films("ho", OLD)
    return look.of("ho")


def _stops_at(share: float, count: Callable[[Look, str], float]) -> Callable[[Person], Play]:
    def play(person: Person) -> Play:
        look = yield person.films("co", OLD)
        title = look.top()[0]
        after = yield [person.play(title), person.watch(title, share, cause=StopCause.EXITED)]
        return count(after, title)

    return play


def _continues(look: Look, title: str) -> float:
    return float(title in look.shown(RowKind.CONTINUE_WATCHING) and look.shown().count(title) == 1)


def _crashes(person: Person) -> Play:
    look = yield person.films("co", OLD)
    title = look.top()[0]
    after = yield [person.play(title), *person.beats(title, 0.9)]
    return after.shown().count(title)


def _pauses(person: Person) -> Play:
    yield person.films("co", OLD)
    look = yield [Pause(**person.head(), title_id=person.id_of("ho", 33), position_s=1_200.0)]
    return float(look.first(RowKind.CONTINUE_WATCHING) == person.id_of("ho", 33))


def _searches(clicked: int | None) -> Callable[[Person], Play]:
    def play(person: Person) -> Play:
        before = yield person.films("co", OLD)
        opened = None if clicked is None else person.id_of("ho", clicked)
        searches = [
            Search(**person.head(), query="horror", result_count=40, clicked_title_id=opened)
            for _ in range(3)
        ]
        look = yield [*searches, person.add(person.id_of("dr", 33))]
        return look.of("ho") - before.of("ho")

    return play


def _skips(person: Person) -> Play:
    before = yield person.films("co", OLD)
    look = yield [person.skip(person.id_of("co", number)) for number in OTHERS]
    return look.of("co") / max(before.of("co"), 1)


def _thumbs_down(person: Person) -> Play:
    before = yield person.films("co", OLD)
    look = yield [person.rate(person.id_of("co", number), Thumb.DOWN) for number in OTHERS[:3]]
    return look.of("co") / max(before.of("co"), 1)


def _thumbs_up(person: Person) -> Play:
    before = yield person.films("co", OLD)
    look = yield [person.rate(person.id_of("ho", number), Thumb.UP) for number in (33, 35)]
    return look.of("ho") - before.of("ho")


def _stars(person: Person) -> Play:
    look = yield person.films("co", OLD)
    liked, disliked = look.top()[:2]
    after = yield [person.rate(liked, stars=5.0), person.rate(disliked, stars=1.0)]
    return after.shown().count(liked) + after.shown().count(disliked)


def _browses(person: Person) -> Play:
    before = yield person.films("co", OLD)
    browses = [Browse(**person.head(), surface="genre:Horror", dwell_s=60.0) for _ in range(2)]
    look = yield [*browses, person.add(person.id_of("dr", 33))]
    return look.of("ho") - before.of("ho")


def _selects(person: Person) -> Play:
    before = yield person.films("co", OLD)
    selects = [Select(**person.head(), title_id=person.id_of("ho", number)) for number in (33, 35, 37)]
    look = yield [*selects, person.add(person.id_of("dr", 33))]
    return look.of("ho") - before.of("ho")


def _ignores(person: Person) -> Play:
    look = yield person.films("co", OLD)
    ignored = look.top()[:3]
    seen = [event for _ in range(3) for event in person.sees(look, (0, 1, 2))]
    after = yield [*seen, person.add(person.id_of("dr", 33))]
    return sum(
        after.top().index(title) - n if title in after.top() else SHOWN for n, title in enumerate(ignored)
    )


def _prefers(word: str) -> Callable[[Person], Play]:
    def play(person: Person) -> Play:
        look = yield [Preferences(**person.head(), genres=(word,))]
        return look.of("sf")

    return play


def _switches(person: Person) -> Play:
    person.about = {"profile_id": "parent"}
    yield person.films("ho", OLD)
    person.about = {"profile_id": "child"}
    look = yield [Preferences(**person.head(), maturity=12), person.play(person.id_of("co", 30))]
    return sum(title.startswith("ho") for title in look.shown())


def _signs_in(person: Person) -> Play:
    account, person.viewer_id = person.viewer_id, f"{person.viewer_id}-anonymous"
    yield person.films("ho", OLD)
    yield [Identify(**person.head(), known_as=account)]
    person.viewer_id = account
    look = yield [person.add(person.id_of("dr", 33))]
    return look.of("ho")


def _lives_in(country: str) -> Callable[[Person], Play]:
    def play(person: Person) -> Play:
        person.about = {"country": country}
        look = yield person.films("dr", OLD)
        return sum(title in {f"dr{n:02d}" for n in range(5)} for title in look.shown())

    return play


def _is_twelve(person: Person) -> Play:
    stated = Preferences(**person.head(), genres=("Horror",), maturity=12)
    look = yield [stated, person.play(person.id_of("co", 30))]
    return sum(title.startswith("ho") for title in look.shown())


def _binges(person: Person) -> Play:
    yield person.films("co", OLD[:3])
    watched = [person.watch(f"ep{n:02d}", cause=StopCause.NEXT, later_ms=100 * MINUTE_MS) for n in range(4)]
    look = yield watched
    return float(look.first(RowKind.CONTINUE_WATCHING) == "ep04")


def _changes(films: int) -> Callable[[Person], Play]:
    def play(person: Person) -> Play:
        yield person.films("co", OLD, later_ms=100 * MINUTE_MS)
        look = yield person.films("sf", (33, 35)[:films], later_ms=100 * MINUTE_MS)
        return look.of("sf")

    return play


def _changes_over_a_week(person: Person) -> Play:
    person.at_ms = person.now_ms - 14 * DAY_MS
    yield person.films("co", OLD, later_ms=DAY_MS)
    look = yield person.films("ho", OLD, later_ms=DAY_MS)
    return look.of("ho")


def _returns(person: Person) -> Play:
    person.at_ms = person.now_ms - 36 * DAY_MS
    yield person.films("co", OLD)
    person.at_ms = person.now_ms - DAY_MS
    look = yield [person.add(person.id_of("dr", 33))]
    return look.of("co")


def _new_title(count: Callable[[Look], float]) -> Callable[[Person], Play]:
    def play(person: Person) -> Play:
        yield person.films("ho", (*OLD, *OTHERS[:4]))
        yield [film("ho", 1, person.now_ms - DAY_MS, title_id=NEW)]
        look = yield [person.watch(person.id_of("ho", 30))]
        return count(look)

    return play


def _is_new(person: Person) -> Play:
    look = yield [person.play(person.id_of("co", 30))]
    return len(look.top())


def _saves(person: Person) -> Play:
    yield person.films("co", OLD)
    look = yield [person.add(person.id_of("ho", 33))]
    return float(look.first(RowKind.MY_LIST) == person.id_of("ho", 33))


SITUATIONS: Final = (
    Situation("stop", "finishes six horror films", "horror among 20 top picks", 12, 20, _watches),
    Situation(
        "progress", "watches a film to 90 %, then the player crashes: heartbeats, no stop",
        "rows with the film", 0, 0, _crashes, of=max,
    ),
    Situation("pause", "pauses a film", "1: it is the first of continue watching", 1, 1, _pauses, of=min),
    Situation(
        "stop", "stops at 5 %", "1: the film can be continued, and is in no other row", 1, 1,
        _stops_at(0.05, _continues), of=min,
    ),
    Situation(
        "stop", "stops at 40 %", "1: the film can be continued, and is in no other row", 1, 1,
        _stops_at(0.4, _continues), of=min,
    ),
    Situation(
        "stop", "stops at 95 %", "rows with the film", 0, 0,
        _stops_at(0.95, lambda look, title: look.shown().count(title)), of=max,
    ),
    Situation(
        "search", "searches for horror three times, opens nothing", "more horror among 20 top picks", 1, 10,
        _searches(None),
    ),
    Situation(
        "search", "searches for horror three times, opens a film", "more horror among 20 top picks", 1, 10,
        _searches(33),
    ),
    Situation(
        "skip", "after six comedies skips eight others", "share of comedies that stay in the top 20", 0, 0.6,
        _skips,
    ),
    Situation(
        "rate", "after six comedies: thumbs down on three others",
        "share of comedies that stay in the top 20",
        0, 0.5, _thumbs_down,
    ),
    Situation(
        "rate", "after six comedies: thumbs up on two horror films", "more horror among 20 top picks", 2, 20,
        _thumbs_up,
    ),
    Situation(
        "rate", "five stars for one film, one star for another",
        "rows with one of them", 0, 0, _stars, of=max,
    ),
    Situation(
        "browse", "browses horror for two minutes", "more horror among 20 top picks", 1, 10, _browses,
    ),
    Situation(
        "select", "opens three horror films", "more horror among 20 top picks", 1, 10, _selects,
    ),
    Situation(
        "impression", "sees the first three films three times, plays none", "places that they sink together",
        1, 60, _ignores,
    ),
    Situation(
        "preferences", "states the genre Science Fiction", "of it among 20 top picks", 12, 20,
        _prefers("Science Fiction"),
    ),
    Situation(
        "preferences", "states the genre as Sci-Fi", "of it among 20 top picks", 12, 20, _prefers("Sci-Fi"),
    ),
    Situation(
        "preferences", "states horror at the age of twelve", "horror films on the page", 0, 0, _is_twelve,
        of=max,
    ),
    Situation(
        "preferences", "switches to the child's profile after six horror films", "horror films on its page",
        0, 0, _switches, of=max,
    ),
    Situation(
        "identify", "signs in after six horror films as nobody", "horror among the account's 20 top picks",
        12, 20, _signs_in,
    ),
    Situation(
        "play", "lives in the US", "films on the page that only Germany has", 0, 0, _lives_in("US"), of=max,
    ),
    Situation("play", "lives in Germany", "films on the page that only Germany has", 1, 20, _lives_in("DE")),
    Situation(
        "stop", "watches four episodes in a row", "1: the fifth is the first of continue watching",
        1, 1, _binges, of=min,
    ),
    Situation(
        "stop", "after six comedies one science fiction film", "of it among 20 top picks", 4, 8, _changes(1),
    ),
    Situation(
        "stop", "after six comedies two science fiction films", "of it among 20 top picks", 8, 14,
        _changes(2),
    ),
    Situation(
        "stop", "six comedies in one week, six horror films in the next", "horror among 20 top picks", 10, 20,
        _changes_over_a_week,
    ),
    Situation("my_list", "returns after a month", "comedies among 20 top picks", 10, 20, _returns),
    Situation(
        "stop", "ten horror films, then a new one comes out", "1: it is among the first six of a row", 1, 1,
        _new_title(lambda look: float(NEW in look.visible())),
    ),
    Situation(
        "stop", "ten horror films, then a new one comes out", "1: an alert names a new horror film", 1, 1,
        _new_title(lambda look: float(any(alert.title_id == NEW for alert in look.alerts))),
    ),
    Situation("play", "is new, and starts a film", "top picks", 20, 20, _is_new, of=min),
    Situation("my_list", "saves a film", "1: it is the first of my list", 1, 1, _saves, of=min),
)  # fmt: skip
