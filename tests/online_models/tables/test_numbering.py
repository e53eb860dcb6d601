"""Numbers of names: those in use are kept apart, those out of use are given again after a pause."""

from hypothesis import given
from hypothesis import strategies as st

from online_models.tables.numbering import Numbering

NAMES = st.lists(st.integers(0, 30), max_size=4, unique=True)


@given(st.lists(st.tuples(st.integers(0, 3), NAMES), max_size=80), st.integers(0, 6))
def test_numbers_mean_what_they_were_given_for(changes: list[tuple[int, list[int]]], pause: int) -> None:
    """Whoever uses a number finds its name there, and for a pause after giving it back; no two share it."""
    numbering, held = Numbering(pause), dict[int, list[int]]()
    given_back: list[tuple[int, int, str]] = []
    for step, (who, some) in enumerate(changes):
        names = [f"n{one}" for one in some]
        former = held.get(who, [])
        before = [(step, number, numbering.names[number]) for number in former]
        held[who] = numbering.replace(former, names)
        assert [numbering.names[n] for n in held[who]] == names
        assert [numbering.number(name) for name in names] == held[who]
        given_back = [one for one in given_back if one[0] > step - pause] + before
        assert all(numbering.names[number] == name for _, number, name in given_back)
    used = {number for numbers in held.values() for number in numbers}
    assert len({numbering.names[number] for number in used}) == len(used)
    assert all(0 <= number < len(numbering) for number in used)


def test_names_that_change_for_ever_take_a_bounded_room() -> None:
    """A thousand nights of new names: the numbers of two pauses at most."""
    numbering, held = Numbering(pause=10), dict[int, list[int]]()
    for night in range(1_000):
        for who in range(5):
            held[who] = numbering.replace(held.get(who, ()), [f"{night}-{who}", "all"])
    assert len(numbering) <= 5 + 10 + 2
    assert len(numbering._numbers) == len(numbering)
    assert numbering.reused > 4_900
