"""The interface against its own description, by schemathesis: what it says is what it does."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import positive_data_acceptance

EXAMPLES = settings.default.max_examples // 10
"""Requests of each kind to each route: each takes 50 ms."""


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_it_does_what_it_says(address: str, mode: GenerationMode) -> None:
    """No request, valid or not, makes a server error or an answer that is not described.

    The live stream has no end, so it is left out.
    """
    schema = schemathesis.openapi.from_url(f"{address}/openapi.json").exclude(path_regex="/stream/")
    asked = [_check(found.ok(), mode) for found in schema.get_all_operations()]
    assert len(asked) == 11


def _check(operation: APIOperation, mode: GenerationMode) -> str:
    """Ask one route with whatever hypothesis thinks of."""
    if mode is GenerationMode.NEGATIVE and not (operation.body or [*operation.iter_parameters()]):
        return str(operation.path)  # nothing can be wrong with it
    # the event's JSON Schema takes 1.0 for an integer, and control characters for text; our codec does not
    excluded = [positive_data_acceptance] if operation.path == "/v1/events" else []

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    def agrees(case: schemathesis.Case) -> None:
        case.call_and_validate(excluded_checks=excluded)

    agrees()
    return str(operation.path)
