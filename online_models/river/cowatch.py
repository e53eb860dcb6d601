"""Co-watch neighbours, alone."""

from online_models.config import CoWatchConfig, FactorizationConfig, ModelConfig
from online_models.river.ranker import Expert, alone

__all__ = ["CoWatch"]


class CoWatch(Expert):
    r"""Recency-weighted item-item co-watch: "because you watched", from the first event on.

    A positive of item :math:`i` adds :math:`w\,\delta^l` to :math:`C_{i h_l}` and :math:`C_{h_l i}` for the
    newest positives :math:`h_l` of the user; with :math:`n_i` the weight of all positives of an item,

    .. math::

        c_{uj} = \sum_{l < M} d^l\, C_{h_l j}\, (n_{h_l} n_j)^{-\alpha}
        \qquad \hat y_{uj} = \log\Big(1 + \frac{n\, c_{uj}}{b_j \sum_k c_{uk}}\Big)

    where :math:`b_j` is the item's popularity to the power of .55: what an item that no list names is taken
    to have. With ``seeds=20, seed_decay=.93`` it is the blend's long horizon.

    Parameters
    ----------
    window
        Positives back that an item is paired with.
    pair_decay
        Weight of a pair per step between its two items (:math:`\delta`).
    seeds
        Newest positives whose neighbours are added up (:math:`M`).
    seed_decay
        Weight of a seed per step back (:math:`d`).
    alpha
        How far popularity is taken out of the similarity.
    neighbours
        Neighbours kept per item, a multiple of 16.
    viewer_slots, title_capacity
        Users and items remembered at most.
    seed
        Nothing is drawn; it is here for River's sake.

    Examples
    --------
    >>> from online_models.river import CoWatch
    >>> model = CoWatch()
    >>> model.learn_many([("ada", "Alien", 1), ("ada", "Aliens", 1), ("bob", "Amelie", 1)])
    >>> model.learn_one("eve", "Alien", 1)
    >>> model.top_n("eve")
    [('Aliens', 0.9042752981185913), ('Amelie', 0.0)]

    References
    ----------
    [^1]: Huang, Y. et al., 2015. TencentRec: real-time stream recommendation in practice. SIGMOD.
    """

    def __init__(
        self,
        *,
        window: int = 30,
        pair_decay: float = 0.9,
        seeds: int = 10,
        seed_decay: float = 0.8,
        alpha: float = 0.45,
        neighbours: int = 176,
        viewer_slots: int = 200_000,
        title_capacity: int = 200_000,
        seed: int = 0,
    ) -> None:
        self.window = window
        self.pair_decay = pair_decay
        self.seeds = seeds
        self.seed_decay = seed_decay
        self.alpha = alpha
        self.neighbours = neighbours
        super().__init__(viewer_slots=viewer_slots, title_capacity=title_capacity, seed=seed)

    def _config(self) -> ModelConfig:
        history = max(1, self.window, self.seeds)
        return ModelConfig(
            factorization=FactorizationConfig(factors=1, horizons=(), history=history, negatives=0),
            cowatch=CoWatchConfig(
                window=self.window,
                pair_decay=self.pair_decay,
                seeds=self.seeds,
                seed_decay=self.seed_decay,
                long_seeds=0,
                alpha=self.alpha,
                neighbours=self.neighbours,
            ),
            blend=alone(cowatch=1.0),
            viewer_slots=self.viewer_slots,
            title_capacity=self.title_capacity,
        )
