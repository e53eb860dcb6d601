r"""Stated preferences: genres and languages that a viewer names, as a prior of taste.

The score of a title with stated tags is raised, by less the more titles the viewer has liked:

.. math:: \Delta s_{uj} = a\, \frac{m}{m + n_u}\, \log_2(1 + k_{uj})

with :math:`k_{uj}` the number of stated tags that the title has and :math:`n_u` the number of the viewer's
liked titles. It is added to the blend's score, whose unit is a logarithm of odds. Only tags that the catalog
has raise anything; genres may be spelled otherwise (:mod:`online_models.catalog.vocabulary`).

The alternative, to represent the viewer by the mean of their genres' tag vectors (``learners.tag_vectors``),
needs vectors that have learned, in every worker; a stated genre should count from the first event of an
installation on.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from online_models.catalog.catalog import Catalog, country_code
from online_models.catalog.languages import language_code
from online_models.catalog.vocabulary import canonical, canonical_keys
from online_models.config import RewardConfig
from online_models.feedback.devices import device_code
from online_models.jit import jit_no_alloc
from online_models.learners.intent import take_intent
from online_models.tables.feedback_layout import STATED_TAGS
from online_models.tables.hashing import tag_keys
from online_models.tables.layout import F4, I4, I8, U1, U2, Viewers
from online_models.tables.viewers import NO_LIMIT
from schemas import Event, Preferences

__all__ = ["EVIDENCE", "LIFT", "StatedPreferences", "labels_of", "places_of", "take", "take_all"]

LIFT = 1.0
"""Log-odds of a title with one stated tag: three in a hundred become seven. Assumed: onboarding picks about
three of some twenty genres, in which viewers then watch two to three times as much as others do."""
EVIDENCE = 5.0
"""Liked titles that halve the lift (as many as `tag_affinity.PRIOR`)."""
_GENRES = 6
"""Stated genres kept; the other places are for languages."""
_country = lru_cache(1_024)(country_code)  # there are 676 countries
_CACHED = 512
"""Combinations of stated tags whose lift is kept: 40 kB each at 10k titles."""


def labels_of(event: Preferences) -> list[str]:
    """Return the tags that preferences state, in canonical form: six genres and two languages at most.

    Examples
    --------
    >>> about = {"event_id": "e", "viewer_id": "v", "event_time_ms": 10**12}
    >>> labels_of(Preferences(**about, genres=("Drama", "Sci-Fi", "dramas"), languages=("hi",)))
    ['genre:drama', 'genre:sciencefiction', 'language:hi']
    """
    genres = [*dict.fromkeys(canonical(f"genre:{genre}") for genre in event.genres)][:_GENRES]
    languages = [f"language:{language}" for language in dict.fromkeys(event.languages)]
    return [*genres, *languages[: STATED_TAGS - _GENRES]]


def take(viewers: Viewers, slot: int, event: Preferences, at_ms: int) -> bool:
    """Replace a viewer's stated preferences by those of an event.

    Returns whether anything changed, or the preferences are the viewer's first.

    The country and device of the event are taken over with them. Preferences that are older than the
    viewer's, by event time, change nothing: a device that was offline must not take a newer age limit off.
    """
    if at_ms < viewers.stated_at[slot]:
        return False
    changed = bool(viewers.stated_at[slot] == 0)
    viewers.stated_at[slot] = at_ms
    stated = np.zeros(STATED_TAGS, np.uint32)
    labels = labels_of(event)
    stated[: len(labels)] = tag_keys(labels)
    changed |= not np.array_equal(viewers.stated_tags[slot], stated)
    viewers.stated_tags[slot] = stated
    said = (
        (viewers.limit, NO_LIMIT if event.maturity is None else event.maturity),
        (viewers.language, language_code(event.languages)),
        (viewers.country, _country(event.country) or viewers.country[slot]),
        (viewers.device, device_code(event.device) or viewers.device[slot]),
    )
    for column, value in said:
        changed |= bool(column[slot] != value)
        column[slot] = value
    return changed


@jit_no_alloc
def locate(viewers: Viewers, slots: I4, countries: U2, devices: U1, after: U2) -> None:
    """Store the countries and devices that events [n] name (0 for none), in order.

    ``after`` [n] becomes the country of each event's viewer just after the event.
    """
    for i in range(slots.size):
        v = slots[i]
        if countries[i] > 0:
            viewers.country[v] = countries[i]
        if devices[i] > 0:
            viewers.device[v] = devices[i]
        after[i] = viewers.country[v]


def places_of(events: Sequence[Event]) -> tuple[U2, U1]:
    """Return the countries and devices of events as codes, 0 for none: [n] each."""
    countries = np.array([_country(event.country) for event in events], np.uint16)
    return countries, np.array([device_code(event.device) for event in events], np.uint8)


def take_all(
    viewers: Viewers,
    slots: I4,
    places: tuple[U2, U1],
    acts: Mapping[int, Event],
    at_ms: Sequence[int] | I8,
    reward: RewardConfig,
) -> tuple[U2, list[int]]:
    """Take over countries, devices, stated preferences of events and search intents, in order.

    Parameters
    ----------
    viewers
        Gets them.
    slots
        [n] slot of each event's viewer.
    places
        Countries and devices of the events (:func:`places_of`).
    acts
        At least the events that state preferences or show an intent, ascending by their place.
    at_ms
        Times of the events.
    reward
        Strengths of search intents.

    Returns
    -------
    countries, changed
        Country of each event's viewer just after the event: [n]. Indexes of the preferences for which `take`
        is true.

    Examples
    --------
    >>> from online_models.config import ModelConfig, RewardConfig
    >>> from online_models.tables.titles import TitleTable
    >>> from online_models.tables.viewers import ViewerTable
    >>> table = ViewerTable(ModelConfig(), TitleTable(ModelConfig()))
    >>> slots = table.acquire(["ada", "ada"])
    >>> about = {"viewer_id": "ada", "event_time_ms": 10**12}
    >>> new = Preferences(event_id="a", maturity=12, languages=("hi",), **about)
    >>> acts = [new, Preferences(event_id="b", **about)]
    >>> times, places = [10**12, 10**12 - 1], places_of(acts)
    >>> take_all(table.arrays, slots, places, dict(enumerate(acts)), times, RewardConfig())[1]
    [0]
    >>> int(table.arrays.limit[0]), bytes(table.arrays.language[:1])
    (12, b'hi')
    """
    countries, devices = places
    after, start = np.zeros(slots.size, np.uint16), 0
    changed = [
        n for n, event in acts.items() if take_intent(viewers, int(slots[n]), event, int(at_ms[n]), reward)
    ]
    stated = [(n, event) for n, event in acts.items() if isinstance(event, Preferences)]
    for n, event in stated:
        locate(viewers, slots[start:n], countries[start:n], devices[start:n], after[start:n])
        if take(viewers, int(slots[n]), event, int(at_ms[n])):
            changed.append(n)
        after[n] = viewers.country[slots[n]]
        start = n + 1
    locate(viewers, slots[start:], countries[start:], devices[start:], after[start:])
    return after, changed


class StatedPreferences:
    """Lifts of stated tags over the titles of a catalog.

    Parameters
    ----------
    catalog
        The tags of the titles.

    Examples
    --------
    >>> from online_models.config import ModelConfig
    >>> from online_models.tables.titles import TitleTable
    >>> from schemas import Tags, Title
    >>> catalog = Catalog(TitleTable(ModelConfig()))
    >>> catalog.put(Title(title_id="a", tags=Tags(genre=("Drama",))))
    >>> catalog.put(Title(title_id="b"))
    >>> StatedPreferences(catalog).lift(tag_keys(["genre:drama"]), 2).tolist()
    [1.0, 0.0]
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._state = (-1, -1)
        self._row: I4 = np.zeros(0, np.int32)
        self._key: NDArray[np.uint32] = np.zeros(0, np.uint32)
        self._lifts: dict[bytes, F4] = {}

    def lift(self, stated: NDArray[np.uint32], size: int) -> F4:
        """Return the lift of each of the first ``size`` titles for stated tags (keys; 0: none): [size]."""
        self._refresh(size)
        name = stated.tobytes()
        found = self._lifts.get(name)
        if found is None:
            if len(self._lifts) >= _CACHED:
                self._lifts.clear()
            rows = self._row[np.isin(self._key, stated[stated != 0])]
            count = np.bincount(rows, minlength=size)[:size]
            found = self._lifts[name] = (LIFT * np.log2(1.0 + count)).astype(np.float32)
        return found

    def add_to(self, rows: F4, viewers: Viewers, slots: I4, titles: I4 | None = None) -> None:
        """Add the lifts to the score rows [n, T] of the viewers who stated tags.

        The columns are those of ``titles`` [T], by default the first ones.
        """
        size = rows.shape[1] if titles is None else max(int(titles.max(initial=-1)) + 1, self._state[1])
        for q in np.flatnonzero(viewers.stated_tags[slots, 0]).tolist():
            slot = slots[q]
            share = np.float32(EVIDENCE / (EVIDENCE + viewers.positives[slot]))
            lift = self.lift(viewers.stated_tags[slot], size)
            rows[q] += share * (lift if titles is None else lift[titles])

    def lifted(self, viewers: Viewers, slot: int, titles: I4) -> NDArray[np.bool_]:
        """Return whether each title has a tag that the viewer stated: [titles]."""
        size = int(titles.max(initial=-1)) + 1
        if not viewers.stated_tags[slot, 0] or size == 0:
            return np.zeros(titles.size, np.bool_)
        self._refresh(max(size, self._state[1]))
        out: NDArray[np.bool_] = self.lift(viewers.stated_tags[slot], self._state[1])[titles] > 0
        return out & (titles >= 0)

    def _refresh(self, size: int) -> None:
        """Read the tags of the titles again if the catalog or the number of titles has changed."""
        state = (self._catalog.version, size)
        if state == self._state:
            return
        self._state = state
        self._lifts.clear()
        indptr, ids = self._catalog.tags_of(np.arange(size))
        self._row = np.repeat(np.arange(size, dtype=np.int32), np.diff(indptr))
        names: Sequence[str] = self._catalog.tag_names
        keys = canonical_keys(names) if names else np.zeros(0, np.uint32)
        self._key = keys[ids] if ids.size else np.zeros(0, np.uint32)
