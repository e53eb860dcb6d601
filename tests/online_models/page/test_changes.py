"""Differences between pages: by hand, and in general."""

from hypothesis import given
from hypothesis import strategies as st

from online_models.page.changes import changes
from schemas.fields import RowKind
from schemas.pages import Home, Item, Row, Source

rows = st.lists(
    st.builds(
        lambda kind, tags, titles: Row(
            kind=kind, tags=tags, items=tuple(Item(title_id=t, score=0.0) for t in titles)
        ),
        st.sampled_from([RowKind.TOP_PICKS, RowKind.GENRE]),
        st.sampled_from([(), ("genre:Drama",)]),
        st.lists(st.sampled_from("abcdef"), unique=True),
    ),
    max_size=5,
)


def _page(of: list[Row]) -> Home:
    about = {"viewer_id": "v", "list_id": "l", "seq": 1, "model_version": "m"}
    source = Source(topic="t", partition=0, offset=0)
    return Home(**about, generated_at_ms=0, expires_at_ms=0, source=source, rows=tuple(of))


@given(rows)
def test_a_page_beside_itself_is_still(page: list[Row]) -> None:
    """Nothing came, went or moved."""
    assert all(change.still for change in changes(page, _page(page)))


@given(rows, rows)
def test_what_stays_comes_and_goes_adds_up(before: list[Row], after: list[Row]) -> None:
    """Titles after = titles before - those that left + those that came; places are right."""
    found = changes(before, _page(after))
    assert [change.now for change in found if change.now is not None] == list(range(1, len(after) + 1))
    assert sorted(c.was for c in found if c.was is not None) == list(range(1, len(before) + 1))
    for change in found:
        now = set() if change.now is None else {item.title_id for item in after[change.now - 1].items}
        was = set() if change.was is None else {item.title_id for item in before[change.was - 1].items}
        assert now == (was - set(change.left)) | set(change.came)
        assert {one.title_id for one in change.moved} <= now & was
