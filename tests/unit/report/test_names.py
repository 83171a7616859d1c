"""Names made short: never longer than asked for, and with both their ends."""

from __future__ import annotations

import pytest

from nc_hf.report.names import shortened


@pytest.mark.parametrize("most", range(3, 22))
def test_a_name_is_as_long_as_asked_for_and_keeps_both_ends(most: int) -> None:
    name = "../models/stories260K"
    cut = shortened(name, most)
    assert len(cut) == most
    start, _, end = cut.partition("…")
    assert name.startswith(start)
    assert name.endswith(end)


def test_a_short_name_stays() -> None:
    assert shortened("a/b", 3) == "a/b"
