"""Reading events: profiles of an account, tenants of an installation."""

from pathlib import Path
from typing import Any

import pytest

from schemas import DecodeError, History, Identify, Preferences, Reason, Title, topics
from schemas.codec import decode_event
from streams.config.settings import Settings
from streams.engine.stage import Outcome
from streams.stages.wire.events import Profiles
from streams.telemetry.metrics import Metrics
from tests.streams.steps import T0, Line, pages_of, watch


def _pages(outcome: Outcome) -> dict[str, set[str]]:
    """Return the titles on each page."""
    return {p.viewer_id: {i.title_id for row in p.rows for i in row.items} for p in pages_of(outcome)}


def _line(**more: Any) -> Line:
    line = Line(Settings(prequential_share=0.0, **more))
    line.put(*(Title(title_id=f"t{n}", maturity=16 if n % 2 else 0) for n in range(12)))
    return line


def test_profiles_have_histories_and_pages_of_their_own() -> None:
    """What one person watches changes nobody else's page; without a profile it is the account's."""
    line = _line(profiles=True)
    line.feed(
        watch("ada", "t0", 1, profile_id="mum"),
        watch("ada", "t2", 2, profile_id="kids"),
        watch("ada", "t4", 3),
    )
    assert [line.side.viewers.known(v) for v in ("ada:mum", "ada:kids", "ada")] == [
        [("t0", True)], [("t2", True)], [("t4", True)]
    ]  # fmt: skip
    found = _pages(line.feed(watch("ada", "t6", 4, profile_id="mum")))
    assert set(found) == {"ada:mum"}
    assert "t2" in found["ada:mum"]
    assert not found["ada:mum"] & {"t0", "t6"}


def test_a_childrens_profile_is_guarded_alone() -> None:
    """Its limit holds for it, and for nobody else in the house."""
    line = _line(profiles=True)
    about = {"event_id": "p", "viewer_id": "ada", "event_time_ms": T0}
    told = Preferences(**about, profile_id="kids", maturity=12)
    found = _pages(
        line.feed(told, watch("ada", "t0", 1, profile_id="kids"), watch("ada", "t0", 2, profile_id="mum"))
    )
    young, old = ({f"t{n}" for n in range(start, 12, 2)} for start in (0, 1))
    assert found["ada:kids"] <= young
    assert found["ada:mum"] & old


def test_an_account_has_one_taste_unless_profiles_are_wanted() -> None:
    """The default: profiles are people on one sofa."""
    line = _line()
    line.feed(watch("ada", "t0", 1, profile_id="mum"), watch("ada", "t2", 2, profile_id="kids"))
    assert line.side.viewers.known("ada") == [("t0", True), ("t2", True)]


def test_a_session_signs_in_as_a_profile() -> None:
    """The history is the profile's, keyed by the account."""
    line = _line(profiles=True)
    line.feed(watch("s1", "t0", 1))
    about = {"event_id": "i", "viewer_id": "s1", "event_time_ms": T0 + 9}
    outcome = line.feed(Identify(**about, known_as="ada", profile_id="mum"))
    ((message,),) = [sent for (topic, _), sent in outcome.outputs.items() if topic == topics.EVENTS]
    event = decode_event(message["value"], ())
    assert (message["key"], type(event), event.profile_id) == (b"ada", History, "mum")
    assert set(_pages(line.feed(event))) == {"ada:mum"}


def test_ids_that_would_be_ambiguous_or_too_long_are_refused() -> None:
    """They are dead letters with the field at fault."""
    line = _line(profiles=True)
    bad = [watch("a:b", "t0", 1), watch("a" * 40, "t0", 2, profile_id="p" * 40)]
    outcome = line.feed(*bad)
    assert [letter.field for letter in outcome.dead_letters] == ["viewer_id", "profile_id"]


def test_another_tenants_event_is_refused() -> None:
    """An event that names a tenant is learned by that one only; one that names none by whoever gets it."""
    whose = Profiles("acme", profiles=False)
    assert whose(watch("ada", "t")).viewer_id == whose(watch("ada", "t", tenant_id="acme")).viewer_id == "ada"
    with pytest.raises(DecodeError) as refused:
        whose(watch("ada", "t", tenant_id="other"))
    assert (refused.value.reason, refused.value.field) == (Reason.OUT_OF_RANGE, "tenant_id")
    assert Profiles(None, profiles=False)(watch("ada", "t", tenant_id="other")).viewer_id == "ada"


def test_everything_of_a_tenant_is_named_after_it() -> None:
    """No topic, group, folder or label of one tenant is another's or nobody's; twice is once."""
    one, other, alone = (Settings(tenant=name, topic_prefix="x.") for name in ("acme", "globex", None))
    for name in topics.TOPICS:
        assert one.topic(name).startswith("acme.x.")
        assert len({settings.topic(name) for settings in (one, other, alone)}) == 3
    assert {s.consumer_group for s in (one, other, alone)} == {"acme.nearline", "globex.nearline", "nearline"}
    assert len({settings.state_folder for settings in (one, other, alone)}) == 3
    again = Settings(
        **{name: getattr(one, name) for name in ("tenant", "topic_prefix", "group", "state_dir")}
    )
    assert (again.topic_prefix, again.group, again.state_dir) == (one.topic_prefix, one.group, one.state_dir)
    assert one.state_dir == Path(".nearline/state/tenant-acme")
    shared = Path("/var/lib/nearline/state")  # a tenant may have the name of a folder on the way
    folders = {Settings(tenant=name, state_dir=shared).state_folder for name in ("state", "lib", "acme")}
    assert len(folders | {shared}) == 4
    metrics = Metrics()
    metrics.name(one.tenant)
    assert b'nearline_tenant{tenant="acme"} 1.0' in metrics.exposition()
