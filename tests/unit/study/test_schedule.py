"""Which moments of a training are kept."""

from __future__ import annotations

import pytest

from nc_hf.errors import StudyError
from nc_hf.study.schedule import State, chosen_epochs, log_spaced


def test_steps_on_a_log_axis_grow_by_one_factor() -> None:
    steps = sorted(log_spaced(5, 1, 10_000))
    assert steps == [1, 10, 100, 1000, 10_000]
    assert sorted(log_spaced(9, 1, 4)) == [1, 2, 3, 4]  # nine, of which several fall together
    assert sorted(log_spaced(3, 100, 10_000)) == [100, 1000, 10_000]
    assert (log_spaced(1, 3, 7), log_spaced(0, 3, 7), log_spaced(3, 99, 7)) == ({7}, set(), {7})


def test_states_are_in_the_order_of_their_steps_and_named_so() -> None:
    states = [State(step, 10) for step in (0, 5, 10, 100_000)]
    assert sorted(reversed(states)) == states
    assert sorted(state.name for state in states) == [state.name for state in states]
    assert [state.saved_epoch for state in states] == [-1, -0.5, 0, 9999]
    assert all(isinstance(states[place].saved_epoch, int) for place in (0, 2, 3))


@pytest.mark.parametrize("rule", ["first", {2: [2]}, {2: []}, {2: [0, 0]}, {2: [-1]}])
def test_states_that_a_training_does_not_have_are_refused(rule: object) -> None:
    with pytest.raises(StudyError, match="give"):
        chosen_epochs(rule, 2)  # type: ignore[arg-type]
