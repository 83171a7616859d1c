"""The loss of architectures that were never seen."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from nc_hf.study.analysis.held_out import PENALTIES, held_out, leave_out, ridge
from tests.results import grid, table


def study(seed: int, metric: float, accuracy: float) -> pd.DataFrame:
    """A grid whose loss has a part that neither setting tells, and a metric and an accuracy that tell of it."""
    rng = np.random.default_rng(seed)
    frame = grid(seed)
    hidden, one, two = rng.normal(size=(3, len(frame)))
    return frame.assign(
        val_loss=frame["val_loss"] + 0.5 * hidden,
        val_accuracy=np.exp(0.1 * (accuracy * hidden + one) - 2),
        nc4_agreement=np.exp(0.1 * (metric * hidden + two) - 1),
    )


def test_ridge_is_its_normal_equations() -> None:
    rng = np.random.default_rng(0)
    features, y, new = rng.normal(size=(12, 3)), rng.normal(size=12), rng.normal(size=(4, 3))
    standard, other = ((each - features.mean(axis=0)) / features.std(axis=0) for each in (features, new))
    for penalty, foretold in zip(PENALTIES, ridge(features, y, new), strict=True):
        slopes = np.linalg.solve(standard.T @ standard + 12 * penalty * np.eye(3), standard.T @ (y - y.mean()))
        assert foretold == pytest.approx(y.mean() + other @ slopes)


def test_a_row_is_never_foretold_from_its_own_group() -> None:
    rng = np.random.default_rng(1)
    features, y, groups = rng.normal(size=(20, 2)), rng.normal(size=20), np.repeat(np.arange(5), 4)
    before = leave_out(features, y, groups)
    changed = np.where(groups == 2, 1e6, y)
    assert leave_out(features, changed, groups)[groups == 2] == pytest.approx(before[groups == 2])
    assert leave_out(np.empty((20, 0)), y, groups)[0] == pytest.approx(y[4:].mean())


def test_what_the_metrics_add_is_found_and_what_they_do_not_is_not() -> None:
    helps, idle = held_out(study(0, metric=9, accuracy=0)), held_out(study(0, metric=0, accuracy=9))
    assert helps["from"].tolist() == ["settings", "settings + accuracy", "settings + accuracy + NC"]
    assert helps["p_holm"].iloc[2] < 0.05 < helps["p_holm"].iloc[1]
    assert helps["r2"].iloc[2] > 0.9
    assert idle["p_holm"].iloc[1] < 0.05 < idle["p_holm"].iloc[2]
    assert (helps["r2_low"] < helps["r2"]).all()
    assert (helps["r2"] < helps["r2_high"]).all()
    assert helps["clusters"].tolist() == [9] * 3


def test_halves_of_the_text_are_kept_apart() -> None:
    frame = study(2, metric=9, accuracy=9)
    halves = {
        f"{name}{half}": frame[name]
        for name in ("val_loss", "val_accuracy", "nc4_agreement")
        for half in ("_half_1", "_half_2")
    }
    whole = frame.assign(**halves)
    noise = np.random.default_rng(0).normal(size=len(frame))
    spoiled = whole.assign(val_loss=noise, val_loss_half_1=noise, nc4_agreement=1.0, nc4_agreement_half_2=noise)
    pd.testing.assert_frame_equal(
        held_out(whole), held_out(spoiled.assign(val_accuracy_half_2=noise, val_accuracy=1.0))
    )


def test_few_architectures_are_not_left_out() -> None:
    assert held_out(table(20, nc4_agreement=0.5)).empty
    assert held_out(grid()[:30].assign(nc4_agreement=0.5, width=1, depth=np.arange(30) % 4)).empty


@pytest.mark.slow
def test_metrics_that_say_nothing_are_found_to_help_at_the_nominal_rate() -> None:
    found = [held_out(study(seed, 0, 9), resamples=0).iloc[2] for seed in range(200)]
    assert np.mean([row["p"] < 0.05 and row["gain"] > 0 for row in found]) < 0.06
