"""Whatever a model may be configured to, events are learned, stored and answered by pages."""

from dataclasses import fields, replace
from math import isfinite
from typing import Any, Final, get_type_hints

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from online_models.config import (
    WAYS,
    BlendConfig,
    CoWatchConfig,
    FactorizationConfig,
    ModelConfig,
    RewardConfig,
    TrendingConfig,
)
from online_models.page.config import PageConfig
from online_models.simulation import World
from schemas import topics
from schemas.codec import decode_dead_letter, decode_home, encode
from streams.config.settings import Settings
from tests.equality.cluster import Installation
from tests.equality.events import Players

EVENTS: Final = 300
SMALL: Final[dict[str, st.SearchStrategy[Any]]] = {
    "factors": st.integers(1, 20),
    "negatives": st.integers(0, 50),
    "history": st.integers(1, 100),
    "tags": st.integers(1, 50),
    "neighbours": st.integers(1, 12).map(lambda sets: WAYS * sets),
    "rivals": st.integers(2, 50),
    "known_titles": st.integers(64, 100),
    "viewer_slots": st.integers(1, 60),
    "title_capacity": st.integers(1, 200),
}
"""What would take long or much memory at its largest; everything else is drawn from all that is allowed."""
AT_DEFAULTS: Final = {
    "guests",
    "guest_tests",
    "guest_budget_us",
    "liked_stars",
    "disliked_stars",
    "first",
    "without",
}
"""What depends on others, or concerns rankers that are not here."""


def numbers(kind: type[Any], **parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Draw a part of the configuration; each number is its default or any that is allowed."""
    default, hints = kind(), get_type_hints(kind, include_extras=True)
    drawn = {
        one.name: st.just(getattr(default, one.name)) | SMALL.get(one.name, st.from_type(hints[one.name]))
        for one in fields(kind)
        if one.name not in AT_DEFAULTS | parts.keys()
    }
    return st.builds(kind, **drawn, **parts)


@st.composite
def models(draw: st.DrawFn) -> ModelConfig:
    """Draw a model's configuration."""
    factorization = draw(numbers(FactorizationConfig))
    most = factorization.history
    cowatch = draw(numbers(CoWatchConfig))
    cowatch = replace(cowatch, window=min(cowatch.window, most), seeds=min(cowatch.seeds, most))
    return draw(
        numbers(
            ModelConfig,
            factorization=st.just(factorization),
            cowatch=st.just(cowatch),
            trending=numbers(TrendingConfig),
            blend=numbers(BlendConfig),
            reward=numbers(RewardConfig),
        )
    )


services = st.builds(
    Settings,
    model=models(),
    page=numbers(PageConfig),
    prequential_share=st.sampled_from([0.0, 0.05, 1.0]),
    list_per_event=st.booleans(),
    list_length=st.sampled_from([1, 20, 200]),
    page_interval_s=st.sampled_from([0.0, 1.0]),
    profiles=st.booleans(),
    title_shards=st.sampled_from([1, 3]),
)


@settings(phases=(Phase.explicit, Phase.reuse, Phase.generate))  # to shrink a configuration takes minutes
@given(services, st.integers(0, 2**16))
def test_events_are_learned_and_answered(service: Settings, seed: int) -> None:
    """Every number is finite, no stage refuses what another has written, and a successor goes on."""
    refused: set[str] = set()

    def written(topic: str, _partition: int, _key: bytes | None, value: bytes | None) -> None:
        if topic == topics.DEAD_LETTERS and value is not None:
            refused.add(decode_dead_letter(value).source.topic)

    world = World(seed=seed, viewers=12, titles=60)
    installation = Installation(service, written, partitions=1)
    players = Players(world, seed, installation.pages, partitions=1, profiles=service.profiles)
    for title in world.titles:
        installation.write(topics.CATALOG, title.title_id, encode(title))
    for _ in range(2):
        for one in players.take(EVENTS // 2):
            installation.send(one)
        for _ in range(5):
            installation.turn(1.0, 40)
        installation.restart()
    installation.finish()
    assert refused <= {topics.EVENTS}, "a stage refused what another one wrote"
    pages = [decode_home(page) for page in installation.pages.values()]
    assert pages
    assert all(isfinite(item.score) for page in pages for row in page.rows for item in row.items)
