"""Calibration: known cases, and sums that add up."""

from __future__ import annotations

import pytest
import torch

from nc_hf.measurement.calibration import Calibration


def counted(confidence: torch.Tensor, correct: torch.Tensor, group: torch.Tensor | None = None) -> Calibration:
    group = torch.zeros(len(confidence), dtype=torch.int64) if group is None else group
    found = Calibration(1 + int(group.max()))
    found.add(group, confidence, correct)
    return found


def test_confidence_that_is_right_as_often_as_it_says_has_no_error() -> None:
    confidence = torch.tensor([0.25] * 400 + [0.75] * 400)
    correct = torch.tensor(([True] + [False] * 3) * 100 + ([True] * 3 + [False]) * 100)
    assert counted(confidence, correct).error() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("confidence", "correct", "wanted"), [(1.0, False, 1.0), (0.6, True, 0.4), (0.6, False, 0.6)])
def test_one_confidence_is_off_by_its_distance(confidence: float, correct: bool, wanted: float) -> None:
    found = counted(torch.full((50,), confidence), torch.full((50,), correct))
    assert found.error() == pytest.approx(wanted, abs=1e-6)


def test_errors_of_two_signs_do_not_cancel_between_bins() -> None:
    confidence = torch.tensor([0.2] * 100 + [0.8] * 100)
    found = counted(confidence, confidence < 0.5)  # .8 too little, and .8 too much
    assert found.error() == pytest.approx(0.8, abs=1e-6)


def test_bins_hold_the_same_number_of_tokens() -> None:
    """A few sure tokens among many unsure ones: bins of equal width would leave thirteen of fifteen empty."""
    generator = torch.Generator().manual_seed(0)
    confidence = torch.rand(15_000, generator=generator) * 0.1
    correct = torch.rand(15_000, generator=generator) < confidence.flip(0)  # right as often, and not where it says
    order = confidence.argsort()
    gaps = (confidence - correct.float())[order].view(15, 1000).sum(dim=1).abs().sum().item() / 15_000
    assert counted(confidence, correct).error() == pytest.approx(gaps, rel=0.05)


def test_groups_and_batches_add_up() -> None:
    generator = torch.Generator().manual_seed(0)
    confidence, group = torch.rand(300, generator=generator), torch.randint(3, (300,), generator=generator)
    correct = torch.rand(300, generator=generator) < 0.5
    whole = counted(confidence, correct, group)
    parts = Calibration(3)
    for rows in torch.arange(300).split(77):
        parts.add(group[rows], confidence[rows], correct[rows])
    assert torch.allclose(parts.sums, whole.sums)
    some = torch.isin(group, torch.tensor([0, 2]))
    assert whole.error(torch.tensor([0, 2])) == pytest.approx(
        counted(confidence[some], correct[some]).error(), rel=1e-12
    )


def test_nothing_has_no_error() -> None:
    assert Calibration().error() != Calibration().error()
