"""All experts together."""

from dataclasses import replace

from online_models.config import BlendConfig, ModelConfig
from online_models.experts.expert import Expert

__all__ = ["Blend"]


class Blend(Expert):
    r"""The log-linear blend of all experts: what the worker ranks by.

    .. math::

        \hat y_{uj} = w_f s_{uj} + w_c \log\Big(1 + \frac{n\, c_{uj}}{\epsilon \sum_k c_{uk}}\Big)
                    + w_t \log\Big(\frac{t_j}{\sum_k t_k} + \frac{\epsilon}{n}\Big)

    with `Factorization`'s :math:`s`, `CoWatch`'s :math:`c` and `Trending`'s :math:`t`; `online_models`
    derives it.

    Parameters
    ----------
    factorization, cowatch, popularity
        The weights of the experts.
    floor
        Share spread evenly over the candidates, so that no expert can veto (:math:`\epsilon`).
    config
        Everything else; None for the defaults.
    viewer_slots, title_capacity
        Users and items remembered at most.
    seed
        Start of every draw.

    Examples
    --------
    >>> from online_models.experts import Blend
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
        factorization: float = 0.7,
        cowatch: float = 0.6,
        popularity: float = 0.0,
        floor: float = 0.05,
        config: ModelConfig | None = None,
        viewer_slots: int = 200_000,
        title_capacity: int = 200_000,
        seed: int = 0,
    ) -> None:
        self.factorization = factorization
        self.cowatch = cowatch
        self.popularity = popularity
        self.floor = floor
        self.config = config
        super().__init__(viewer_slots=viewer_slots, title_capacity=title_capacity, seed=seed)

    def _config(self) -> ModelConfig:
        return replace(
            self.config or ModelConfig(),
            blend=BlendConfig(
                factorization=self.factorization,
                cowatch=self.cowatch,
                popularity=self.popularity,
                floor=self.floor,
            ),
            viewer_slots=self.viewer_slots,
            title_capacity=self.title_capacity,
        )
