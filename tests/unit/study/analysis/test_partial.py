"""What is left beyond the settings, across halves of the text and beyond accuracy, in tables whose truth is known."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest

from nc_hf.study.analysis.correlation import correlations
from nc_hf.study.analysis.partial import other_evidence, partial_correlations
from nc_hf.study.table import HALVES
from tests.results import grid, table


def test_what_only_the_settings_explain_is_taken_out() -> None:
    frame = grid()
    rng = np.random.default_rng(7)
    noise = 0.05 * rng.normal(size=len(frame))
    frame = frame.assign(nc1_cdnv=10 / frame["width"] ** 0.5 + 1 / frame["depth"] + noise)
    row = partial_correlations(frame).loc["nc1_cdnv"]
    assert correlations(frame).loc["nc1_cdnv", "pearson"] > 0.8
    assert row["partial_low"] < 0 < row["partial_high"]
    assert row["partial_p"] > 0.05


def test_what_remains_beyond_the_settings_is_found() -> None:
    frame = grid()
    hidden = np.random.default_rng(8).normal(size=len(frame))
    frame = frame.assign(
        nc4_agreement=np.log(frame["width"]) + hidden, val_loss=5 + frame["val_loss"] - hidden, nc1_cdnv=-hidden
    )
    rows = partial_correlations(frame, cluster="run")
    assert rows.loc["nc4_agreement", "partial"] < -0.99
    assert rows.loc["nc1_cdnv", "partial"] > 0.99
    assert rows.loc["nc4_agreement", "partial_p"] < 1e-10


def test_partial_correlation_is_the_textbook_one() -> None:
    rng = np.random.default_rng(9)
    frame = table(25, width=np.where(np.arange(25) % 2, 64, 128), nc1_cdnv=rng.random(25))
    x, y, z = frame["nc1_cdnv"], frame["val_loss"], frame["width"]
    xy, xz, yz = x.corr(y), x.corr(z), y.corr(z)
    row = partial_correlations(frame, cluster="run").loc["nc1_cdnv"]
    assert row["partial"] == pytest.approx((xy - xz * yz) / np.sqrt((1 - xz**2) * (1 - yz**2)))
    assert row["partial_low"] < row["partial"] < row["partial_high"]
    assert row["clusters"] == 25


def study_with_halves(link: float, seed: int = 0) -> pd.DataFrame:
    """Twenty architectures x two seeds, whose halves of the text share the model's own part but no error."""
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame(product((1, 2, 3, 4, 5), (1, 2, 3, 4), (0, 1)), columns=["width", "depth", "seed"])
    n = len(rows)
    own, accuracy = rng.normal(size=n), rng.normal(size=n)
    rows = rows.assign(epochs=1, weight_decay=0.1, saved_epoch=0, trained_epochs=1, perplexity=1.0)
    rows = rows.assign(val_accuracy=0.3 + 0.01 * accuracy)
    for half in HALVES:
        shared = 0.3 * rng.normal(size=n)  # a hard half raises its loss and lowers its agreement
        rows[f"val_loss{half}"] = 3 - 0.1 * accuracy - 0.02 * link * own + shared
        rows[f"nc4_agreement{half}"] = 0.5 + 0.05 * own - shared
        rows[f"val_accuracy{half}"] = rows["val_accuracy"]
    for name in ("val_loss", "nc4_agreement"):
        rows[name] = (rows[f"{name}{HALVES[0]}"] + rows[f"{name}{HALVES[1]}"]) / 2
    return rows


def test_what_a_shared_text_does_is_gone_across_its_halves() -> None:
    frame = study_with_halves(link=0)
    same = partial_correlations(frame).loc["nc4_agreement"]
    assert same["partial_p"] < 0.001
    rows = other_evidence(frame).set_index("evidence")
    assert rows.loc["other half of the text", "p"] > 0.05
    assert rows.loc["other half, beyond accuracy", "p"] > 0.05


def test_both_ways_round_are_averaged_on_fishers_scale() -> None:
    frame = study_with_halves(link=3)
    design = np.hstack(
        [np.ones((len(frame), 1)), *(pd.get_dummies(frame[a]).to_numpy(float)[:, 1:] for a in ("width", "depth"))]
    )
    ways = []
    for own, other in (HALVES, HALVES[::-1]):
        sides = [frame[f"nc4_agreement{own}"].to_numpy(), frame[f"val_loss{other}"].to_numpy()]
        rest = [side - design @ np.linalg.lstsq(design, side, rcond=None)[0] for side in sides]
        ways.append(np.arctanh(np.corrcoef(*rest)[0, 1]))
    row = other_evidence(frame).set_index("evidence").loc["other half of the text"]
    assert row["partial"] == pytest.approx(np.tanh(np.mean(ways)))


def test_a_metric_that_repeats_accuracy_adds_nothing_to_it() -> None:
    frame = study_with_halves(link=0)
    noise = 0.02 * np.random.default_rng(5).normal(size=len(frame))
    frame = frame.assign(nc1_cdnv=frame["val_accuracy"] + 0.01 * noise)[
        [c for c in frame if "half" not in c] + ["nc1_cdnv"]
    ]
    assert partial_correlations(frame).loc["nc1_cdnv", "partial_p"] < 0.05
    row = other_evidence(frame, ["nc1_cdnv"]).iloc[0]
    assert row["evidence"] == "beyond accuracy"
    assert row["p"] > 0.05


def simulated_study(rng: np.random.Generator, link: float = 0.0) -> pd.DataFrame:
    """Nine architectures x two lengths x two seeds; what each architecture does beyond its settings is its own."""
    rows = pd.DataFrame(
        product((64, 128, 256), (1, 2, 4), (1, 3), (0, 1)), columns=["width", "depth", "epochs", "seed"]
    )
    shape = rows.groupby(["width", "depth"]).ngroup().to_numpy()

    def noise() -> np.ndarray:
        return 0.03 * rng.normal(size=9)[shape] + 0.03 * rng.normal(size=len(rows))

    settings = -np.log(rows["width"]) / 2 - rows["depth"] / 10 - rows["epochs"] / 5
    hidden = noise()
    metrics = {name: settings + noise() for name in ("nc1_cdnv", "nc2_cos_std", "nc4_agreement")}
    metrics["nc3_cos_mean"] = 2 * settings + np.sqrt(link) * hidden + np.sqrt(1 - link) * noise()
    outcomes = {"val_loss": 6 + settings + hidden, "val_accuracy": 0.3, "perplexity": 1.0}
    state = {"weight_decay": 0.1, "saved_epoch": rows["epochs"] - 1, "trained_epochs": rows["epochs"]}
    return rows.assign(**metrics, **outcomes, **state)


@pytest.mark.slow
def test_in_simulated_studies_chance_is_taken_for_a_finding_at_the_nominal_rate() -> None:
    rng = np.random.default_rng(0)
    found = [partial_correlations(simulated_study(rng)) for _ in range(500)]
    single = np.mean([table["partial_p"] < 0.05 for table in found])
    any_of_family = np.mean([(table["partial_p_holm"] < 0.05).any() for table in found])
    assert 0.03 < single < 0.07
    assert any_of_family < 0.07


@pytest.mark.slow
def test_in_simulated_studies_the_right_effect_is_found_and_covered() -> None:
    rng = np.random.default_rng(1)
    found = [partial_correlations(simulated_study(rng, link=0.81)) for _ in range(400)]
    strong = np.mean([table["partial_p_holm"]["nc3_cos_mean"] < 0.05 for table in found])
    wrong = np.mean([table["partial_p_holm"].drop("nc3_cos_mean") < 0.05 for table in found])
    ends = [table.loc["nc3_cos_mean", ["partial_low", "partial_high"]] for table in found]
    assert strong > 0.8
    assert wrong < 0.05
    assert 0.92 < np.mean([low <= 0.9 <= high for low, high in ends]) < 0.98


def test_settings_that_leave_no_freedom_leave_no_number() -> None:
    frame = table(4, width=[64, 128, 256, 512], nc1_cdnv=[4.0, 3.0, 2.5, 1.0])
    assert partial_correlations(frame).loc["nc1_cdnv", ["partial", "partial_p"]].isna().all()
