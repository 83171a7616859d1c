"""Losses of a batch: against their formulas written out, finite differences, and what may not change them."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import torch
from torch import Tensor

from nc_hf import ClassifierHead, ClassStatistics, compute_metrics
from nc_hf.study.cell import ADDED_LOSSES
from nc_hf.study.interventions.losses import LOSSES, Loss, batch_cdnv, duality, uniformity

N, D, CLASSES = 60, 6, 9


@pytest.fixture
def batch() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(CLASSES, (N,), generator=generator)
    labels[0] = CLASSES  # a class that comes once
    centres = torch.randn(CLASSES + 1, D, generator=generator, dtype=torch.float64)
    noise = torch.randn(N, D, generator=generator, dtype=torch.float64)
    weight = torch.randn(CLASSES + 3, D, generator=generator, dtype=torch.float64)
    return centres[labels] + 0.3 * noise + 1.0, labels, weight


def means_of(x: np.ndarray, y: np.ndarray) -> dict[int, np.ndarray]:
    return {int(c): np.mean([row for row, label in zip(x, y, strict=True) if label == c], axis=0) for c in set(y)}


def cdnv_by_hand(x: np.ndarray, y: np.ndarray, w: np.ndarray) -> float:
    groups = {c: np.stack([row for row, label in zip(x, y, strict=True) if label == c]) for c in sorted(set(y))}
    groups = {c: rows for c, rows in groups.items() if len(rows) >= 2}
    variance = {c: rows.var(axis=0, ddof=1).sum() for c, rows in groups.items()}
    pairs = list(combinations(groups, 2))
    apart = [float(((groups[a].mean(0) - groups[b].mean(0)) ** 2).sum()) for a, b in pairs]
    typical = 0.01 * np.mean(apart)
    return float(
        np.mean([(variance[a] + variance[b]) / (2 * (d + typical)) for (a, b), d in zip(pairs, apart, strict=True)])
    )


def duality_by_hand(x: np.ndarray, y: np.ndarray, w: np.ndarray) -> float:
    g = x.mean(axis=0)
    cosines = [w[c] @ (h - g) / np.linalg.norm(w[c]) / np.linalg.norm(h - g) for h, c in zip(x, y, strict=True)]
    return float(1 - np.mean(cosines))


def uniformity_by_hand(x: np.ndarray, y: np.ndarray, w: np.ndarray) -> float:
    means = means_of(x, y)
    centre = np.mean(list(means.values()), axis=0)
    typical = np.mean([np.linalg.norm(m - centre) for m in means.values()])
    unit = {c: (m - centre) / max(np.linalg.norm(m - centre), 0.01 * typical) for c, m in means.items()}
    return float(np.log(np.mean([np.exp(-2 * ((unit[a] - unit[b]) ** 2).sum()) for a, b in combinations(unit, 2)])))


BY_HAND = {"cdnv": cdnv_by_hand, "duality": duality_by_hand, "uniformity": uniformity_by_hand}
NAMES = {loss: name for name, loss in LOSSES.items()}


@pytest.mark.parametrize("name", LOSSES)
class TestEachLoss:
    def test_it_is_its_formula(self, name: str, batch: tuple[Tensor, Tensor, Tensor]) -> None:
        x, y, w = batch
        assert LOSSES[name](x, y, w).item() == pytest.approx(BY_HAND[name](x.numpy(), y.numpy(), w.numpy()), rel=1e-12)

    def test_its_gradient_is_that_of_finite_differences(self, name: str, batch: tuple[Tensor, Tensor, Tensor]) -> None:
        x, y, w = batch
        assert torch.autograd.gradcheck(lambda a, b: LOSSES[name](a, y, b), (x.requires_grad_(), w.requires_grad_()))

    def test_neither_order_nor_scale_nor_place_nor_turning_matters(
        self, name: str, batch: tuple[Tensor, Tensor, Tensor]
    ) -> None:
        x, y, w = batch
        value = LOSSES[name](x, y, w).item()
        order = torch.randperm(N, generator=torch.Generator().manual_seed(1))
        turn = torch.linalg.qr(torch.randn(D, D, dtype=torch.float64))[0]
        for changed in ((x[order], y[order], w), (7 * x, y, w), (x + 3, y, w), (x @ turn, y, w @ turn)):
            assert LOSSES[name](*changed).item() == pytest.approx(value, rel=1e-9)

    @pytest.mark.parametrize("offset", [10.0, 1000.0])
    def test_an_offset_that_all_features_share_costs_no_digits(
        self, name: str, offset: float, batch: tuple[Tensor, Tensor, Tensor]
    ) -> None:
        x, y, w = batch
        shifted = (x + offset).float()  # rounded to 2^-24 of the offset, and so is the truth
        found = LOSSES[name](shifted, y, w.float()).item()
        assert found == pytest.approx(LOSSES[name](shifted.double(), y, w.float().double()).item(), rel=3e-6)

    @pytest.mark.parametrize(
        "labels", [[0] * 8, list(range(8)), [0, 0, *range(1, 7)]], ids=["one", "each once", "one twice"]
    )
    def test_a_batch_of_few_classes_is_finite(self, name: str, labels: list[int]) -> None:
        x = torch.randn(8, D, generator=torch.Generator().manual_seed(0)).requires_grad_()
        w = torch.randn(10, D, generator=torch.Generator().manual_seed(1))
        value = LOSSES[name](x, torch.tensor(labels), w)
        value.backward()
        assert torch.isfinite(value)
        assert x.grad is not None
        assert torch.isfinite(x.grad).all()

    def test_features_that_coincide_are_finite(self, name: str) -> None:
        x = torch.ones(8, D, requires_grad=True)
        value = LOSSES[name](x, torch.tensor([0, 0, 1, 1, 2, 2, 3, 3]), torch.randn(5, D))
        value.backward()
        assert torch.isfinite(value)
        assert x.grad is not None
        assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize(
    ("loss", "labels"),
    [
        (batch_cdnv, [0] * 8),
        (batch_cdnv, list(range(8))),
        (batch_cdnv, [0, 0, *range(1, 7)]),
        (uniformity, [0] * 8),
    ],
)
def test_where_there_is_no_pair_there_is_neither_loss_nor_gradient(loss: Loss, labels: list[int]) -> None:
    x = torch.randn(8, D, generator=torch.Generator().manual_seed(0)).requires_grad_()
    value = loss(x, torch.tensor(labels), torch.ones(8, D))
    value.backward()
    assert value.item() == 0
    assert x.grad is not None
    assert not x.grad.any()


@pytest.mark.parametrize("near", [0.0, 1e-12, 1e-5])
@pytest.mark.parametrize("loss", [batch_cdnv, uniformity])
def test_a_mean_at_the_centre_or_at_another_has_no_endless_gradient(loss: Loss, near: float) -> None:
    # Two tokens a class: two means apart, one of `near` from their centre, two of `near` from each other.
    means = torch.tensor([[1.0, 0, 0], [-1, 0, 0], [0, near, 0], [0, 1, near], [0, 1, 0], [0, -2, 0]]).double()
    spread = torch.tensor([[0, 0, 0.1], [0, 0, -0.1]]).double()
    x = (means[:, None] + spread).flatten(0, 1).requires_grad_()
    y = torch.arange(6).repeat_interleave(2)
    value = loss(x, y, x)
    value.backward()
    assert value.item() == pytest.approx(BY_HAND[NAMES[loss]](x.detach().numpy(), y.numpy(), x.detach().numpy()))
    assert x.grad is not None
    assert x.grad.abs().max() < 100


def test_the_settings_name_the_losses_that_there_are() -> None:
    assert set(ADDED_LOSSES) == set(LOSSES)


@pytest.mark.parametrize(
    ("loss", "metric", "falls"),
    [
        (batch_cdnv, "nc1_cdnv_median", True),
        (batch_cdnv, "nc1_trace_ratio", True),
        (duality, "nc3_cos_mean", False),
        (uniformity, "gnc2_log_mean", True),
    ],
)
def test_going_down_it_moves_the_metric_that_it_is_for(
    batch: tuple[Tensor, Tensor, Tensor], loss: Loss, metric: str, falls: bool
) -> None:
    x, y, w = batch

    def measured(features: Tensor) -> float:
        statistics = ClassStatistics(D)
        statistics.update(features.detach(), y)
        return compute_metrics(statistics, ClassifierHead(w), [metric], min_count=2)[metric]

    moved = x.clone().requires_grad_()
    for _ in range(20):
        (gradient,) = torch.autograd.grad(loss(moved, y, w), moved)
        moved = (moved - 0.5 * gradient).detach().requires_grad_()
    assert loss(moved, y, w) < loss(x, y, w)
    assert (measured(moved) < measured(x)) is falls
