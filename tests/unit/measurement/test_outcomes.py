"""Loss, accuracy and calibration, added up by groups."""

from __future__ import annotations

import math

import pytest
import torch
from accelerate.state import PartialState

from nc_hf.measurement.outcomes import Outcomes, perplexity
from nc_hf.model.forward_pass import TapBatch

LABELS, PREDICTED = torch.tensor([3, 4, 5, 6]), torch.tensor([3, 4, 9, 6])
NLL, CONFIDENCE = torch.tensor([0.5, 1.0, 2.0, 4.0]), torch.tensor([0.9, 0.6, 0.7, 0.2])
GROUP = torch.tensor([0, 0, 1, 1])


def batch(*, logits: bool = True) -> TapBatch:
    seen = (PREDICTED, PREDICTED == 0, NLL) if logits else (None, None, None)
    return TapBatch({}, LABELS, torch.arange(4), *seen, None, 1, 5, CONFIDENCE if logits else None)


def test_batches_add_up_by_group() -> None:
    found = Outcomes(2, calibration=True)
    for _ in range(2):
        found.add(batch(), GROUP)
    assert found.sums.tolist() == [[4, 4], [3, 12], [4, 2]]
    assert found.calibration is not None
    assert found.calibration.sums.sum(dim=2).tolist() == [[4, 4], [pytest.approx(3.0), pytest.approx(1.8)], [4, 2]]


def test_a_pass_without_logits_counts_its_tokens_alone() -> None:
    found = Outcomes(2, calibration=True)
    found.add(batch(logits=False), GROUP)
    assert found.sums.tolist() == [[2, 2], [0, 0], [0, 0]]
    assert found.calibration is not None
    assert found.calibration.sums.sum() == 0


@pytest.mark.parametrize("contributes", [True, False])
def test_a_process_that_does_not_contribute_counts_as_nothing(contributes: bool) -> None:
    found = Outcomes(2, calibration=True)
    found.add(batch(), GROUP)
    found.reduce(PartialState(), contributes=contributes)
    assert found.calibration is not None
    for sums in (found.sums, found.calibration.sums):
        assert bool(sums.any()) is contributes


def test_its_state_comes_back() -> None:
    one, other = Outcomes(2, calibration=True), Outcomes(2, calibration=True)
    one.add(batch(), GROUP)
    other.load_state_dict(one.state_dict())
    assert torch.equal(one.sums, other.sums)
    assert one.calibration is not None
    assert other.calibration is not None
    assert torch.equal(one.calibration.sums, other.calibration.sums)
    assert Outcomes(2, calibration=False).state_dict().keys() == {"outcomes"}


def test_perplexity_is_infinite_where_it_overflows() -> None:
    assert perplexity(math.log(20)) == pytest.approx(20)
    assert perplexity(1e4) == math.inf
