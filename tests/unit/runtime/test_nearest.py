"""What somebody meant who misspelt a name."""

from __future__ import annotations

from nc_hf.runtime.nearest import did_you_mean


def test_the_nearest_name_is_asked_for_whatever_its_case() -> None:
    assert did_you_mean("widths", ["depth", "width", "epochs"]) == " (did you mean width?)"
    assert did_you_mean("Width", iter(["depth", "width"])) == " (did you mean width?)"


def test_nothing_is_said_where_nothing_is_near() -> None:
    assert did_you_mean("optimizer", ["depth", "width"]) == ""
    assert did_you_mean("width", []) == ""
