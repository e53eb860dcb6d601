"""What a viewer has sought of late: tags they searched for or browsed, and titles they opened.

Such acts say what somebody is in the mood for, and little about their taste: they vote on tags when titles
are ranked (`ranking.tag_places`), and nothing learns from them. They fade as the viewer goes on, by event
time: who comes back after a month finds the page as it was. A row has `SOUGHT` places, each with a key of 32
bits: of a tag, or the upper half of a title's.
"""

import numpy as np

from online_models.catalog.vocabulary import canonical_keys
from online_models.config import RewardConfig
from online_models.jit import jit_inline
from online_models.tables.feedback_layout import MOST_SOUGHT, SECOND
from online_models.tables.layout import Params, Real, Viewers
from online_models.tables.titles import title_key
from schemas.events import Browse, Event, Search, Select

__all__ = ["add_sought", "seeks", "strength_of", "take_sought"]

_KINDS = ("genre:", "mood:", "director:", "cast:")
"""How surfaces begin that show titles with one tag; others, such as `home`, name none."""


@jit_inline
def strength_of(viewers: Viewers, params: Params, v: int, s: int) -> Real:
    """Return the weight of a place, falling to 0 within `RewardConfig.sought_hours` of the viewer's acts."""
    age = float(viewers.last_at[v] - SECOND * np.int64(viewers.sought_at[v, s]))
    left = 1.0 - max(age, 0.0) / params.reward.sought_ms
    return np.float32(viewers.sought_weight[v, s] * max(left, 0.0))


def seeks(event: Event) -> bool:
    """Return whether an event says what its viewer seeks.

    Examples
    --------
    >>> about = {"event_id": "a", "viewer_id": "ada", "event_time_ms": 0, "dwell_s": 9.0}
    >>> [seeks(Browse(**about, surface=surface)) for surface in ("home", "genre:Drama")]
    [False, True]
    """
    return isinstance(event, (Search, Select)) or (
        isinstance(event, Browse) and event.surface.startswith(_KINDS)
    )


def take_sought(viewers: Viewers, slot: int, event: Event, at_ms: int, config: RewardConfig) -> bool:
    """Take over what an event says that its viewer seeks; return whether it counts."""
    match event:
        case Search():
            weight = config.search
            add_sought(viewers, slot, _key_of_tag(f"genre:{event.query}"), weight, at_ms)
            if event.clicked_title_id is not None:
                add_sought(viewers, slot, _key_of_title(event.clicked_title_id), weight, at_ms)
        case Browse() if seeks(event):
            weight = config.browse
            add_sought(viewers, slot, _key_of_tag(event.surface), weight, at_ms)
        case Select():
            weight = config.select
            add_sought(viewers, slot, _key_of_title(event.title_id), weight, at_ms)
        case _:
            weight = 0.0
    return weight > 0


def add_sought(viewers: Viewers, v: int, key: int, weight: float, at_ms: int) -> None:
    """Add the weight to that of the same key, else put it in the place of the oldest."""
    if weight <= 0:
        return
    keys, second = viewers.sought[v], max(at_ms, 0) // SECOND
    same = np.flatnonzero(keys == key)
    place = int(same[0]) if same.size else int(np.argmin(np.where(keys == 0, 0, viewers.sought_at[v])))
    held = float(viewers.sought_weight[v, place]) if same.size else 0.0
    newest = max(second, int(viewers.sought_at[v, place])) if same.size else second
    viewers.sought[v, place], viewers.sought_at[v, place] = key, newest
    viewers.sought_weight[v, place] = min(held + weight, MOST_SOUGHT)


def _key_of_tag(label: str) -> int:
    return int(canonical_keys([label])[0])


def _key_of_title(title_id: str) -> int:
    return title_key(title_id) >> 32
