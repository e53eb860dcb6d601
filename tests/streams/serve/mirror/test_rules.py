"""Lists that are made when asked for: business rules, and the limits of a viewer's page."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from msgspec import structs

from schemas import Tags, topics
from schemas.codec import encode
from schemas.rules import BusinessRule, RuleKind
from streams.serve.api.lists import trending_for
from streams.serve.mirror.rules import RuleAudience
from streams.serve.mirror.titles import TitleDirectory
from tests.streams.serve.stand import TITLES, Stand, page, trending
from tests.waiting import until


def _rule(kind: RuleKind, *titles: str, **more: object) -> bytes:
    return encode(BusinessRule(rule_id="r", kind=kind, titles=titles, **more))  # type: ignore[arg-type]


def _until(answer: Callable[[], object], wanted: object) -> None:
    until(lambda: answer() == wanted, why=f"not {wanted}")


@pytest.mark.parametrize(
    "rule",
    [_rule(RuleKind.EXCLUDE, "engine"), _rule(RuleKind.EXCLUDE, tags=Tags(genre=("Comedy", "Farce")))],
    ids=["by name", "by tag"],
)
def test_what_is_excluded_is_on_no_list(client: TestClient, stand: Stand, rule: bytes) -> None:
    """Not on cold-start pages, trending, similar or found; back without the rule."""

    def shown() -> tuple[list[str], ...]:
        home = client.get("/v1/viewers/nobody/home").json()["rows"]
        alike = client.get("/v1/titles/tide/similar").json()
        found = client.get("/v1/viewers/ada/search?q=copper").json()
        trend = client.get("/v1/trending").json()
        return tuple([i["title_id"] for i in one["items"]] for one in (home[0], trend, alike, found))

    before = (["tide", "engine"], ["tide", "engine"], ["engine"], ["engine"])
    assert shown() == before
    stand.put(topics.RULES, "r", rule)
    _until(shown, (["tide"], ["tide"], [], []))
    stand.put(topics.RULES, "r", None)
    _until(shown, before)


def test_a_countrys_list_is_for_that_country() -> None:
    """Unless another is asked for; a device's is for nobody in particular."""
    mirror: Any = SimpleNamespace(titles=TitleDirectory())
    mirror.titles.on_catalog([(title.title_id.encode(), encode(title)) for title in TITLES])
    for scope, country, wanted in (
        ("country:DE", None, ["coast", "tide"]),
        ("country:DE", "FR", ["tide"]),
        ("device:tv", None, ["tide"]),
        ("device:tv", "DE", ["coast", "tide"]),
    ):
        audience = RuleAudience(2 * 10**12, country)
        shown = trending_for(mirror, trending("coast", "tide", scope=scope), audience)
        assert (shown.scope, [item.title_id for item in shown.items]) == (scope, wanted)


def test_cold_start_viewers_see_what_is_featured_under_the_guards(client: TestClient, stand: Stand) -> None:
    """Once, above all others, with its reason; not where the profile is too young."""
    stand.put(topics.RULES, "r", _rule(RuleKind.PIN, "engine"))

    def rows(query: str) -> list[tuple[str, str, list[str]]]:
        found = client.get(f"/v1/viewers/nobody/home{query}").json()["rows"]
        return [(row["kind"], row["reason"], [item["title_id"] for item in row["items"]]) for row in found]

    trending = ("trending_now", "trending", ["tide"])
    _until(lambda: rows(""), [("featured", "featured", ["engine"]), trending])
    assert rows("?maturity=12") == [trending]


def test_a_viewers_own_limits_hold_whatever_is_asked(client: TestClient, stand: Stand) -> None:
    """As their page says them: in search, beside a title, in the page in the browser."""
    stand.put(topics.HOME, "kid", encode(structs.replace(page("kid", 1, "tide"), maturity=12, country="DE")))
    _until(lambda: client.get("/v1/viewers/kid/home").json().get("maturity"), 12)
    for more in ("", "&maturity=18"):
        assert client.get(f"/v1/viewers/kid/search?q=copper{more}").json()["items"] == []
        alike = client.get(f"/v1/titles/tide/similar?viewer=kid{more}").json()["items"]
        assert [one["title_id"] for one in alike] == ["coast"]
    assert [one["title_id"] for one in client.get("/v1/viewers/kid/search?q=salt").json()["items"]] == [
        "coast"
    ]
    assert "Copper Engine" not in client.get("/watch/kid/titles/tide").text
    assert "Copper Engine" not in client.get("/watch/kid/search?q=copper").text
