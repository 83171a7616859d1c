"""What was observed of forward passes: the positions with a label, of one pass or several, or why there is nothing."""

from __future__ import annotations

import pytest
import torch

from nc_hf.errors import TapError
from nc_hf.model.forward_pass import Observation, TapPass, labelled


def observation(targets: list[list[int]], begin: int = 0, **parts: torch.Tensor | None) -> Observation:
    """Features, predictions and losses are counted on from ``begin``, position by position."""
    given = torch.tensor(targets)
    counted = torch.arange(begin, begin + given.numel())
    whole = {"predictions": counted, "tied": counted % 2 == 0, "nll": counted.float()}
    sample = counted[:2].float().unsqueeze(1), counted[:2].float().unsqueeze(1)
    return Observation(given, {"final": counted.float().unsqueeze(1)}, **(whole | parts), sample=sample)


def test_the_positions_with_a_label() -> None:
    batch = labelled([observation([[7, -100, 8, -100], [-100, -1, 9, 7]])])
    assert batch.labels.tolist() == [7, 8, 9, 7]
    assert batch.index.tolist() == [0, 2, 6, 7]
    assert batch.features["final"].flatten().tolist() == [0, 2, 6, 7]
    assert batch.predictions is not None
    assert batch.predictions.tolist() == [0, 2, 6, 7]
    assert batch.tied is not None
    assert batch.tied.tolist() == [True, True, True, False]
    assert batch.nll is not None
    assert batch.nll.tolist() == [0, 2, 6, 7]
    assert (batch.rows, batch.sequence_length) == (2, 4)
    assert batch.sample is not None


def test_several_passes_are_as_one_of_the_longest_rows() -> None:
    first, second = observation([[7, 8], [-100, 9]]), observation([[1, -100, 2]], begin=10)
    batch = labelled([first, second])
    assert (batch.rows, batch.sequence_length) == (3, 3)
    assert batch.labels.tolist() == [7, 8, 9, 1, 2]
    assert [divmod(place, 3) for place in batch.index.tolist()] == [(0, 0), (0, 1), (1, 1), (2, 0), (2, 2)]
    assert batch.features["final"].flatten().tolist() == [0, 1, 3, 10, 12]
    assert batch.sample is None  # whose, would have to be said
    assert labelled([first, observation([[1]], predictions=None)]).predictions is None


def test_a_sample_has_no_position_without_a_label() -> None:
    found = labelled([observation([[-100, 5, -100]])]).sample
    assert found is not None
    assert [len(part) for part in found] == [1, 1]


@pytest.mark.parametrize(("positions", "kept"), [(0, []), (3, [1, 2]), (4, [1, 2, 3]), (9, [1, 2, 3, 4])])
def test_the_leading_positions_keep_their_labels(positions: int, kept: list[int]) -> None:
    whole = observation([[1, 2, -100], [3, 4, -100]])
    part = whole.leading(positions)
    assert labelled([part]).labels.tolist() == kept
    assert (part.rows, part.row_length) == (2, 3)
    assert labelled([whole]).labels.tolist() == [1, 2, 3, 4]


def test_some_positions_are_left_of_everything() -> None:
    whole = labelled([observation([[1, 2, -100], [3, 4, -100]])])
    part = whole.where(whole.index % 3 == 1)
    assert (part.rows, part.index.tolist(), part.features["final"].flatten().tolist()) == (2, [1, 4], [1, 4])


def test_why_a_pass_was_not_observed_is_raised() -> None:
    with pytest.raises(TapError, match="no room"):
        TapPass(TapError("no room"), None, None).observed()
    seen = observation([[1]])
    assert TapPass(seen, None, None).observed() is seen
