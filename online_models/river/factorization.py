"""History-aware matrix factorization, alone."""

from online_models.config import CoWatchConfig, FactorizationConfig, ModelConfig
from online_models.river.ranker import Expert, alone

__all__ = ["Factorization"]


class Factorization(Expert):
    r"""History-aware matrix factorization with a sampled softmax.

    .. math::

        \hat y_{uj} = \Big[\ \frac{\sum_l d_1^l\, y^1_{h_l}}{|d_1|},\ \ldots,\ p_u \Big] \cdot q_j + b_j

    over the user's positives :math:`h_0` (newest), :math:`h_1`, ...; learned event by event by the
    cross-entropy of the item against items drawn uniformly from those that the user does not have, with
    AdaGrad.

    Parameters
    ----------
    factors
        Numbers in a user's vector, and in each horizon's part of an item's.
    horizons
        Decay per step back in the history, one a horizon.
    history
        Positives that enter the representation.
    negatives
        Items drawn per positive.
    learning_rate, user_learning_rate
        AdaGrad steps of items and users.
    viewer_slots, title_capacity
        Users and items remembered at most.
    seed
        Start of every draw.

    Examples
    --------
    >>> from online_models.river import Factorization
    >>> model = Factorization(factors=8, seed=3)
    >>> for n in range(30):
    ...     model.learn_one(f"cook {n}", "knives", True)
    ...     model.learn_one(f"cook {n}", "soups", True)
    ...     model.learn_one(f"sailor {n}", "knots", True)
    ...     model.learn_one(f"sailor {n}", "tides", True)
    >>> model.learn_one("eve", "knots", True)
    >>> model.rank("eve", {"soups", "tides"})
    ['tides', 'soups']

    References
    ----------
    [^1]: Koren, Y., 2008. Factorization meets the neighborhood. KDD.
    [^2]: Kabbur, S., Ning, X. and Karypis, G., 2013. FISM: factored item similarity models. KDD.
    """

    def __init__(
        self,
        *,
        factors: int = 12,
        horizons: tuple[float, ...] = (0.5, 0.8, 0.95, 0.99),
        history: int = 80,
        negatives: int = 100,
        learning_rate: float = 0.1,
        user_learning_rate: float = 0.3,
        viewer_slots: int = 200_000,
        title_capacity: int = 200_000,
        seed: int = 0,
    ) -> None:
        self.factors = factors
        self.horizons = horizons
        self.history = history
        self.negatives = negatives
        self.learning_rate = learning_rate
        self.user_learning_rate = user_learning_rate
        super().__init__(viewer_slots=viewer_slots, title_capacity=title_capacity, seed=seed)

    def _config(self) -> ModelConfig:
        return ModelConfig(
            factorization=FactorizationConfig(
                factors=self.factors,
                horizons=tuple(self.horizons),
                history=self.history,
                negatives=self.negatives,
                learning_rate=self.learning_rate,
                viewer_learning_rate=self.user_learning_rate,
            ),
            cowatch=CoWatchConfig(enabled=False, window=0, seeds=0, long_seeds=0, neighbours=16),
            blend=alone(factorization=1.0),
            viewer_slots=self.viewer_slots,
            title_capacity=self.title_capacity,
        )
