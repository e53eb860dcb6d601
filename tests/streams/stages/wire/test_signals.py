"""Signals on the wire: what the viewers' side says is what the titles' side hears."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from online_models.catalog.catalog import country_code
from online_models.config import CoWatchConfig, FactorizationConfig, ModelConfig
from online_models.feedback.reward_function import Action
from online_models.ranking.viewer_side import blank_signals
from online_models.tables.layout import Signals
from online_models.tables.titles import TitleTable
from streams.errors import StateError
from streams.stages.wire.signals import MAX_BYTES, MAX_EVENTS, SignalBatch, pack, unpack

LIMIT = 1_000_000
"""A broker's default limit of a record, rounded down."""
USEFUL = [Action.POSITIVE, Action.REJECT, Action.TOUCH, Action.KNOWN]
"""Actions from which titles learn."""


def _signals(titles: TitleTable, n: int, seed: int = 0, *, known: int = 50) -> Signals:
    """Draw signals about the first ``known`` titles of a table."""
    rng = np.random.default_rng(seed)
    out = blank_signals(n, titles)
    out.action[:] = rng.choice([*USEFUL, Action.IGNORED], n)
    out.title[:] = rng.integers(0, known, n)
    out.weight[:] = rng.random(n, np.float32)
    out.change[:] = rng.normal(size=n)
    out.at[:] = rng.integers(10**12, 2 * 10**12, n)
    chosen = np.isin(out.action, (Action.POSITIVE, Action.KNOWN))
    out.depth[chosen] = rng.integers(0, out.history.shape[1] + 1, int(chosen.sum()))
    for row, depth in enumerate(out.depth.tolist()):
        out.session_items[row] = rng.integers(0, depth + 1)
        out.history[row, :depth] = rng.integers(0, known, depth) ^ -rng.integers(0, 2, depth)  # t or ~t
    out.x[chosen] = rng.normal(size=(int(chosen.sum()), out.x.shape[1])).astype("f2")
    out.gradient[chosen] = rng.normal(size=(int(chosen.sum()), out.gradient.shape[1])).astype("f2")
    return out


def _table(names: int = 50, config: ModelConfig | None = None) -> TitleTable:
    """Make a table of titles with names."""
    table = TitleTable(config or ModelConfig())
    table.intern([f"title {n} é" for n in range(names)])
    return table


def _heard(records: list[tuple[bytes, int]], titles: TitleTable) -> list[SignalBatch]:
    """Unpack everything."""
    return [unpack(record, titles) for record, _ in records]


def _described(signals: Signals, titles: TitleTable, row: int) -> tuple[Any, ...]:
    """Say what one signal says, in names instead of rows."""
    history = signals.history[row, : signals.depth[row]].tolist()
    return (
        int(signals.action[row]),
        titles.ids[signals.title[row]],
        float(signals.weight[row]),
        float(signals.change[row]),
        int(signals.at[row]),
        [(titles.ids[max(t, ~t)], t >= 0) for t in history],
        int(signals.session_items[row]),
        signals.x[row].tolist(),
        signals.gradient[row].tolist(),
    )


@given(n=st.integers(0, 120), seed=st.integers(0, 2**32 - 1), known=st.integers(1, 50))
def test_what_is_sent_is_heard(n: int, seed: int, known: int) -> None:
    """Every useful signal arrives once, in order, with its history, by name and not by row."""
    sender, receiver = _table(), TitleTable(ModelConfig())
    receiver.intern(["another", "title 7 é"])
    said = _signals(sender, n, seed, known=known)
    useful = [row for row in range(n) if said.action[row] in USEFUL]
    batches = _heard(list(pack(said, sender, partition=3, sent=100)), receiver)
    heard = [
        _described(batch.signals, receiver, row)
        for batch in batches
        for row in range(batch.signals.title.size)
    ]
    assert heard == [_described(said, sender, row) for row in useful]
    assert [batch.partition for batch in batches] == [3] * len(batches)
    assert (batches[-1].sent if batches else 100) == 100 + len(useful)


@given(n=st.integers(1, 60), told=st.integers(0, 60), seed=st.integers(0, 2**32 - 1))
def test_places_and_devices_are_heard_beside_their_signals(n: int, told: int, seed: int) -> None:
    """Those of the first verdicts are known, and of what viewers left behind with them nobody says."""
    sender, rng = _table(), np.random.default_rng(seed)
    said = _signals(sender, n, seed)
    size = min(n, told)
    countries = rng.choice([0, *map(country_code, ("DE", "AA", "ZZ"))], size).astype(np.uint16)
    devices = rng.integers(0, 6, size).astype(np.uint8)
    heard = _heard(
        list(pack(said, sender, partition=0, sent=0, countries=countries, devices=devices)), _table()
    )
    useful = np.isin(said.action, USEFUL)
    for given_, name in ((countries, "countries"), (devices, "devices")):
        got = np.concatenate([getattr(batch, name) for batch in heard] or [given_[:0]])
        assert got.tolist() == np.pad(given_, (0, n - size))[useful].tolist()


def test_a_large_batch_is_several_records() -> None:
    """No record holds more than its share, and each says how many signals were sent with it."""
    titles = _table()
    said = _signals(titles, 2_500)
    said.action[:] = Action.TOUCH
    records = list(pack(said, titles, partition=0, sent=7))
    assert [sent for _, sent in records] == [7 + MAX_EVENTS, 7 + 2 * MAX_EVENTS, 7 + 2_500]
    assert [batch.signals.title.size for batch in _heard(records, _table())] == [1_000, 1_000, 500]


def test_titles_known_by_key_only_keep_their_identity() -> None:
    """A sender that does not know a name sends the key, and the receiver's name stands."""
    source = _table()
    sender, receiver = TitleTable(ModelConfig()), _table()
    rows = sender.by_key(source.arrays.key[:3])
    assert [sender.ids[row] for row in rows] == ["", "", ""]
    named = int(sender.intern(["title 9 é"])[0])
    said = blank_signals(1, sender)
    said.action[:], said.title[:], said.depth[:] = Action.POSITIVE, named, 3
    said.history[0, :3] = rows
    (batch,) = _heard(list(pack(said, sender, partition=0, sent=0)), receiver)
    assert _described(batch.signals, receiver, 0)[1] == "title 9 é"
    assert _described(batch.signals, receiver, 0)[5] == [(f"title {n} é", True) for n in range(3)]


def test_a_name_reaches_who_had_the_key() -> None:
    """A shard that met a title as a neighbour learns its name from the first signal that has it."""
    sender = _table()
    receiver = TitleTable(ModelConfig())
    row = int(receiver.by_key(sender.arrays.key[:1])[0])
    said = blank_signals(1, sender)
    said.action[:] = Action.TOUCH
    (batch,) = _heard(list(pack(said, sender, partition=0, sent=0)), receiver)
    assert (receiver.ids[row], int(batch.signals.title[0])) == ("title 0 é", row)


def test_titles_beyond_the_receivers_capacity_are_left_out() -> None:
    """A full table does not lend another title's row: the signal does nothing, histories close up."""
    sender, receiver = _table(4), TitleTable(ModelConfig(title_capacity=2))
    receiver.intern(["title 0 é", "title 1 é"])
    said = blank_signals(2, sender)
    said.action[:], said.title[:], said.depth[:] = Action.POSITIVE, [3, 0], [1, 3]
    said.history[0, :1] = [0]
    said.history[1, :3] = [1, 2, 1]
    (batch,) = _heard(list(pack(said, sender, partition=0, sent=0)), receiver)
    assert batch.signals.action.tolist() == [Action.IGNORED, Action.POSITIVE]
    assert batch.signals.title.min() >= 0
    assert batch.signals.history[1, : batch.signals.depth[1]].tolist() == [1, 1]
    assert len(receiver) == 2


def test_records_stay_below_the_brokers_limit_at_the_largest_configuration() -> None:
    """256 factors, four horizons, 500 titles of history, ids of 64 four-byte characters: still below 1 MB."""
    factorization = FactorizationConfig(factors=256, horizons=(0.7, 0.8, 0.9, 0.97), history=500)
    config = ModelConfig(factorization=factorization, cowatch=CoWatchConfig())
    sender, receiver = TitleTable(config), TitleTable(config)
    rows = sender.intern([f"{n:05d}" + "\N{GRINNING FACE}" * 59 for n in range(20_000)])
    rng = np.random.default_rng(1)
    said = blank_signals(300, sender)
    said.action[:], said.depth[:] = Action.POSITIVE, 500
    said.title[:] = rng.choice(rows, 300)
    said.history[:] = rng.choice(rows, (300, 500))
    records = list(pack(said, sender, partition=0, sent=0))
    assert max(len(record) for record, _ in records) <= MAX_BYTES < LIMIT
    heard = _heard(records, receiver)
    assert [sent for _, sent in records] == np.cumsum([b.signals.title.size for b in heard]).tolist()
    assert records[-1][1] == 300
    last = heard[-1].signals
    assert _described(last, receiver, -1)[:5] == _described(said, sender, -1)[:5]


def test_dictionary_numbers_fit_at_the_limit() -> None:
    """Nameless entries are the smallest: a record full of them has fewer than 16 bits can number."""
    config = ModelConfig(factorization=FactorizationConfig(factors=1, horizons=(), history=500))
    source, sender = TitleTable(config), TitleTable(config)
    source.intern([f"{n:x}" for n in range(100_000)])
    rows = sender.by_key(source.arrays.key[:100_000])
    said = blank_signals(200, sender)
    said.action[:], said.depth[:] = Action.POSITIVE, 500
    said.title[:] = rows[::500]
    said.history[:] = rows.reshape(200, 500)
    heard = _heard(list(pack(said, sender, partition=0, sent=0)), source)
    together = Signals(
        *map(np.concatenate, zip(*(batch.signals.as_dict().values() for batch in heard), strict=True))
    )
    assert [sender.arrays.key[t] for t in said.title] == [source.arrays.key[t] for t in together.title]
    assert (sender.arrays.key[said.history] == source.arrays.key[together.history]).all()
    dense = said.part(slice(126))
    ((record, sent),) = pack(dense, sender, partition=0, sent=0)
    assert sent == 126
    assert len(np.unique(unpack(record, source).signals.history)) == 63_000


@pytest.mark.parametrize(
    ("field", "what", "advice"),
    [("version", "version that this program", "start the version"), ("shape", "another model conf", "drain")],
)
def test_records_of_another_version_or_shape_are_refused(field: str, what: str, advice: str) -> None:
    """A record that cannot be meant for this model stops the stage, with what to do."""
    sender = _table()
    said = blank_signals(1, sender)
    said.action[:] = Action.TOUCH
    ((record, _),) = pack(said, sender, partition=0, sent=0)
    receiver = sender
    if field == "version":
        record = b"\x63\x00" + record[2:]
    else:
        receiver = TitleTable(ModelConfig(factorization=FactorizationConfig(factors=8)))
    with pytest.raises(StateError, match=what) as caught:
        unpack(record, receiver)
    assert advice in caught.value.next_step
