"""The queue of slices against a plain list."""

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from streams.engine.batching import SliceQueue, size_of

SIZES = st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=6), max_size=6)


@given(
    slices=SIZES, takes=st.lists(st.tuples(st.integers(1, 7), st.integers(1, 20)), min_size=1, max_size=40)
)
def test_batches_are_the_records_in_order_within_the_caps(
    slices: list[list[int]], takes: list[tuple[int, int]]
) -> None:
    """Nothing is lost, doubled or reordered; no cap is passed, but for a single record that is too large."""
    queue = SliceQueue()
    waiting = []
    for sizes in slices:
        records = [SimpleNamespace(value=bytes(size)) for size in sizes]
        queue.put(records, size_of(records))
        waiting += records
    for max_events, max_bytes in takes:
        batch = queue.take(max_events=max_events, max_bytes=max_bytes)
        assert batch == waiting[: len(batch)]
        assert bool(batch) == bool(waiting)
        assert len(batch) <= max_events
        assert size_of(batch) <= max_bytes or len(batch) == 1
        waiting = waiting[len(batch) :]
        assert (queue.events, queue.size) == (len(waiting), size_of(waiting))
    queue.clear()
    assert queue.take(max_events=1, max_bytes=1) == []
