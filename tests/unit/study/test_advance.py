"""Word of how far a cell has come."""

from __future__ import annotations

import pickle

from nc_hf.study.advance import Advance, training


def test_training_says_what_is_known_of_it() -> None:
    assert training(0, 10, None, None) == Advance(0.0, "step 0 of 10")
    assert training(5, 10, 2.0, None) == Advance(0.5, "step 5 of 10, loss 2.000")


def test_it_is_a_part_of_more_work_and_goes_between_processes() -> None:
    part = training(5, 10, 2.0, 1e6).within(0.5)
    assert part.share == 0.25
    assert part.doing.endswith("1,000,000 tokens/s")
    assert pickle.loads(pickle.dumps(part)) == part
