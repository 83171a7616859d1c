"""What was observed of a forward pass: its leading rows, some of its positions, or why there is nothing."""

from __future__ import annotations

import pytest
import torch

from nc_hf.errors import TapError
from nc_hf.model.forward_pass import TapBatch, TapPass


def batch() -> TapBatch:
    """Three rows of four positions, the last of each without a label."""
    index = torch.tensor([0, 1, 2, 4, 5, 6, 8, 9, 10])
    return TapBatch({"final": index.float().unsqueeze(1)}, index + 1, index, index, index > 4, None, None, 3, 4)


def test_the_leading_rows_are_left() -> None:
    part = batch().first_rows(2)
    assert part.rows == 2
    assert part.index.tolist() == [0, 1, 2, 4, 5, 6]
    assert part.features["final"].flatten().tolist() == part.index.tolist()
    assert part.labels.tolist() == [1, 2, 3, 5, 6, 7]
    assert part.tied is not None
    assert part.tied.tolist() == [False] * 4 + [True] * 2
    assert part.nll is None
    assert batch().first_rows(7).rows == 3


def test_some_positions_are_left_of_everything() -> None:
    part = batch().where(batch().index % 4 == 1)
    assert (part.rows, part.index.tolist(), part.features["final"].flatten().tolist()) == (3, [1, 5, 9], [1, 5, 9])


def test_why_a_pass_was_not_observed_is_raised() -> None:
    with pytest.raises(TapError, match="no room"):
        TapPass(TapError("no room"), None, None).observed()
    seen = batch()
    assert TapPass(seen, None, None).observed() is seen
