"""What goes wrong, as something that every handler catches."""

from __future__ import annotations

import logging
import pickle

import pytest

from nc_hf.errors import InputError
from nc_hf.space.faults import UnforeseenError, told


def test_a_mistake_of_the_visitor_is_told_as_it_is() -> None:
    fault = InputError("Name a model.")
    assert told(fault) is fault


def test_what_was_not_foreseen_is_told_by_its_kind_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, logger="nc_hf.space"):
        known = told(KeyboardInterrupt("a secret"))
    assert isinstance(known, UnforeseenError)
    assert str(known) == "KeyboardInterrupt"
    assert "An analysis failed" in caplog.text
    assert str(pickle.loads(pickle.dumps(known))) == "KeyboardInterrupt"
