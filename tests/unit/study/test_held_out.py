"""Text that a model was not trained on; its values and errors are held by test_states.py."""

from __future__ import annotations

import pytest
import torch

from nc_hf.metrics import AgreementCounts
from nc_hf.study.held_out import HeldOut


def test_halves_are_disjoint_and_make_up_the_whole() -> None:
    found = HeldOut.empty(1 + 6)
    found.sums = torch.arange(1.0, 19.0, dtype=torch.float64).view(3, 6)
    found.halves = [AgreementCounts(tokens=10, agree=4), AgreementCounts(tokens=20, agree=5)]
    values = found.of_halves()
    tokens = [found.sums[0, 0::2].sum().item(), found.sums[0, 1::2].sum().item()]
    assert sum(tokens) == found.values()["tokens"]
    losses = sum(values[f"val_loss_half_{half}"] * tokens[half - 1] for half in (1, 2)) / sum(tokens)
    assert losses == pytest.approx(found.values()["loss"], rel=1e-12)
    assert (values["nc4_agreement_half_1"], values["nc4_agreement_half_2"]) == (0.4, 0.25)


def test_errors_are_of_the_groups() -> None:
    found = HeldOut.empty(1 + 5)
    found.sums = torch.tensor([[10.0] * 5, [10.0, 20.0, 30.0, 40.0, 50.0], [5.0] * 5], dtype=torch.float64)
    losses = torch.tensor([3.5, 3.25, 3.0, 2.75, 2.5])  # without each
    wanted = (4 / 5 * (losses - losses.mean()).square().sum()).sqrt().item()
    assert found.errors()["loss"] == pytest.approx(wanted, rel=1e-6)
    assert found.errors()["accuracy"] == pytest.approx(0.0, abs=1e-9)
