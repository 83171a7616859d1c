"""Settings compared at equal loss."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from nc_hf.study.analysis.matched import (
    FEWEST_PAIRS,
    at_equal_loss,
    compared_settings,
    matched,
    matched_pairs,
    run_curves,
)

SHIFT = 0.07


def study(seeds: int = 7, noise: float = 0.01, shift: float = SHIFT) -> pd.DataFrame:
    """Two weights of an added loss: the larger learns faster, and at equal loss it agrees more by SHIFT, no more."""
    rng = np.random.default_rng(0)
    kinds = [("none", 0.0), ("cdnv", 0.1), ("cdnv", 1.0)]
    rows = [(*kind, seed, state) for kind, seed, state in product(kinds, range(seeds), range(8))]
    frame = pd.DataFrame(rows, columns=["added_loss", "added_weight", "seed", "saved_epoch"])
    own = rng.normal(size=(seeds, 3))[frame["seed"]] * noise
    loss = 6 * np.exp(-0.2 * frame["saved_epoch"] * (1 + 0.3 * frame["added_weight"])) + own[:, 0]
    jitter = noise * rng.normal(size=seeds * 3)[frame.groupby(["added_weight", "seed"]).ngroup()]
    return frame.assign(
        width=64, depth=2, epochs=8, weight_decay=0.1, trained_epochs=frame["saved_epoch"] + 1,
        val_loss=loss, val_accuracy=0.3, perplexity=1.0,
        nc4_agreement=1 - loss / 10 + shift * (frame["added_weight"] == 1) + own[:, 1] + jitter,
        ood_loss=1 + 1.5 * loss + own[:, 2] + jitter,
    )  # fmt: skip


def test_a_shift_at_equal_loss_is_found_and_faster_training_is_not_taken_for_one() -> None:
    found = matched(study()).set_index(["level", "metric"])
    assert set(found["against"]) == {"none"}
    strong = found.loc[("cdnv x 1", "nc4_agreement")]
    assert strong["difference"] == pytest.approx(SHIFT, abs=0.01)
    assert strong["pairs"] == strong["runs"] == 7
    assert strong["p"] == pytest.approx(2 / 2**7)
    assert strong["p_holm"] > strong["p"]
    for other in [("cdnv x 0.1", "nc4_agreement"), ("cdnv x 1", "ood_loss")]:
        assert abs(found.loc[other, "difference"]) < 0.015
        assert found.loc[other, "p_holm"] > 0.05


def test_few_pairs_have_a_difference_and_no_test() -> None:
    found = matched(study(seeds=FEWEST_PAIRS - 1))
    assert found["difference"].notna().all()
    assert found[["p", "difference_low", "difference_high"]].isna().all(axis=None)
    assert matched(study(seeds=FEWEST_PAIRS))[["p", "difference_low", "difference_high"]].notna().all(axis=None)


def test_the_interval_is_students_over_the_pairs() -> None:
    frame = study()
    pairs = matched_pairs(frame)
    for _, row in matched(frame).iterrows():
        own = pairs[(pairs["level"] == row["level"]) & (pairs["metric"] == row["metric"])]
        expected = stats.ttest_1samp(own["one"] - own["base"], 0).confidence_interval(0.95)
        assert (row["difference_low"], row["difference_high"]) == pytest.approx(tuple(expected))
        assert row["difference"] == pytest.approx((own["one"] - own["base"]).sum() / 7)


def test_pairs_of_one_seed_count_once() -> None:
    frame = study()
    both = pd.concat([frame, frame.assign(learning_rate=2.0)]).fillna({"learning_rate": 1.0})
    row = matched(both).set_index(["setting", "level", "metric"]).loc[("added_loss", "cdnv x 1", "nc4_agreement")]
    assert (row["pairs"], row["runs"]) == (7, 14)


def test_only_the_falling_part_is_kept_and_nothing_is_extrapolated() -> None:
    states = pd.DataFrame({"run": 0, "trained_epochs": range(6), "val_loss": [5.0, 3, 4, 2, 2.5, 2.2], "x": range(6)})
    ((loss, values),) = run_curves(states, "x").values()
    assert loss.tolist() == [2, 3, 5]
    assert values.tolist() == [3, 1, 0]
    assert run_curves(states.assign(val_loss=range(6)), "x") == {}
    both = at_equal_loss((loss, values), (np.array([4.0, 9.0]), np.array([10.0, 20.0])))
    assert both == pytest.approx((0.25, 11.0))  # means over 4 to 5 of lines from .5 to 0 and from 10 to 12
    assert at_equal_loss((loss, values), (np.array([6.0, 9.0]), np.array([1.0, 2.0]))) is None


def test_settings_that_change_what_a_nat_means_are_not_compared() -> None:
    frame = study().assign(vocab_size=lambda rows: rows["seed"] % 2, tied=lambda rows: rows["seed"] > 2)
    assert compared_settings(frame) == {"added_loss": ["added_loss", "added_weight"], "tied": ["tied"]}


def test_what_a_setting_carries_along_is_compared_with_it() -> None:
    frame = study().assign(head=lambda rows: rows["added_weight"] * 3)
    assert compared_settings(frame) == {"added_loss": ["added_loss", "added_weight", "head"]}
    assert len(matched(frame)) == len(matched(study()))


def test_single_states_are_no_curves() -> None:
    assert matched(study().drop_duplicates(["added_weight", "seed"])).empty


@pytest.mark.slow
def test_at_equal_loss_chance_is_taken_for_a_finding_at_the_nominal_rate() -> None:
    rng, frame = np.random.default_rng(5), study(seeds=8, shift=0.0)
    frame = frame[frame["added_weight"] != 0.1]
    run = frame.groupby(["added_weight", "seed"]).ngroup().to_numpy()
    p = []
    for _ in range(400):
        drawn = frame.assign(nc4_agreement=1 - frame["val_loss"] / 10 + 0.01 * rng.normal(size=16)[run])
        p.append(matched(drawn, ["nc4_agreement"]).set_index("metric")["p"]["nc4_agreement"])
    assert 0.015 < np.mean(np.array(p) < 0.05) < 0.08  # nominally 12 / 256, three errors of 400 studies about it
