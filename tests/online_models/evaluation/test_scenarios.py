"""Scenarios: how their streams are made, and what models that are known through and through score in them."""

from collections.abc import Mapping

import numpy as np
import pytest

from online_models.config import BlendConfig, ModelConfig
from online_models.evaluation import (
    SCENARIOS,
    Block,
    EvaluationProtocol,
    PrequentialModel,
    Ranks,
    Ratings,
    ScenarioReport,
    evaluate,
    prepare,
    scenarios_over_seeds,
)
from online_models.evaluation.baselines import Popularity
from online_models.evaluation.goals import GOALS, RUNS, evaluate_goals
from online_models.evaluation.recommender import RecommenderModel
from online_models.evaluation.scenarios import LEAST_EVENTS, launch, splice, young_stream
from online_models.recommender import COLUMNS, Recommender
from schemas.catalog import Availability, Tags, Title


def sittings(viewers: int = 60, each: int = 30, titles: int = 80, seed: int = 2) -> Ratings:
    """Viewers who come one after the other and rate at once, each from one of two halves of the titles."""
    rng = np.random.default_rng(seed)
    rows = []
    for viewer in range(viewers):
        watched = rng.permutation(titles // 2)[:each] + titles // 2 * (viewer % 2)
        stars = rng.choice([1, 4, 5], each, p=[0.2, 0.4, 0.4])
        rows += [
            (f"v{viewer}", f"t{t}", s, 3_600_000 * 2 * viewer + 1_000 * n)
            for n, (t, s) in enumerate(zip(watched.tolist(), stars.tolist(), strict=True))
        ]
    who, what, stars, when = (list(column) for column in zip(*rows, strict=True))
    return Ratings.from_columns(who, what, stars, when)


class Made:
    """A model that hits by a rule: by the viewer's earlier events, the reward, or rejections so far."""

    columns = ("",)
    every = 1

    def __init__(self, rule: str) -> None:
        self._rule = rule
        self._history: dict[int, int] = {}
        self._rejections = 0

    def rank_then_learn(self, block: Block) -> Ranks:
        """Answer by the rule."""
        ranks = []
        for viewer, reward in zip(block.viewers.tolist(), block.rewards.tolist(), strict=True):
            earlier = self._history.get(viewer, 0)
            hit = {
                "always": True,
                "new accounts": earlier < 10,
                "liked": reward > 0,
                "while none rejected": self._rejections == 0,
            }[self._rule]
            ranks.append(0.0 if hit else 50.0)
            self._history[viewer] = earlier + 1
            self._rejections += reward < 0
        return np.array(ranks)[:, None]


RULES = ("always", "new accounts", "liked", "while none rejected")


def made(opens_ms: Mapping[str, int] | None) -> dict[str, PrequentialModel]:
    """Build one model a rule."""
    assert opens_ms is None or opens_ms
    return {rule: Made(rule) for rule in RULES}


def run(scenario: str, ratings: Ratings, protocol: EvaluationProtocol | None = None) -> ScenarioReport:
    """Run a scenario on models made by rules."""
    return SCENARIOS[scenario](ratings, made, protocol or EvaluationProtocol(), None)


def test_a_young_stream_is_the_beginning_of_a_few_titles() -> None:
    """Every test of it counts, the first ones too."""
    ratings = sittings(each=40, titles=90)
    stream = young_stream(ratings, EvaluationProtocol(), 20)
    assert len(np.unique(stream.events.titles)) == 20
    assert set(map(int, stream.events.times)) <= set(map(int, ratings.times))
    report = run("young", ratings)
    assert report.models["always"]["100 titles"] == report.models["always"]["300 titles"]  # there are 90
    assert report.facts["tests_of_100_titles"] > 0


def test_a_spliced_account_goes_on_where_the_first_owner_ended() -> None:
    """Pairs share no viewer, nobody starts before the former owner's end, and no event is lost or moved."""
    ratings = sittings(each=40, titles=90)
    found = splice(ratings, EvaluationProtocol())
    fresh, spliced = found.fresh.events, found.spliced.events
    assert found.pairs == 30
    assert np.array_equal(fresh.titles, spliced.titles)
    assert np.array_equal(fresh.viewers[~found.taken_over], spliced.viewers[~found.taken_over])
    owners = {(int(a), int(b)) for a, b in zip(fresh.viewers, spliced.viewers, strict=True) if a != b}
    assert len({viewer for pair in owners for viewer in pair}) == 2 * found.pairs
    for second, first in owners:
        assert np.flatnonzero(fresh.viewers == first).max() < np.flatnonzero(fresh.viewers == second).min()
        assert (fresh.viewers == second).sum() >= LEAST_EVENTS
        assert (fresh.viewers == first).sum() >= LEAST_EVENTS
    assert found.since[found.taken_over].max() == found.fresh.history[found.taken_over].max()
    assert found.gap_h == pytest.approx(2, abs=0.1)


def test_taste_switch_compares_the_same_events() -> None:
    """Who knows accounts by their length alone loses everything; who needs no history loses nothing."""
    report = run("taste-switch", sittings(each=40, titles=90))
    first = {name: figures["1-2"] for name, figures in report.models.items()}
    assert first["always"]["share"].value == 1
    assert (first["new accounts"]["fresh"].value, first["new accounts"]["share"].value) == (1, 0)
    assert first["always"]["switched"].tested == first["always"]["fresh"].tested > 20
    assert report.facts["pairs"] == 30


def test_only_cold_viewer_tests_first_titles() -> None:
    """Row 0 is there, and the others hold the events of the plain protocol."""
    ratings = sittings()
    figures = run("cold-viewer", ratings).models["new accounts"]
    assert figures["0"]["hr@10"].tested > 40
    assert figures["0"]["hr@10"].value > 0.9  # but for titles that the stream has not met
    assert figures["8-15"]["hr@10"].value == pytest.approx(2 / 8, abs=0.02)
    plain = evaluate(ratings, {"m": Made("always")}).models["m"].metrics
    assert sum(row["hr@10"].tested for name, row in figures.items() if name != "0") == plain.tested


def test_launched_titles_have_no_event_before_the_middle() -> None:
    """They open there, are counted from there, and the other titles' events all stay."""
    ratings = sittings()
    whole = prepare(ratings, EvaluationProtocol()).events
    found = launch(ratings, EvaluationProtocol())
    events = found.stream.events
    opens = next(iter(found.opened.values()))
    assert opens == whole.times[len(whole) // 2]
    assert len(found.opened) == 16
    assert events.times[found.launched].min() >= opens
    chosen = {ratings.title_ids.index(title) for title in found.opened}
    lost = [t in chosen and when < opens for t, when in zip(whole.titles.tolist(), whole.times, strict=True)]
    assert len(events) == len(whole) - sum(lost)
    assert found.earlier[found.launched].min() == 0
    assert launch(ratings, EvaluationProtocol(seed=1)).opened.keys() != found.opened.keys()


def test_cold_titles_are_tested_on_their_first_ten_events() -> None:
    """Sixteen titles, at most ten events each, and the rows add up; a title never met may be hit here."""
    report = run("cold-title", sittings())
    figures = report.models["always"]
    assert figures["0"]["hr@10"].value == 1
    assert figures["0-9"]["hr@10"].tested == sum(figures[row]["hr@10"].tested for row in ("0", "1-3", "4-9"))
    assert figures["0"]["hr@10"].tested <= report.facts["launched"] == 16


def test_dislikes_are_set_against_likes() -> None:
    """The ratio is 1 for equal hits and 0 if only likes are hit; learning rejections can cost recall."""
    report = run("dislikes", sittings())
    learned = {name: figures["learned"] for name, figures in report.models.items()}
    assert learned["always"]["ratio"].value == pytest.approx(1, abs=0.02)
    assert (learned["liked"]["ratio"].value, learned["liked"]["kept"].value) == (0, 1)
    lost = report.models["while none rejected"]
    assert (lost["learned"]["kept"].value, lost["ignored"]["liked"].value) == (
        0,
        lost["learned"]["liked"].value + 1,
    )
    assert report.protocol.feedback == "all"


def test_seeds_of_a_scenario_are_pooled() -> None:
    """Every figure of every row is averaged and has a spread."""
    reports = [run("cold-title", sittings(), EvaluationProtocol(seed=seed)) for seed in (0, 1)]
    pooled = scenarios_over_seeds(reports)
    figure = pooled.models["new accounts"]["0-9"]["hr@10"]
    assert figure.value == np.mean([r.models["new accounts"]["0-9"]["hr@10"].value for r in reports])
    assert figure.spread is not None
    document = pooled.to_dict()["models"]["new accounts"]["0-9"]
    assert set(document) == {"hr@10", "hr@10_se", "hr@10_spread", "hr@10_tested"}


def test_the_list_that_is_served_and_the_kernels_rank_agree() -> None:
    """Places in lists are the blend's ranks, where those are below ten, event for event."""
    still = ModelConfig(blend=BlendConfig(rate=0.0))  # or only the tested model's weights would learn
    ratings = sittings()
    stream = prepare(ratings, EvaluationProtocol(feedback="all"))
    models = [
        RecommenderModel(Recommender(still, seed=3), ratings.viewer_ids, ratings.title_ids, lists=lists)
        for lists in (False, True)
    ]
    by_kernel, by_list = (
        model.rank_then_learn(stream.block(0, len(stream), stream.tested))[stream.tested, 0]
        for model in models
    )
    near = by_kernel < 9
    assert near.sum() > 50
    apart = np.abs(by_kernel[near] - by_list[near])
    assert apart.max() <= 1  # scores that are equal but for rounding may change places
    assert (apart > 0).mean() < 0.01
    assert np.isinf(by_list[by_kernel > 10]).all()


def test_cold_start_viewers_and_rejected_titles_are_looked_up_in_lists() -> None:
    """The blend is told there, the other columns are not; what is tested changes nothing that is learned."""
    ratings = sittings()
    stream = prepare(ratings, EvaluationProtocol(feedback="all"))
    everything = np.ones(len(stream), np.bool_)
    ranks = [
        RecommenderModel(Recommender(seed=3), ratings.viewer_ids, ratings.title_ids).rank_then_learn(
            stream.block(0, len(stream), tested)
        )
        for tested in (everything, stream.tested)
    ]
    listed = (stream.history == 0) | (stream.rewards <= 0)
    assert not np.isnan(ranks[0][:, 0]).any()
    assert np.isnan(ranks[0][listed, 1:]).all()
    assert not np.isnan(ranks[0][~listed]).any()
    assert np.array_equal(ranks[0][stream.tested], ranks[1][stream.tested])
    assert (ranks[0][listed, 0] < 10).sum() > 50
    assert set(np.unique(ranks[0][listed, 0])) <= {*map(float, range(10)), np.inf}


def test_a_title_without_an_event_can_be_placed_once_it_is_open() -> None:
    """Ranked among the whole catalog, never before its licence starts."""
    ratings = Ratings.from_columns("aabab", "xyxnn", [5] * 5, [10, 20, 30, 40, 50])
    places = []
    for opens in (35, 45):
        titles = [
            Title(title_id="n", tags=Tags(genre=("Drama",)), availability=Availability(start_ms=opens)),
            Title(title_id="x"),
            Title(title_id="y"),
        ]
        model = RecommenderModel(
            Recommender(), ratings.viewer_ids, ratings.title_ids, titles=titles, lists=True
        )
        stream = prepare(ratings, EvaluationProtocol())
        places.append(model.rank_then_learn(stream.block(0, 5, stream.tested))[3, 0])
    assert places[0] == 0  # the only title that a does not have
    assert np.isinf(places[1])


def test_every_goal_is_read_from_its_run() -> None:
    """All runs on a small stream, with a blend that is popularity: every goal has a figure and a verdict."""
    ratings = sittings(viewers=80, each=40, titles=90)

    def models(_: Mapping[str, int] | None) -> dict[str, PrequentialModel]:
        return {"blend": Popularity(), "popularity": Popularity()}

    results = {
        name: evaluate(ratings, models(None), protocol)
        if scenario == "stream"
        else SCENARIOS[scenario](ratings, models, protocol, None)
        for name, (scenario, protocol) in RUNS.items()
    }
    outcomes = {outcome.goal.name: outcome for outcome in evaluate_goals(results)}
    assert len(outcomes) == len(GOALS)
    assert all(np.isfinite(outcome.figure.value) for outcome in outcomes.values())
    new = outcomes["HR@10 on a new title's first ten events, above popularity's"]
    assert not new.met  # level is not above
    assert new.target == new.figure.value
    lost = outcomes["recall lost by learning dislikes"]
    assert (lost.figure.value, lost.met) == (0, True)


def test_columns_are_read_from_the_recommender() -> None:
    """Whatever experts it has, a run reports them all."""
    ratings = sittings(viewers=4)
    model = RecommenderModel(Recommender(), ratings.viewer_ids, ratings.title_ids)
    assert model.columns == tuple(COLUMNS)
    assert model.blend_weights() == {} or set(model.blend_weights()) <= set(COLUMNS)
