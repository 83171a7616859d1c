"""An error is told to each front end in its own words, whatever process it came through."""

from __future__ import annotations

import pickle

from nc_hf.errors import HubError, InputError
from nc_hf.errors.remedies import FrontEnd, Remedy


def test_a_sentence_for_everybody_is_told_as_it_is() -> None:
    fault = InputError("No model is named: write its id.")
    assert {fault.told(front_end) for front_end in FrontEnd} == {str(fault)} == {"No model is named: write its id."}


def test_the_remedy_is_worded_for_who_is_told() -> None:
    fault = HubError("a/b is gated", Remedy.GATED, page="https://hub/a/b", sent=False)
    assert str(fault) == fault.told(FrontEnd.PYTHON)
    assert fault.told() == "a/b is gated."
    assert (
        fault.told(FrontEnd.PAGE_WITH_LOGIN) == "a/b is gated: accept its conditions on https://hub/a/b, then log in."
    )
    assert "log in" not in fault.told(FrontEnd.PAGE)


def test_it_crosses_to_another_process_with_its_remedy() -> None:
    fault = HubError("The Hub limits the rate of requests", Remedy.RATE, pause="9 seconds")
    crossed = pickle.loads(pickle.dumps(fault))
    assert [crossed.told(front_end) for front_end in FrontEnd] == [fault.told(front_end) for front_end in FrontEnd]
