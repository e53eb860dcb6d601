"""Which variant each of a viewer's items shows: the draws of `online_models.bandits`, many at once."""

import numpy as np

from online_models.kernels.hashing import mix
from online_models.kernels.layout import F8, I4, U8, jit


@jit
def race_many(seed: int, viewer: int, day: int, title: U8, arm: U8, chance: F8, out: I4) -> None:
    """Write the arm that wins each title's race into ``out`` [m].

    ``title`` [m] are titles' keys, ``arm`` [m, A] hashes of the arms' names, ``chance`` [m, A] their chances,
    0 where there is none. The same as ``race(chance[i], names, draw_key(seed, viewer, title[i], day))``.
    """
    first = mix(mix(np.uint64(seed)) ^ np.uint64(viewer))
    for i in range(title.size):
        key = mix(mix(first ^ title[i]) ^ np.uint64(day))
        best = np.inf
        out[i] = 0
        for a in range(arm.shape[1]):
            if chance[i, a] > 0.0:
                u = np.float64(mix(arm[i, a] ^ key) >> np.uint64(11)) * 2.0**-53
                time = -np.log1p(-u) / chance[i, a]
                if time < best:
                    best = time
                    out[i] = a
