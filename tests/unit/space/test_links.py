"""Links that lead to what the page shows."""

from __future__ import annotations

from urllib.parse import parse_qs

import pytest

from nc_hf.errors import InputError
from nc_hf.space.links import comparison_link
from tests.space import request_for


def test_a_comparison_has_a_link_that_one_can_read() -> None:
    requests = [request_for("a/b", "v1", corpus="hub:c/d"), request_for("e/f", corpus="hub:c/d")]
    link = comparison_link(requests)
    assert link == "?compare=a/b@v1,e/f&corpus=hub:c/d&tokens=2000&preset=core"
    assert parse_qs(link[1:])["compare"] == ["a/b@v1,e/f"]


def test_the_comma_between_two_models_is_in_no_name() -> None:
    for model, revision in (("a/b,c", ""), ("a/b", "v,w")):
        with pytest.raises(InputError):
            request_for(model, revision)
