"""The decisions stage: tallies of partitions in; results, and winners that are rolled out, out.

One partition: here all viewers of an experiment come together, so that one place looks at the split after
every batch and decides once. A roll-out is a new record of the experiment, written in the transaction that
remembers it: whatever is killed, it is decided once, and on evidence that stands beside it.
"""

from collections.abc import Callable, Sequence

import msgspec
import structlog
from msgspec import Struct, structs

from online_models.experiments.decision import Standing, evidence, result, split_p
from online_models.experiments.plan import Plan
from online_models.experiments.tallies import Tally
from schemas import topics
from schemas.codec import encode
from schemas.experiment_results import ExperimentResult, Verdict
from schemas.experiments import Experiment, ExperimentState
from streams.config.settings import Settings
from streams.engine.stage import Outcome, Record, StageSpec, StateView
from streams.errors import StateError
from streams.stages.experiments.rows import TALLIES, tally_of, unpack_tally

__all__ = ["STAGE", "DecisionsStep", "decisions_spec"]

STAGE = "decisions"
FLOOR_S = 1.0
"""Least seconds between two results of an experiment: people read them."""
LOOK = b"\x02"
"""Beginning of the keys of what is remembered of the looks at an experiment."""

_LOG = structlog.get_logger(__name__)


class InterimLooks(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """What is remembered of the looks at an experiment.

    Attributes
    ----------
    sample_ratio_p
        The least p-value of the split so far.
    decided
        Whether a winner was rolled out.
    """

    sample_ratio_p: float = 1.0
    decided: bool = False


_LOOKS = msgspec.json.Decoder(InterimLooks)


def decisions_spec(settings: Settings, plan: Callable[[], Plan]) -> StageSpec:
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
        The newest tally of each experiment and partition, and looks.
    plan
        Asked before each batch for the experiments.
    """

    def __init__(self, settings: Settings, store: StateView, plan: Callable[[], Plan]) -> None:
        plan()  # waits until the experiments are known
        self._plan = plan
        self._results = settings.topic(topics.EXPERIMENT_RESULTS)
        self._experiments = settings.topic(topics.EXPERIMENTS)
        self._parts: dict[str, dict[int, Tally]] = {}
        self._looks: dict[str, InterimLooks] = {}
        for key, value in store.scan():
            if key.startswith(LOOK):
                self._looks[key[len(LOOK) :].decode()] = _looks_of(value)
            else:
                self._take(value)

    def __call__(self, records: Sequence[Record]) -> Outcome:
        """Take newer tallies, and say what their experiments came to."""
        newest = {record.key: record.value for record in records if record.key and record.value}
        out = Outcome(rows=list(newest.items()))
        plan = self._plan()
        for name in dict.fromkeys(self._take(value) for value in newest.values()):
            one = plan.by_id.get(name)
            if one is not None:
                self._look(one, out)
        return out

    def _take(self, value: bytes) -> str:
        """Take a tally over; return its experiment."""
        record = unpack_tally(value)
        self._parts.setdefault(record.experiment_id, {})[record.partition] = tally_of(record)
        return record.experiment_id

    def _look(self, one: Experiment, out: Outcome) -> None:
        """Look at an experiment once more."""
        name = one.experiment_id
        tally = Tally.merged(self._parts[name].values())
        looks = self._looks.get(name, InterimLooks())
        p = split_p(one, tally, looks.sample_ratio_p)
        standing = Standing(tally.arms, p, tally.first_ms, max(tally.at_ms, tally.first_ms), tally.crossed)
        found = result(one, standing)
        decides = not looks.decided and _rolls_out(one, found)
        self._looks[name] = InterimLooks(sample_ratio_p=p, decided=looks.decided or decides)
        out.rows.append((LOOK + name.encode(), _packed(self._looks[name])))
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
    """Say whether the rule lets the winner become the default now."""
    automatic = one.rule is not None and one.rule.automatic
    return automatic and one.state is ExperimentState.RUNNING and found.verdict is Verdict.WINNER


def _packed(looks: InterimLooks) -> bytes:
    return bytes([TALLIES.version]) + msgspec.json.encode(looks)


def _looks_of(value: bytes) -> InterimLooks:
    try:
        return _LOOKS.decode(value[1:])
    except msgspec.MsgspecError as error:
        what, advice = "what was decided of an experiment cannot be read", "delete the state folder"
        raise StateError(what, why=str(error), next_step=advice) from error
