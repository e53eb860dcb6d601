"""A world in which one kind of story is scarce: the demand names it, from the events alone."""

import json

import pytest

from online_models.simulation import World
from online_models.simulation.config import CatalogConfig, WorldConfig
from streams.errors import SettingsError
from tests.simulations.__main__ import main
from tests.simulations.insights import DemandOptions, simulated


def test_the_demand_names_what_is_scarce() -> None:
    """Its theme and mood are first of their kinds by excess, and its theme is what is searched in vain."""
    found = simulated(DemandOptions(viewers=400, titles=240, days=6, seed=1, scarce=0.2))
    assert (found.places["theme"], found.places["mood"], found.places["search"]) == (1, 1, 1)
    theme = next(one for one in found.wanted.facets if one.labels == (f"theme:{found.scarce['theme']}",))
    assert theme.watch_share > 1.5 * theme.catalogue_share


def test_scarcity_is_a_setting_of_the_world() -> None:
    """One kind has a fifth of its titles, and the others have them; without the setting nothing changes."""
    plain, same = World(3, 50, 400), World(3, 50, 400, config=WorldConfig())
    assert plain.titles == same.titles
    counts = []
    for scarce in (None, 0):
        config = WorldConfig(catalog=CatalogConfig(scarce=scarce))
        genres = World(3, 50, 400, config=config).titles
        word = World(3, 50, 400, config=WorldConfig(catalog=CatalogConfig(scarce=0))).catalog.scarce["genre"]
        counts.append(sum(word in title.tags.genre for title in genres))
    assert counts[1] < counts[0]


def test_another_way_is_refused() -> None:
    """The message names the ways that there are."""
    with pytest.raises(SettingsError, match="embedded"):
        simulated(DemandOptions(100, 48, 1, 0, 0.2, "pigeons"))


def test_a_scarce_kind_of_story_in_process(capsys: pytest.CaptureFixture[str]) -> None:
    """The command names what is scarce, and where the demand has it."""
    options = ["--through", "process", "--viewers", "200", "--titles", "100", "--days", "2", "--json", "-"]
    assert main(["insights", "--seed", "1", *options]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found["places"]) == {"genre", "theme", "mood", "search"}
