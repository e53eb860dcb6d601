"""Hyper-parameters: bounds, derived widths, fingerprint."""

import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from online_models.config import BlendConfig, CoWatchConfig, FactorizationConfig, ModelConfig, TrendingConfig
from online_models.errors import InvalidConfigError, ModelError


@pytest.mark.parametrize(
    "wrong",
    [
        {"factorization": FactorizationConfig(factors=0)},
        {"factorization": FactorizationConfig(horizons=(0.8, 1.2))},
        {"factorization": FactorizationConfig(horizons=(0.1,) * 5)},
        {"factorization": FactorizationConfig(initial_accumulator=0.0)},
        {"factorization": FactorizationConfig(learning_rate=float("nan"))},
        {"cowatch": CoWatchConfig(window=81)},
        {"cowatch": CoWatchConfig(neighbours=100)},
        {"trending": TrendingConfig(half_lives_s=(0.0, 1.0, 2.0))},
        {"known_titles": 10},
        {"viewer_slots": 0},
    ],
)
def test_out_of_bounds_is_named(wrong: dict[str, Any]) -> None:
    """A number out of its bounds is refused, by name."""
    with pytest.raises(InvalidConfigError, match=r"^[a-z_]+.* = .* is outside") as raised:
        ModelConfig(**wrong)
    assert isinstance(raised.value, ModelError)


def test_fingerprint_is_the_same_everywhere() -> None:
    """Any number that differs changes the fingerprint; a process with another hash seed computes the same."""
    config = ModelConfig()
    assert replace(config, publish_drift=0.06).fingerprint() != config.fingerprint()
    program = "from online_models import ModelConfig; print(ModelConfig().fingerprint())"
    env = {"PYTHONHASHSEED": "123"}
    run = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == config.fingerprint()


def test_an_integer_for_a_float_is_no_other_configuration() -> None:
    """Else the kernels would compile anew, and a worker refuse its state."""
    given = ModelConfig(blend=BlendConfig(dislike=0), publish_drift=0)
    assert given.fingerprint() == ModelConfig(blend=BlendConfig(dislike=0.0), publish_drift=0.0).fingerprint()
    assert [type(one) for one in (given.blend.dislike, given.publish_drift, given.viewer_slots)] == [
        float,
        float,
        int,
    ]


def test_configuration_needs_no_compiler() -> None:
    """Reading the settings imports neither numba nor River: a command's --help stays quick."""
    program = (
        "import sys; from online_models import ModelConfig; print({'numba', 'river'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
