"""What operators do in the console: experiments and rules, their guards, who may, and what is recorded."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from msgspec import structs

from schemas import topics
from schemas.audit import AuditAction, AuditVia
from schemas.codec import decode_audit, encode
from schemas.experiment_results import ExperimentResult, Verdict
from schemas.experiments import ExperimentState
from schemas.rules import RuleKind
from streams.config.settings import ServeSettings, Settings
from streams.ops.access_keys import Scope, add_key
from streams.ops.local_kafka.embedded import EmbeddedCluster
from streams.stages.experiments.definitions import read_experiments
from streams.stages.rules import read_rules
from tests.streams.serve.conftest import served
from tests.streams.serve.stand import Stand
from tests.streams.serve.web.test_console import live
from tests.streams.steps import T0

HERE = "/console/experiments"
TRIAL = {
    "experiment_id": "trial",
    "about": "Popular titles <first>",
    "metric": "watch_minutes",
    "min_days": "7",
    "min_viewers": "100",
    "arm": ["control", "popular", ""],
    "share": ["50", "50", ""],
    "ranking": ["", "popularity", ""],
    "changes": ["", '{"rows": 4}', ""],
}
EARLY = ExperimentResult(
    experiment_id="trial", at_ms=T0, viewers=173, arms=(), lifts=(), sample_ratio_p=1.0,
    verdict=Verdict.COLLECTING, because="80 of 100 viewers in the smallest arm, 0.1 of 7 days",
)  # fmt: skip
BROWSER = {"Accept": "text/html"}
Keys = dict[str, dict[str, str]]
EXCLUDE = {"rule_id": "gone", "kind": "exclude", "titles": "paper tide", "countries": "de, in"}


@pytest.fixture(scope="module")
def console(shared_stand: Stand) -> Iterator[TestClient]:
    """Give a browser that does not follow redirects, on a server without keys."""
    with served(shared_stand, model=False) as client:
        client.headers["Accept"] = "text/html"
        client.follow_redirects = False
        yield client


def _settings(client: TestClient) -> Settings:
    """Return the settings of the server behind a client."""
    settings: Settings = client.app.state.mirror.settings  # type: ignore[attr-defined]
    return settings


def _log(stand: Stand, subject: str) -> list[tuple[str, bool]]:
    """Return what the audit log says was done to a subject, and whether it was done."""
    found = [decode_audit(message.value()) for message in stand.records(topics.AUDIT)]
    ours = sorted((one for one in found if one.subject == subject), key=lambda one: one.at_ms)
    return [(one.action, one.refused is None) for one in ours]


def test_an_experiment_from_the_form_to_roll_back(console: TestClient, shared_stand: Stand) -> None:
    """Each step is offered in its state, does what the command does, and leads back to the experiment."""
    stand = shared_stand
    made = console.post(HERE, data=TRIAL)
    assert (made.status_code, made.headers["location"]) == (303, f"{HERE}#trial")
    one = read_experiments(stand.settings)["trial"]
    assert one.state is ExperimentState.DRAFT
    assert [(arm.name, arm.share) for arm in one.arms] == [("control", 0.5), ("popular", 0.5)]
    assert one.arms[1].treatment is not None
    assert (one.arms[1].treatment.ranking, one.arms[1].treatment.rows) == ("popularity", 4)
    page = console.get(HERE).text
    assert "Popular titles &lt;first&gt;" in page
    assert f'action="{HERE}/trial/start"' in page
    assert f'action="{HERE}/trial/stop"' not in page
    for step, state in (("start", "running"), ("stop", "stopped")):
        assert console.post(f"{HERE}/trial/{step}").status_code == 303
        assert read_experiments(stand.settings)["trial"].state == state
    won = structs.replace(EARLY, verdict=Verdict.WINNER, winner="popular", because="popular: +9 %")
    stand.put(topics.EXPERIMENT_RESULTS, "trial", encode(won))
    assert "The results do not decide yet" not in console.get(HERE).text
    assert console.post(f"{HERE}/trial/roll-out", data={"arm": "popular", "why": "won"}).status_code == 303
    assert read_experiments(stand.settings)["trial"].winner == "popular"
    assert f'action="{HERE}/trial/roll-back"' in console.get(HERE).text
    assert console.post(f"{HERE}/trial/roll-back").status_code == 303
    assert read_experiments(stand.settings)["trial"].state is ExperimentState.ROLLED_BACK
    assert _log(stand, "trial") == [
        (AuditAction.EXPERIMENT_CREATE, True),
        (AuditAction.EXPERIMENT_START, True),
        (AuditAction.EXPERIMENT_STOP, True),
        (AuditAction.EXPERIMENT_ROLL_OUT, True),
        (AuditAction.EXPERIMENT_ROLL_BACK, True),
    ]


def test_an_undecided_roll_out_says_what_is_missing_and_needs_the_name(
    console: TestClient, shared_stand: Stand
) -> None:
    """An empty confirmation and a wrong one change nothing; a failed split cannot be confirmed at all."""
    stand, early = shared_stand, structs.replace(EARLY, experiment_id="early")
    console.post(HERE, data=TRIAL | {"experiment_id": "early"})
    console.post(f"{HERE}/early/start")
    stand.put(topics.EXPERIMENT_RESULTS, "early", encode(early))
    page = console.get(HERE).text
    assert "The results do not decide yet.</b> 80 of 100 viewers in the smallest arm" in page
    assert "type early" in page
    for confirm in ("", "earlier"):
        refused = console.post(f"{HERE}/early/roll-out", data={"arm": "popular", "confirm": confirm})
        assert refused.status_code in {409, 422}
        assert 'role="alert"' in refused.text
        assert read_experiments(stand.settings)["early"].state is ExperimentState.RUNNING
    assert (
        console.post(f"{HERE}/early/roll-out", data={"arm": "popular", "confirm": "early"}).status_code == 303
    )
    assert read_experiments(stand.settings)["early"].winner == "popular"
    broken = structs.replace(early, verdict=Verdict.SAMPLE_RATIO, because="1 : 9 viewers", sample_ratio_p=0.0)
    stand.put(topics.EXPERIMENT_RESULTS, "early", encode(broken))
    refused = console.post(f"{HERE}/early/roll-out", data={"arm": "control", "confirm": "early"})
    assert (refused.status_code, "1 : 9 viewers" in refused.text) == (409, True)
    assert f'action="{HERE}/early/roll-out"' not in refused.text
    log = console.get("/console/access").text
    assert "confirmed without a decision" in log
    assert ">refused</b> early is not rolled out: 1 : 9 viewers" in log


def test_a_bad_definition_has_every_reason_and_keeps_what_was_typed(reader: TestClient) -> None:
    """From fields and from JSON; nothing is written, and no field that the contract lacks is passed over."""
    typed = TRIAL | {"metric": "minutes", "share": ["50", "many", ""], "about": "kept"}
    refused = reader.post(HERE, data=typed, headers=BROWSER)
    assert refused.status_code == 422
    for part in ("metric: expected one of watch_minutes", "arms[1].share: expected", 'value="kept"'):
        assert part in refused.text
    odd = reader.post(HERE, data=TRIAL | {"changes": ["", "rows 4", ""]}, headers=BROWSER)
    assert (odd.status_code, "the other changes of arm popular" in odd.text) == (422, True)
    misspelt = reader.post(HERE, data=TRIAL | {"changes": ["", '{"list_lenght": 4}', ""]}, headers=BROWSER)
    assert "arms[1].treatment.list_lenght: no such field" in misspelt.text
    by_json = reader.post(HERE, data={"json": '{"experiment_id": "x", "arms": 3}'}, headers=BROWSER)
    assert (by_json.status_code, "arms: expected" in by_json.text) == (422, True)
    over = reader.post(HERE, data=TRIAL | {"share": ["70", "50", ""]}, headers=BROWSER)
    assert (over.status_code, "shares add up to 1.2" in over.text) == (409, True)
    assert read_experiments(_settings(reader)) == {}
    assert reader.post(f"{HERE}/nope/start").status_code == 409


def test_a_rule_from_the_form_to_its_end(console: TestClient, shared_stand: Stand) -> None:
    """A title is named by its name; stopped, started, removed once its name is typed."""
    stand = shared_stand
    assert console.post("/console/rules", data=EXCLUDE).headers["location"] == "/console/rules#gone"
    rule = read_rules(stand.settings)["gone"]
    assert (rule.kind, rule.titles, rule.countries) == (RuleKind.EXCLUDE, ("tide",), ("DE", "IN"))
    page = console.get("/console/rules").text
    assert '<a href="/console/titles?id=tide">Paper Tide</a>' in page
    for step, offered in (("stop", "start"), ("start", "stop")):
        assert console.post(f"/console/rules/gone/{step}").status_code == 303
        assert f'action="/console/rules/gone/{offered}"' in console.get("/console/rules").text
    assert console.post("/console/rules/gone/remove", data={"confirm": "gon"}).status_code == 422
    assert console.post("/console/rules/gone/remove", data={"confirm": "gone"}).status_code == 303
    assert read_rules(stand.settings) == {}
    assert _log(stand, "gone")[-1] == (AuditAction.RULE_REMOVE, True)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"titles": "no such title"}, "the catalog has no title no such title"),
        ({"kind": "boost"}, "a boost has a factor above 1"),
        ({"kind": "boost", "factor": "much"}, "factor: expected"),
        ({"tags": "colour:red"}, "is not a tag"),
        ({"until": "tomorrow"}, "is no time"),
        ({"rule_id": ""}, "rule_id: expected the required field"),
    ],
)
def test_a_bad_rule_is_refused_with_the_reason(reader: TestClient, changed: dict[str, str], why: str) -> None:
    """What was typed stays in the form, and nothing is written."""
    refused = reader.post("/console/rules", data=EXCLUDE | {"note": "kept"} | changed, headers=BROWSER)
    assert refused.status_code in {409, 422}
    assert why in refused.text.replace("&#39;", "'")
    assert 'value="kept"' in refused.text
    assert read_rules(_settings(reader)) == {}


def test_a_page_is_previewed_under_an_arm_and_a_rule(stand: Stand) -> None:
    """Of a rule that is not created, too; unknown ones are refused with the reason."""
    live(stand)
    with served(stand, model=False) as console:
        console.post(HERE, data=TRIAL)
        where = "/console/preview"
        plain = console.get(f"{where}?viewer=v1").text
        assert "Copper Engine" in plain
        arm = " ".join(console.get(f"{where}?viewer=v1&arm=trial/popular").text.split())
        assert "between <b>now</b> and <b>under trial/popular</b>" in arm
        new = console.post(where, data=EXCLUDE | {"viewer": "new", "countries": ""})
        ruled = " ".join(new.text.split())
        assert "between <b>now</b> and <b>under gone</b>" in ruled
        assert re.search(r"Paper Tide<small>[^<]*</small></span></a><b class=\"yes\">only here", ruled)
        assert console.get(f"{where}?viewer=v1&arm=trial/none").status_code == 409
        assert console.get(f"{where}?viewer=v1&rule=none").status_code == 409
        assert console.post(where, data=EXCLUDE | {"viewer": "v1", "kind": "x"}).status_code == 422
    assert read_rules(stand.settings) == {}
    assert stand.records(topics.HOME)[-1].key() == b"ada"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, Stand, Keys]]:
    """Give a browser on a server with keys, the cluster behind it, and the header of each key by its name."""
    path = tmp_path_factory.mktemp("keys") / "keys.json"
    scopes = {
        "content": (Scope.READ_INSIGHTS,),
        "olga": (Scope.OPERATE,),
        "shop": (Scope.READ_PAGES,),
        "tv": (Scope.READ_PAGES, Scope.WRITE_EVENTS),
    }
    keys = {name: {"Authorization": f"Bearer {add_key(path, name, given)}"} for name, given in scopes.items()}
    with EmbeddedCluster() as cluster:
        stand = Stand(cluster, path.parent)
        stand.settings = stand.settings.model_copy(update={"serve": ServeSettings(keys=path)})
        with served(stand, model=False) as client:
            yield client, stand, keys


def test_who_may_not_act_is_offered_nothing_and_refused(guarded: tuple[TestClient, Stand, Keys]) -> None:
    """A key for insights sees experiments and rules without a button; the log names the key that acts."""
    client, stand, keys = guarded
    looks, acts = keys["content"], keys["olga"]
    assert client.post(HERE, data=TRIAL, headers=acts, follow_redirects=False).status_code == 303
    for where in (HERE, "/console/rules"):
        assert 'method="post" action="/console' not in client.get(where, headers=looks).text
        assert 'method="post" action="/console' in client.get(where, headers=acts).text
        assert client.post(where, data=EXCLUDE, headers=looks).status_code == 403
    for step in ("start", "stop", "roll-out", "roll-back"):
        assert client.post(f"{HERE}/trial/{step}", headers=looks).status_code == 403
    log = " ".join(client.get("/console/access", headers=acts).text.split())
    assert client.get("/console/access", headers=looks).status_code == 403
    assert re.search(r"olga.*?over HTTP.*?experiment: create.*?#trial.*?>trial<.*?done", log)
    assert "You are <b>olga</b>" in log
    assert "<td>content</td><td>read:insights</td>" in log
    assert not re.search("[0-9a-f]{64}|nearline_", log)
    (record,) = [decode_audit(message.value()) for message in stand.records(topics.AUDIT)]
    assert (record.actor, record.via, record.action) == ("olga", AuditVia.HTTP, AuditAction.EXPERIMENT_CREATE)


def test_who_may_only_read_pages_is_offered_no_button(guarded: tuple[TestClient, Stand, Keys]) -> None:
    """Neither a button that posts an event, nor a link to what the key does not open."""
    client, _, keys = guarded
    page = client.get("/watch/ada", headers=keys["shop"]).text
    detail = client.get("/watch/ada/titles/tide", headers=keys["shop"]).text
    whole = client.get("/watch/ada", headers=keys["tv"]).text
    for text in (page, detail):
        assert not re.search(r'name="action"|hx-post|data-impressions|href="/console', text)
    assert 'hx-get="/watch/ada/titles/tide' in page
    assert re.search(
        r'name="action" value="up".*?data-impressions|data-impressions.*?name="action"', whole, re.DOTALL
    )


@pytest.mark.parametrize(
    "where",
    [HERE, f"{HERE}/trial/start", f"{HERE}/trial/roll-out", "/console/rules", "/console/rules/gone/remove"],
)
def test_another_site_changes_nothing(reader: TestClient, where: str) -> None:
    """Neither on loopback without keys: the browser names the page that asks."""
    data: dict[str, Any] = EXCLUDE | {"confirm": "gone"}
    answer = reader.post(where, data=data, headers={"Origin": "https://evil.example"})
    assert (answer.status_code, "origin" in answer.text) == (403, True)
