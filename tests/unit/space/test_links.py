"""Links that lead to what the page shows."""

from __future__ import annotations

from urllib.parse import parse_qs, parse_qsl

import pytest

from nc_hf.errors import InputError
from nc_hf.space.links import comparison_link, text_asked
from nc_hf.space.settings import DEFAULT_TOKENS
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


def test_a_link_asks_of_a_text_what_was_asked() -> None:
    request = request_for("a/b", corpus="hub:c/d", max_tokens=3_000, preset="full")
    asked = dict(parse_qsl(request.link[1:]))
    assert text_asked(asked) == ("hub:c/d", "", 3_000, "full", "")
    assert text_asked(asked | {"tokens": "many", "tokenizer": "e/f"}) == ("hub:c/d", "", DEFAULT_TOKENS, "full", "e/f")
    assert text_asked({"model": "a/b"}) == ("tinystories", "", DEFAULT_TOKENS, "core", "")
