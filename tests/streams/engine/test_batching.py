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
        records = [
            SimpleNamespace(
                key=bytes(size // 3), value=bytes(size // 3), headers=[("", bytes(size - size // 3 * 2))]
            )
            for size in sizes
        ]
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


def test_keys_and_headers_count() -> None:
    """A record is as large as all that was fetched of it: neither a queue nor a batch takes more."""
    large = SimpleNamespace(key=bytes(900_000), value=None, headers=(("x", bytes(100_000)), ("y", None)))
    queue = SliceQueue()
    queue.put([large] * 50, size_of([large] * 50))
    assert queue.size == 50 * 1_000_002
    assert len(queue.take(max_events=8_000, max_bytes=4_000_008)) == 4
