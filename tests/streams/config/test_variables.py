"""Names of settings, and what is said about the wrong ones."""

import pytest

from streams.config.variables import leaves, lists_read, refuse_unknown, variable
from streams.errors import SettingsError

KNOWN = [("brokers",), ("model", "cowatch", "window")]


def test_unknown_variable_suggests_the_nearest() -> None:
    """A misspelt name is refused, and the text names the right one."""
    with pytest.raises(SettingsError, match="did you mean NEARLINE_MODEL__COWATCH__WINDOW"):
        refuse_unknown(["NEARLINE_MODEL__COWATCH__WINDO"], KNOWN)


def test_unknown_variable_far_from_all_points_to_the_list() -> None:
    """A name that resembles none is refused with the command that lists all."""
    with pytest.raises(SettingsError, match="nearline config show"):
        refuse_unknown(["NEARLINE_XYZZY_QQQQQ"], [("brokers",)])


@pytest.mark.parametrize(
    "name", ["PATH", "nearline_brokers", "NEARLINE_KAFKA__ACKS", "NEARLINE_REQUIRE_KAFKA"]
)
def test_others_pass(name: str) -> None:
    """Foreign names, other cases, librdkafka's properties and the test suite's switch are no mistakes."""
    refuse_unknown([name], KNOWN)


def test_every_leaf_has_its_own_variable() -> None:
    """Paths and variables correspond one to one, dots become underscores."""
    paths = [path for path, _ in leaves({"kafka": {"sasl.mechanism": "PLAIN", "acks": "all"}, "group": "g"})]
    names = [variable(path) for path in paths]
    assert names == ["NEARLINE_KAFKA__SASL_MECHANISM", "NEARLINE_KAFKA__ACKS", "NEARLINE_GROUP"]


def test_lists_are_read_at_any_depth_and_other_text_stays() -> None:
    """Only text that looks like a JSON list is decoded."""
    assert lists_read({"a": {"b": "[1, 2]"}, "c": "1,2"}) == {"a": {"b": [1, 2]}, "c": "1,2"}
