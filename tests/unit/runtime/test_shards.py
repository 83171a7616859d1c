"""Parts of a work are named i/n, counted from 1."""

from __future__ import annotations

import pytest

from nc_hf.errors import InputError
from nc_hf.runtime.shards import parse_shard


@pytest.mark.parametrize(("text", "said"), [("1/1", (1, 1)), ("2/3", (2, 3)), ("12/40", (12, 40)), ("03/04", (3, 4))])
def test_a_part_and_how_many_there_are(text: str, said: tuple[int, int]) -> None:
    assert parse_shard(text) == said


@pytest.mark.parametrize("text", ["0/4", "5/4", "a/b", "1", "-1/4", "1/0", "1/2/3", "", "/", "1.5/4", "\u00b2/4"])
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="write i/n with i from 1 to n, such as 1/4"):
        parse_shard(text)
