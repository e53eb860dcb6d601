"""Worlds, events and pages that tests of pages share."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from online_models.catalog.catalog import country_code
from online_models.learners.cohorts import CohortConfig, CohortTable
from online_models.learners.segments import Segments
from online_models.page.catalog_index import ViewerSegments
from online_models.page.config import PageConfig
from online_models.ranking.segment_boost import SegmentBoost
from online_models.recommender import Recommender
from online_models.tables.layout import DAY_MS
from online_models.tables.titles import title_key
from schemas import Availability, Event, MyList, Play, Preferences, Rate, Stop, StopCause, Tags, Thumb, Title
from schemas.events import ListAction
from schemas.fields import RowKind
from schemas.pages import Row

T0 = 1_700_000_000_000
GENRES = ("Drama", "Comedy", "Crime")
OPEN = PageConfig(
    least=1, visible=2, seed_watches=0.0, tag_titles=2, segment_watches=0.0, alert_likes=1, alert_quantile=0.0
)
"""Minimum sizes of 1 or 2, so that small worlds have all kinds of shelves."""


def at(number: int, viewer: str, **more: Any) -> dict[str, Any]:
    """Return the common fields of an event; a minute lies between two."""
    return {"event_id": f"e{number}", "viewer_id": viewer, "event_time_ms": T0 + 60_000 * number, **more}


def stop(number: int, viewer: str, title: str, watched_s: float = 3_600.0, **more: Any) -> Stop:
    """Return the end of a playback of an hour's title, by default at its end."""
    about = {"cause": StopCause.TIMEOUT, **more}
    return Stop(
        **at(number, viewer), title_id=title, watched_s=watched_s, position_s=watched_s, duration_s=3_600.0,
        **about,
    )  # fmt: skip


def with_watches(model: Recommender, titles: int = 24, viewers: int = 12) -> Recommender:
    """Describe titles of three genres, and let a crowd watch five neighbouring ones each."""
    for n in range(titles):
        tags = Tags(genre=(GENRES[n % 3],), mood=("dark" if n % 2 else "warm",))
        model.describe(Title(title_id=f"t{n}", name=f"Title {n}", tags=tags))
    model.learn_many(
        stop(5 * v + k - 1_000, f"crowd{v}", f"t{(2 * v + k) % titles}")
        for v in range(viewers)
        for k in range(5)
    )
    return model


def titles_of(rows: Sequence[Row], kind: RowKind) -> list[str]:
    """Return the titles of all shelves of a kind."""
    return [item.title_id for row in rows if row.kind is kind for item in row.items]


TITLES = [f"t{n}" for n in range(16)]
described = st.builds(
    Title,
    title_id=st.sampled_from(TITLES),
    series_id=st.sampled_from([None, "s"]),
    episode=st.sampled_from([None, 1, 2, 3]),
    maturity=st.sampled_from([0, 12, 18]),
    release_ms=st.sampled_from([None, T0 - 5 * DAY_MS, T0 - 500 * DAY_MS]),
    availability=st.sampled_from(
        [Availability(), Availability(end_ms=T0 + 1), Availability(countries=("IN",))]
    ),
    tags=st.builds(
        Tags,
        genre=st.sets(st.sampled_from(GENRES), max_size=2).map(sorted).map(tuple),
        mood=st.sets(st.sampled_from(("dark", "warm")), max_size=1).map(tuple),
    ),
)


def any_events() -> st.SearchStrategy[Event]:
    """Return whatever three viewers can do to sixteen titles."""
    number, viewer = st.integers(0, 10**6), st.sampled_from(["ada", "bob", "cat"])
    about = st.builds(at, number, viewer, country=st.sampled_from([None, "IN", "US"]))
    title = st.sampled_from(TITLES)
    seconds = st.sampled_from([5.0, 400.0, 1_800.0, 3_600.0])
    causes = st.sampled_from([StopCause.EXITED, StopCause.ENDED, StopCause.ERROR])
    return st.one_of(
        st.builds(
            lambda a, t, w, c: Stop(**a, title_id=t, watched_s=w, position_s=w, duration_s=3_600.0, cause=c),
            about, title, seconds, causes,
        ),
        st.builds(lambda a, t, auto: Play(**a, title_id=t, autoplay=auto), about, title, st.booleans()),
        st.builds(lambda a, t, n: Rate(**a, title_id=t, thumb=n), about, title, st.sampled_from(Thumb)),
        st.builds(
            lambda a, t, n: MyList(**a, title_id=t, action=n), about, title, st.sampled_from(ListAction)
        ),
        st.builds(lambda a, m: Preferences(**a, maturity=m), about, st.sampled_from([None, 12, 16])),
    )  # fmt: skip


watched_there = st.tuples(st.sampled_from(TITLES), st.sampled_from(["IN", "US"]), st.floats(-1, 1, width=32))


def put_segments(model: Recommender, watched: Sequence[tuple[str, str, float]]) -> None:
    """Let countries and two cohorts watch titles."""
    with_watches, factors = Segments(least=1), model.config.factorization.factors
    table = CohortTable(factors, CohortConfig(cohorts=2))
    for title, country, taste in watched:
        with_watches.watch(title_key(title), 3.0, T0, country=country_code(country))
        row = int(model.titles.intern([title])[0])
        table.learn(np.full(factors, taste, np.float32), row, 3.0, T0)
    crowds = model.catalog_index.segments = ViewerSegments(
        model.titles, SegmentBoost(model.titles, [with_watches])
    )
    crowds.cohorts = table
