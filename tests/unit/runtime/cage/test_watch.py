"""Whoever waits for an inmate is asked whether it is still wanted: within the block, and in the thread of the block."""

from __future__ import annotations

import threading

import pytest

from nc_hf.runtime.cage.watch import check, watched


def test_a_check_is_asked_within_its_block_alone() -> None:
    asked: list[str] = []
    with watched(lambda: asked.append("outer")):
        with watched(lambda: asked.append("inner")):
            check()
        check()
    check()
    assert asked == ["inner", "outer"]


def test_what_it_raises_reaches_whoever_waits_in_this_thread() -> None:
    def refuse() -> None:
        raise KeyError("no more")

    with watched(refuse):
        other = threading.Thread(target=check)
        other.start()
        other.join()  # another thread was not called off
        with pytest.raises(KeyError):
            check()
