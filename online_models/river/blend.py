"""All experts together."""

from dataclasses import replace

from online_models.config import EXPERTS, BlendConfig, ModelConfig
from online_models.river.ranker import Expert

__all__ = ["Blend"]


class Blend(Expert):
    r"""The log-linear blend of all experts: what the worker ranks by.

    .. math::

        \hat y_{uj} = \sum_e w_e(u)\, f_e(u, j) \qquad
        w_e \leftarrow w_e + \eta\, \Big(f_e(u, i) - \sum_j p_j f_e(u, j)\Big)

    with the score of `Factorization` and the log-shares of `CoWatch` (short and long), `Trending` and all
    watches as :math:`f_e`, and :math:`p` the softmax of :math:`\hat y_u` over the best-scored titles;
    `online_models.learners.blender_update` has the rest. The weights learn from what is tested
    (`Recommender.prequential`); here they stay where they start.

    Parameters
    ----------
    factorization, cowatch, cowatch_long, trending, popularity
        The weights of the experts.
    rejection
        Weight against what resembles the user's rejections.
    satisfaction
        Weight of how few turn an item down.
    floor
        Share spread evenly over the candidates, so that no expert can veto.
    config
        Everything else; None for the defaults.
    viewer_slots, title_capacity
        Users and items remembered at most.
    seed
        Start of every draw.

    Examples
    --------
    >>> from online_models.river import Blend
    >>> model = Blend(seed=1)
    >>> model.learn_many([("ada", "Alien", 1), ("ada", "Aliens", 1), ("bob", "Amelie", 1)])
    >>> model.learn_one("eve", "Alien", 1)
    >>> [item for item, _ in model.top_n("eve")]
    ['Aliens', 'Amelie']
    >>> model.clone({"popularity": 0.2}).popularity
    0.2
    """

    def __init__(
        self,
        *,
        factorization: float = 0.6,
        cowatch: float = 0.5,
        cowatch_long: float = 0.1,
        trending: float = 0.2,
        popularity: float = 0.4,
        rejection: float = 0.1,
        satisfaction: float = 1.5,
        floor: float = 1.0,
        config: ModelConfig | None = None,
        viewer_slots: int = 200_000,
        title_capacity: int = 200_000,
        seed: int = 0,
    ) -> None:
        self.factorization = factorization
        self.cowatch = cowatch
        self.cowatch_long = cowatch_long
        self.trending = trending
        self.popularity = popularity
        self.rejection = rejection
        self.satisfaction = satisfaction
        self.floor = floor
        self.config = config
        super().__init__(viewer_slots=viewer_slots, title_capacity=title_capacity, seed=seed)

    def _config(self) -> ModelConfig:
        weights = {name: getattr(self, name) for name in (*EXPERTS, "rejection", "satisfaction", "floor")}
        return replace(
            self.config or ModelConfig(),
            blend=BlendConfig(**weights),
            viewer_slots=self.viewer_slots,
            title_capacity=self.title_capacity,
        )
