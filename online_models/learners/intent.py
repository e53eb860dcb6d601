"""A viewer's search intent: tags they searched for or browsed of late, and titles they opened.

Such acts say what somebody is in the mood for, and little about their taste: they vote on tags when titles
are ranked (`ranking.tag_places`), and nothing learns from them. They fade as the viewer goes on, by event
time: who comes back after a month finds the page as it was. A row has `INTENTS` places, each with a key of 32
bits: of a tag, or the upper half of a title's.
"""

import numpy as np

from online_models.catalog.vocabulary import canonical_keys
from online_models.config import RewardConfig
from online_models.jit import jit_inline
from online_models.tables.feedback_layout import MOST_INTENT, SECOND
from online_models.tables.layout import Params, Real, Viewers
from online_models.tables.titles import title_key
from schemas.events import Browse, Event, Search, Select

__all__ = ["add_intent", "shows_intent", "strength_of", "take_intent"]

_KINDS = ("genre:", "mood:", "director:", "cast:")
"""How surfaces begin that show titles with one tag; others, such as `home`, name none."""


@jit_inline
def strength_of(viewers: Viewers, params: Params, v: int, s: int) -> Real:
    """Return the weight of a place, falling to 0 within `RewardConfig.intent_hours` of the viewer's acts."""
    age = float(viewers.last_at[v] - SECOND * np.int64(viewers.intent_at[v, s]))
    left = 1.0 - max(age, 0.0) / params.reward.intent_ms
    return np.float32(viewers.intent_weight[v, s] * max(left, 0.0))


def shows_intent(event: Event) -> bool:
    """Return whether an event shows a search intent.

    Examples
    --------
    >>> about = {"event_id": "a", "viewer_id": "ada", "event_time_ms": 0, "dwell_s": 9.0}
    >>> [shows_intent(Browse(**about, surface=surface)) for surface in ("home", "genre:Drama")]
    [False, True]
    """
    return isinstance(event, (Search, Select)) or (
        isinstance(event, Browse) and event.surface.startswith(_KINDS)
    )


def take_intent(viewers: Viewers, slot: int, event: Event, at_ms: int, config: RewardConfig) -> bool:
    """Take over the search intent that an event shows; return whether it counts."""
    match event:
        case Search():
            weight = config.search
            add_intent(viewers, slot, _key_of_tag(f"genre:{event.query}"), weight, at_ms)
            if event.clicked_title_id is not None:
                add_intent(viewers, slot, _key_of_title(event.clicked_title_id), weight, at_ms)
        case Browse() if shows_intent(event):
            weight = config.browse
            add_intent(viewers, slot, _key_of_tag(event.surface), weight, at_ms)
        case Select():
            weight = config.select
            add_intent(viewers, slot, _key_of_title(event.title_id), weight, at_ms)
        case _:
            weight = 0.0
    return weight > 0


def add_intent(viewers: Viewers, v: int, key: int, weight: float, at_ms: int) -> None:
    """Add the weight to that of the same key, else put it in the place of the oldest."""
    if weight <= 0:
        return
    keys, second = viewers.intent[v], max(at_ms, 0) // SECOND
    same = np.flatnonzero(keys == key)
    place = int(same[0]) if same.size else int(np.argmin(np.where(keys == 0, 0, viewers.intent_at[v])))
    held = float(viewers.intent_weight[v, place]) if same.size else 0.0
    newest = max(second, int(viewers.intent_at[v, place])) if same.size else second
    viewers.intent[v, place], viewers.intent_at[v, place] = key, newest
    viewers.intent_weight[v, place] = min(held + weight, MOST_INTENT)


def _key_of_tag(label: str) -> int:
    return int(canonical_keys([label])[0])


def _key_of_title(title_id: str) -> int:
    return title_key(title_id) >> 32
