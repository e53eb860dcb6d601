"""Compile every kernel into numba's cache on disk, so that a worker's first list comes at once.

Run it after installing and after every edit of a kernel: numba looks only at the file in which a kernel
stands, and would go on with the old code of what it calls from other files. So all that was cached is dropped
as soon as one source is newer than the stamp that the last complete run left behind. Of the core's programs
it is the only one that touches the disk.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numba.core import event

from online_models.config import BlendConfig, ModelConfig
from online_models.kernels.encode import SCORE_BYTES, Fragments, encode_items
from online_models.recommender import Recommender
from online_models.title_side import shard_of
from online_models.titles import TitleTable
from online_models.viewer_side import Columns
from online_models.viewers import ViewerTable

__all__ = ["main"]

_HERE = Path(__file__).parent
_CACHE = _HERE / "__pycache__"
_STAMP = _CACHE / "compiled"


def drop_stale() -> int:
    """Remove cached kernels if any source is newer than the stamp; return how many files went."""
    newest = max(source.stat().st_mtime_ns for source in _HERE.glob("*.py"))
    if _STAMP.exists() and _STAMP.stat().st_mtime_ns >= newest:
        return 0
    stale = [file for kind in ("*.nbi", "*.nbc") for file in _CACHE.glob(kind)]
    for file in stale:
        file.unlink(missing_ok=True)
    return len(stale)


def small_world() -> Recommender:
    """Return a recommender that has learned a few events, two of them tested first."""
    model = Recommender(ModelConfig(blend=BlendConfig(popularity=0.1)))
    model.prequential(_batch(), np.array([0, 0, 1, 1], np.int32))
    return model


def learn_apart() -> None:
    """Let two sides learn the same events by way of signals, tested and untested."""
    model = Recommender()
    side, every = model.viewers, np.ones(4, np.int32)
    model.title_side.absorb(side.observe(side.feedback(_batch()))[0])
    side.observe_tested(side.feedback(_batch()), every)


def rank_and_score() -> None:
    """Make lists, and the scores behind them, and write the lists as bytes."""
    model = small_world()
    model.score("a")
    lists = model.viewers.rank(np.arange(2, dtype=np.int32), 0, 3)
    text, room = np.zeros(8, np.uint8), np.zeros(8 * SCORE_BYTES, np.uint8)
    nothing = Fragments(text, np.zeros((8, 2), np.int64), text, np.zeros(8, np.int64))
    encode_items(lists, nothing, room, np.zeros(2, np.int64))


def pack_and_restore() -> None:
    """Bring rows of titles and viewers to bytes and back, and find the shards of their keys."""
    model = small_world()
    rows = np.arange(len(model.titles), dtype=np.int32)
    replica = TitleTable(model.config)
    replica.load(model.titles.ids, model.titles.pack(rows))
    heads, keys, starts = model.viewers.viewers.pack(np.zeros(1, np.int32))
    row = np.concatenate((heads.view(np.uint8), keys[: starts[1]].view(np.uint8)))
    crowded = ModelConfig(viewer_slots=1)
    viewers = ViewerTable(crowded, replica, slots=1)
    viewers.acquire(["a"], lambda _: [row])
    viewers.acquire(["b"])
    shard_of(keys, 2)


def main() -> None:
    """Drop what is stale, compile the rest; print what was done and how long the compiler took."""
    print(f"{drop_stale()} stale files dropped")
    steps: dict[str, Callable[[], object]] = {
        "test and learn": small_world,
        "learn apart": learn_apart,
        "rank and score": rank_and_score,
        "pack and restore": pack_and_restore,
    }
    for name, step in steps.items():
        with event.install_recorder("numba:compile") as recorder:
            step()
        stamps = [at for at, _ in recorder.buffer]
        print(f"{name:18}{max(stamps, default=0.0) - min(stamps, default=0.0):6.1f} s", flush=True)
    _STAMP.touch()


def _batch() -> Columns:
    viewers, titles = ["a", "b", "a", "b"], ["x", "x", "y", "z"]
    events = np.arange(1, 5, dtype=np.uint64)
    return Columns(viewers, titles, [1, 1, 1, 2], [1.0] * 4, [0, 1, 2, 3], events)


if __name__ == "__main__":
    main()
