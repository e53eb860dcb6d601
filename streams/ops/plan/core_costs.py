"""What learning and lists cost without a broker: `python -m streams.ops.plan.core_costs TITLES` prints it.

A process of its own, since a library of linear algebra reads its settings when it is loaded.
"""

import sys
from time import process_time
from typing import Any, Final

import numpy as np

from online_models import ModelConfig, Recommender
from online_models.feedback.reward_function import Action
from online_models.ranking.viewer_side import EventColumns

__all__ = ["core_costs"]

VIEWERS: Final = 5_000
CHUNK: Final = 2_000
"""Events a batch."""
BATCH: Final = 512
"""Lists a batch."""
LIST: Final = 20
ROUNDS: Final = 5
"""Times that each is measured; the median counts."""
EPOCH_MS: Final = 1_700_000_000_000


def core_costs(titles: int) -> tuple[float, float]:
    """Return the microseconds to learn an event and to make a list of 20 in a batch."""
    rng = np.random.default_rng(7)
    model = Recommender(ModelConfig(viewer_slots=4 * VIEWERS), seed=7)
    side, sent = model.viewers, 0

    def learned(names: Any) -> float:  # noqa: ANN401 - numpy has no name for an array of numbers here
        nonlocal sent
        n = len(names)
        batch = EventColumns(
            [f"u{v}" for v in rng.integers(0, VIEWERS, n).tolist()], [f"t{t}" for t in names.tolist()],
            [int(Action.POSITIVE)] * n, [1.0] * n, (EPOCH_MS + 10 * np.arange(sent, sent + n)).tolist(),
            np.zeros(n, np.uint64),
        )  # fmt: skip
        sent += n
        began = process_time()
        signals, _ = side.observe(side.feedback(batch))
        model.title_side.absorb(signals)
        model.titles.arrays.changed[:] = 0
        return process_time() - began

    def popular() -> Any:  # noqa: ANN401 - as above
        return np.minimum(rng.zipf(1.2, CHUNK) - 1, titles - 1)

    for start in range(0, titles, CHUNK):
        learned(np.arange(start, min(start + CHUNK, titles)))
    for _ in range(2 * titles // CHUNK + 4):
        learned(popular())
    slots = side.viewers.acquire([f"u{n}" for n in range(BATCH)])

    def listed() -> float:
        began = process_time()
        side.rank(slots, EPOCH_MS + 10**9, LIST)
        return process_time() - began

    listed()
    learn = float(np.median([learned(popular()) for _ in range(ROUNDS)]))
    rank = float(np.median([listed() for _ in range(ROUNDS)]))
    return learn / CHUNK * 1e6, rank / BATCH * 1e6


if __name__ == "__main__":
    sys.stdout.write("{} {}\n".format(*core_costs(int(sys.argv[1]))))
