"""The decisions stage: tallies of all partitions in; results, and winners that are rolled out, out.

It has one partition: all viewers of an experiment come together here, so one place looks at the split after
every batch and decides once. A roll-out is a new record of the experiment, written in the transaction that
stores the decision, with the evidence: it is decided once, whatever is killed.
"""

from collections.abc import Callable, Sequence

import structlog
from msgspec import structs

from online_models.experiments.decision import AnalysisInput, analyze, evidence, split_p_value
from online_models.experiments.exposure import Tally
from online_models.experiments.plan import ExperimentPlan
from schemas import topics
from schemas.codec import encode
from schemas.experiment_results import ExperimentResult, Verdict
from schemas.experiments import Experiment, ExperimentState
from streams.config.settings import Settings
from streams.engine.stage import Outcome, Record, StageSpec, StateView
from streams.stages.analytics.events import usable_rows
from streams.stages.experiments.rows import (
    LOOK,
    LOOKS,
    TALLIES,
    InterimLooks,
    TallyRecord,
    is_sound,
    tally_of,
)

__all__ = ["STAGE", "DecisionsStep", "decisions_spec"]

STAGE = "decisions"
FLOOR_S = 1.0
"""Least seconds between two results of an experiment: people read them."""

_LOG = structlog.get_logger(__name__)


def decisions_spec(settings: Settings, plan: Callable[[], ExperimentPlan]) -> StageSpec:
    """Describe the stage; ``plan`` as for the results stage."""
    return StageSpec(
        name=STAGE,
        source=settings.topic(topics.EXPERIMENT_TALLIES),
        changelog=settings.topic(topics.EXPERIMENT_DECISIONS),
        make_step=lambda _, store: DecisionsStep(settings, store, plan),
        dead_letters=settings.topic(topics.DEAD_LETTERS),
        min_interval_s=FLOOR_S,
        shards=1,
    )


class DecisionsStep:
    """The logic of the one partition.

    Parameters
    ----------
    settings
        Topics.
    store
        The newest tally of each experiment and partition, and the looks.
    plan
        Returns the experiments; called before each batch.
    """

    def __init__(self, settings: Settings, store: StateView, plan: Callable[[], ExperimentPlan]) -> None:
        plan()  # waits until the experiments are known
        self._plan = plan
        self._results = settings.topic(topics.EXPERIMENT_RESULTS)
        self._experiments = settings.topic(topics.EXPERIMENTS)
        self._tallies: dict[str, dict[int, Tally]] = {}
        self._looks: dict[str, InterimLooks] = {}
        for key, value in store.scan():
            if key.startswith(LOOK):
                self._looks[key[len(LOOK) :].decode()] = LOOKS.unpack(value)
            else:
                self._take(TALLIES.unpack(value))

    def __call__(self, records: Sequence[Record]) -> Outcome:
        """Take newer tallies, and publish the results of their experiments."""
        found, letters = usable_rows(records, TALLIES, is_sound, stage=STAGE)
        newest = {record.key: (record.value, tally) for record, tally in found if record.key}
        out = Outcome(rows=[(key, value) for key, (value, _) in newest.items()], dead_letters=letters)
        plan = self._plan()
        for name in dict.fromkeys(self._take(tally) for _, tally in newest.values()):
            one = plan.by_id.get(name)
            if one is not None:
                self._look(one, out)
        return out

    def _take(self, record: TallyRecord) -> str:
        """Store a tally; return its experiment."""
        self._tallies.setdefault(record.experiment_id, {})[record.partition] = tally_of(record)
        return record.experiment_id

    def _look(self, one: Experiment, out: Outcome) -> None:
        """Look at an experiment."""
        name = one.experiment_id
        tally = Tally.merged(self._tallies[name].values())
        looks = self._looks.get(name, InterimLooks())
        p = split_p_value(one, tally, looks.sample_ratio_p)
        standing = AnalysisInput(
            tally.arms, p, tally.first_ms, max(tally.at_ms, tally.first_ms), tally.crossed
        )
        found = analyze(one, standing)
        decides = not looks.decided and _rolls_out(one, found)
        self._looks[name] = InterimLooks(sample_ratio_p=p, decided=looks.decided or decides)
        out.rows.append((LOOK + name.encode(), LOOKS.pack(self._looks[name])))
        out.outputs.setdefault((self._results, None), []).append(
            {"key": name.encode(), "value": encode(found)}
        )
        if decides:
            rolled = structs.replace(
                one,
                state=ExperimentState.ROLLED_OUT,
                winner=found.winner,
                decided_at_ms=standing.at_ms,
                evidence=evidence(one, found, str(found.winner), "rule"),
            )
            out.outputs.setdefault((self._experiments, None), []).append(
                {"key": name.encode(), "value": encode(rolled)}
            )
            _LOG.info("experiment_rolled_out", experiment=name, winner=found.winner, why=found.because)


def _rolls_out(one: Experiment, found: ExperimentResult) -> bool:
    """Return whether the experiment's rule rolls the winner out now."""
    automatic = one.rule is not None and one.rule.automatic
    return automatic and one.state is ExperimentState.RUNNING and found.verdict is Verdict.WINNER
