"""Events of a viewer who looks around, chooses and judges."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from schemas.base import ViewingEvent
from schemas.fields import Count, Id, Index, Label, Labels, Maturity, Propensity, Seconds, Text
from schemas.vocabulary import RowKind

__all__ = [
    "Browse",
    "Impression",
    "ListAction",
    "MyList",
    "Preferences",
    "Rate",
    "Search",
    "Select",
    "Skip",
    "Thumb",
]


class Thumb(StrEnum):
    """A judgement in one tap."""

    UP = "up"
    DOWN = "down"
    DOUBLE_UP = "double_up"


class ListAction(StrEnum):
    """What happened to the viewer's own list."""

    ADD = "add"
    REMOVE = "remove"


class Impression(ViewingEvent, frozen=True, kw_only=True):
    """A recommended title was visible to the viewer.

    Attributes
    ----------
    list_id
        The list that was shown.
    row
        Row on that list, from 0.
    slot
        Place in that row, from 0.
    title_id
        The title that was shown.
    artwork
        Id of the artwork variant that was shown.
    row_kind
        Kind of the row, as the page says it: teaches which kinds are watched from.
    arm
        Experiment arm under which it was shown, as ``experiment_id/arm``; absent: the viewer's own.
    propensity
        Probability with which the title came to stand there: the item's, unless the item names an `artwork`;
        absent: 1.
    artwork_propensity
        Probability with which the picture was drawn: the item's, if the item names an `artwork`.
    """

    list_id: Id
    row: Index
    slot: Index
    title_id: Id
    artwork: Id | None = None
    row_kind: RowKind | None = None
    arm: Label | None = None
    propensity: Propensity | None = None
    artwork_propensity: Propensity | None = None


class Select(ViewingEvent, frozen=True, kw_only=True):
    """The viewer opened a title's page.

    Attributes
    ----------
    title_id
        The title that was opened.
    list_id
        The list that it stood on.
    row
        Row on that list, from 0.
    slot
        Place in that row, from 0.
    artwork
        Id of the artwork variant that was clicked.
    """

    title_id: Id
    list_id: Id | None = None
    row: Index | None = None
    slot: Index | None = None
    artwork: Id | None = None


class Skip(ViewingEvent, frozen=True, kw_only=True):
    """A title was turned down: a preview swiped away, an autoplay cancelled, "not interested".

    Attributes
    ----------
    title_id
        What was turned down.
    position_s
        How far it had played, in seconds; 0 when it had not begun.
    list_id
        The list that it stood on.
    row
        Row on that list, from 0.
    slot
        Place in that row, from 0.
    """

    title_id: Id
    position_s: Seconds = 0.0
    list_id: Id | None = None
    row: Index | None = None
    slot: Index | None = None


class Search(ViewingEvent, frozen=True, kw_only=True):
    """The viewer searched.

    Attributes
    ----------
    query
        What was typed; 1 to 256 characters.
    result_count
        How many titles were found.
    clicked_title_id
        The title that was opened from the results, if any.
    """

    query: Text
    result_count: Count
    clicked_title_id: Id | None = None


class Browse(ViewingEvent, frozen=True, kw_only=True):
    """The viewer looked around.

    Attributes
    ----------
    surface
        Where, in the sender's words: `home`, `genre:Drama`, `search`.
    dwell_s
        How long, in seconds.
    """

    surface: Label
    dwell_s: Seconds


class Rate(ViewingEvent, frozen=True, kw_only=True):
    """A judgement: exactly one of a thumb or stars.

    Attributes
    ----------
    title_id
        What was judged.
    thumb
        Up, down, or twice up.
    stars
        0.5 (worst) to 5 (best).
    """

    title_id: Id
    thumb: Thumb | None = None
    stars: Annotated[float, Meta(ge=0.5, le=5.0)] | None = None

    def __post_init__(self) -> None:
        if (self.thumb is None) == (self.stars is None):
            msg = "Expected exactly one of `thumb` and `stars`"
            raise ValueError(msg)


class MyList(ViewingEvent, frozen=True, kw_only=True):
    """A title was put on, or taken off, the viewer's own list.

    Attributes
    ----------
    title_id
        The title.
    action
        Added or removed.
    """

    title_id: Id
    action: ListAction


class Preferences(ViewingEvent, frozen=True, kw_only=True):
    """What the viewer said about themselves, at onboarding or in the settings; replaces what was said before.

    Attributes
    ----------
    genres
        Genres that they like, in the catalogue's words.
    languages
        Languages that they understand, as BCP 47 tags such as `de` or `pt-BR`.
    liked_titles
        Titles that they picked as favourites.
    maturity
        The profile's age in years: titles with a higher maturity are not shown. Absent: no limit.
    """

    genres: Labels = ()
    languages: Labels = ()
    liked_titles: Annotated[tuple[Id, ...], Meta(max_length=64)] = ()
    maturity: Maturity | None = None
