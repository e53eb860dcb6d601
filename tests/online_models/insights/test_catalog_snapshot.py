"""The catalog of the insights stage: titles by tags and countries."""

from online_models.insights.catalog_snapshot import CatalogSnapshot
from schemas import Availability, Tags, Title


def test_names_that_no_title_has_any_more_leave_nothing() -> None:
    """A catalog with another actor and another country for each title every night takes no more room."""
    catalog = CatalogSnapshot()
    for night in range(20):
        for n in range(10):
            tags, only = Tags(cast=(f"actor {night}-{n}",)), Availability(countries=(f"A{chr(65 + night)}",))
            catalog.put(Title(title_id=f"t{n}", tags=tags, availability=only))
    assert catalog.count(["cast:actor 19-3"], "AT") == 1
    assert catalog.count(["cast:actor 18-3"]) == 0
    assert len(catalog._with) == 10
    assert len(catalog._only) == 1
    for n in range(10):
        catalog.withdraw(f"t{n}")
    assert not catalog._with
    assert not catalog._only
