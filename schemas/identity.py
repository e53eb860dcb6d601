"""Events of who somebody is: an anonymous viewer signs in and takes along what they did; one is forgotten."""

from typing import Annotated

from msgspec import Meta

from schemas.base import ViewingEvent
from schemas.fields import Id

__all__ = ["Forget", "History", "Identify"]


class Forget(ViewingEvent, frozen=True, kw_only=True):
    """A viewer is to be forgotten: what is known of them is deleted, with their page, and begins anew.

    It holds for everything that stands before it in its partition, in every replay, too. Whoever wants to be
    forgotten for good sends nothing afterwards.
    """


class Identify(ViewingEvent, frozen=True, kw_only=True):
    """An anonymous viewer turned out to be somebody: the player sends it at sign-in, keyed as until then.

    The anonymous `viewer_id` is whatever the player called the viewer before, such as the session's id. What
    is known of it moves to the viewer `known_as` as a `history` event of theirs, and it is forgotten.

    Attributes
    ----------
    known_as
        Viewer id of the account that they signed in to; if it is the anonymous one, nothing happens.
    """

    known_as: Id


class History(ViewingEvent, frozen=True, kw_only=True):
    """What a viewer watched before they were this viewer: anonymously, or at another service.

    It says something about the viewer; titles have counted it already, or never will.

    Attributes
    ----------
    liked
        Titles that they watched and liked, oldest first.
    rejected
        Titles that they turned down.
    """

    liked: Annotated[tuple[Id, ...], Meta(max_length=160)] = ()
    rejected: Annotated[tuple[Id, ...], Meta(max_length=32)] = ()
