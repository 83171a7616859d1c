"""The analysis against tables whose truth is known."""

from __future__ import annotations

import json
from itertools import permutations, product
from math import factorial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from typer.testing import CliRunner

from nc_hf.cli.study import app
from nc_hf.errors import StudyError
from nc_hf.study.analysis.against_published import compare, setup_note
from nc_hf.study.analysis.analyze import analyze
from nc_hf.study.analysis.correlation import correlations, partial_correlations, pearson, with_interval
from nc_hf.study.analysis.published import SETUP
from nc_hf.study.analysis.results import read_results, trained
from nc_hf.study.analysis.seeds import benjamini_hochberg, holm, permutation_p, seed_cell, seed_spread, seed_test
from nc_hf.study.analysis.trends import trends


def table(n: int, seed: int = 0, **columns: object) -> pd.DataFrame:
    """Rows of one cell from n seeds, with random losses unless they are given."""
    rng = np.random.default_rng(seed)
    loss = 2 + rng.random(n)
    settings = {"width": 64, "depth": 2, "epochs": 1, "weight_decay": 0.1, "seed": range(n), "saved_epoch": 0}
    outcomes = {"val_loss": loss, "val_accuracy": 0.3, "perplexity": np.exp(loss), "trained_epochs": 1}
    return pd.DataFrame(settings | outcomes | columns)


def grid(seed: int = 0) -> pd.DataFrame:
    """A grid of 3 widths x 3 depths x 2 lengths x 2 decays, whose loss falls along each."""
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame(
        product((64, 128, 256), (1, 2, 4), (1, 3), (5e-4, 0.1)), columns=["width", "depth", "epochs", "weight_decay"]
    )
    loss = (
        6 - np.log(rows["width"]) / 2 - np.log(rows["depth"]) / 4 - rows["epochs"] / 10 + 0.02 * rng.random(len(rows))
    )
    return rows.assign(
        seed=0,
        saved_epoch=rows["epochs"] - 1,
        trained_epochs=rows["epochs"],
        val_loss=loss,
        val_accuracy=0.3,
        perplexity=np.exp(loss),
    )


# --- correlations ----------------------------------------------------------------------------------------------------


def test_correlations_agree_with_scipy() -> None:
    rng = np.random.default_rng(1)
    frame = table(30, nc1_cdnv=rng.lognormal(size=30))
    row = correlations(frame, resamples=0).loc["nc1_cdnv"]
    x, y = frame["nc1_cdnv"], frame["val_loss"]
    assert row["n"] == 30
    assert row["pearson"] == pytest.approx(stats.pearsonr(x, y).statistic)
    assert row["spearman"] == pytest.approx(stats.spearmanr(x, y).statistic)
    assert row["r2"] == pytest.approx(stats.linregress(x, y).rvalue ** 2)
    assert row["r2_log"] == pytest.approx(stats.linregress(np.log(x), y).rvalue ** 2)
    assert np.isnan(row["pearson_low"])


def test_an_exponential_metric_is_linear_on_the_log() -> None:
    frame = table(20)
    frame = frame.assign(nc1_cdnv=np.exp(8 * frame["val_loss"]), gnc2_log_mean=-np.exp(8 * frame["val_loss"]))
    rows = correlations(frame, resamples=0)
    assert rows["r2_log"].tolist() == pytest.approx([1, 1])  # on the log of the magnitude, whatever the sign
    assert rows.loc["nc1_cdnv", "r2"] < 0.95
    assert rows.loc["nc1_cdnv", "spearman"] == pytest.approx(1)
    assert rows.loc["gnc2_log_mean", "spearman"] == pytest.approx(-1)


def test_no_log_where_the_sign_changes() -> None:
    row = correlations(table(10, nc3_cos_mean=np.linspace(-1, 1, 10)), resamples=200).loc["nc3_cos_mean"]
    assert np.isnan(row["r2_log"])
    assert np.isfinite(row["r2"])


def test_a_missing_value_costs_its_row_for_that_metric_alone() -> None:
    frame = table(12, nc1_cdnv=np.arange(12.0), nc4_agreement=np.arange(12.0))
    frame.loc[3, "nc1_cdnv"] = np.nan
    frame.loc[4, "nc1_cdnv"] = np.inf
    assert correlations(frame, resamples=0)["n"].to_dict() == {"nc1_cdnv": 10, "nc4_agreement": 12}


def test_a_constant_metric_has_no_correlation() -> None:
    row = correlations(table(12, nc1_cdnv=1.0)).loc["nc1_cdnv"]
    assert row[["pearson", "spearman", "r2", "r2_log"]].isna().all()


def test_bootstrap_intervals_cover_the_truth() -> None:
    truth, hits = 0.6, 0
    for trial in range(150):
        rng = np.random.default_rng(trial)
        x = rng.normal(size=40)
        y = truth * x + np.sqrt(1 - truth**2) * rng.normal(size=40)
        value, low, high = with_interval(pearson, x, y, 400, rng)
        assert low < value < high
        hits += low <= truth <= high
    # Nominally 142 of 150; 128 is five standard errors below, and 150 would mean intervals that are too wide.
    assert 0.85 * 150 <= hits < 150


def test_r2_of_unrelated_quantities_may_be_zero() -> None:
    row = correlations(table(50, nc1_cdnv=np.random.default_rng(5).random(50)), resamples=500).loc["nc1_cdnv"]
    assert row["r2_low"] == 0
    assert row["r2"] < row["r2_high"] == pytest.approx(max(row["pearson_low"] ** 2, row["pearson_high"] ** 2))


def test_intervals_are_the_same_for_the_same_seed_and_absent_for_few_rows() -> None:
    frame = table(20, nc1_cdnv=np.random.default_rng(2).random(20))
    pd.testing.assert_frame_equal(correlations(frame, seed=3), correlations(frame, seed=3))
    assert not correlations(frame, seed=3).equals(correlations(frame, seed=4))
    assert np.isnan(correlations(frame[:7]).loc["nc1_cdnv", "pearson_low"])


def test_two_rows_are_too_few() -> None:
    with pytest.raises(StudyError, match="needs three rows and the results have 2"):
        correlations(table(2, nc1_cdnv=[1.0, 2.0]))


# --- partial correlations --------------------------------------------------------------------------------------------


def test_what_only_the_settings_explain_is_taken_out() -> None:
    frame = grid()
    rng = np.random.default_rng(7)
    noise = 0.05 * rng.normal(size=len(frame))
    frame = frame.assign(nc1_cdnv=10 / frame["width"] ** 0.5 + 1 / frame["depth"] + noise)
    row = partial_correlations(frame).loc["nc1_cdnv"]
    assert correlations(frame, resamples=0).loc["nc1_cdnv", "pearson"] > 0.8
    assert row["partial_low"] < 0 < row["partial_high"]
    assert row["partial_p"] > 0.05
    assert row["df"] == len(frame) - 2 - (2 + 2 + 1 + 1)


def test_what_remains_beyond_the_settings_is_found() -> None:
    frame = grid()
    hidden = np.random.default_rng(8).normal(size=len(frame))
    frame = frame.assign(
        nc4_agreement=np.log(frame["width"]) + hidden, val_loss=5 + frame["val_loss"] - hidden, nc1_cdnv=-hidden
    )
    rows = partial_correlations(frame)
    assert rows.loc["nc4_agreement", "partial"] < -0.99
    assert rows.loc["nc1_cdnv", "partial"] > 0.99
    assert rows.loc["nc4_agreement", "partial_p"] < 1e-10


def test_partial_correlation_is_the_textbook_one() -> None:
    rng = np.random.default_rng(9)
    frame = table(25, width=np.where(np.arange(25) % 2, 64, 128), nc1_cdnv=rng.random(25))
    x, y, z = frame["nc1_cdnv"], frame["val_loss"], frame["width"]
    xy, xz, yz = x.corr(y), x.corr(z), y.corr(z)
    expected = (xy - xz * yz) / np.sqrt((1 - xz**2) * (1 - yz**2))
    row = partial_correlations(frame).loc["nc1_cdnv"]
    t = expected * np.sqrt(22 / (1 - expected**2))
    assert row["partial"] == pytest.approx(expected)
    assert row["df"] == 22
    assert row["partial_p"] == pytest.approx(2 * stats.t.sf(abs(t), 22))
    ends = np.tanh(np.arctanh(expected) + np.array([-1.959964, 1.959964]) / np.sqrt(25 - 3 - 1))
    assert row[["partial_low", "partial_high"]].tolist() == pytest.approx(ends.tolist(), abs=1e-6)


def test_settings_that_leave_no_freedom_leave_no_number() -> None:
    frame = table(4, width=[64, 128, 256, 512], nc1_cdnv=[4.0, 3.0, 2.5, 1.0])
    assert partial_correlations(frame).loc["nc1_cdnv", ["partial", "partial_p"]].isna().all()


# --- trends ----------------------------------------------------------------------------------------------------------


def test_trends_count_groups_by_rank_sign() -> None:
    frame = grid().assign(nc1_cdnv=lambda rows: 1 / rows["width"], nc4_agreement=lambda rows: rows["depth"] * 1.0)
    bump = (frame["depth"] == 1) & (frame["epochs"] == 1) & (frame["weight_decay"] == 0.1)
    frame.loc[bump & (frame["width"] == 256), "nc1_cdnv"] = 1 / 100  # still the trend, no longer in order
    found = trends(frame).set_index(["metric", "axis"])
    width = found.loc[("nc1_cdnv", "width")]
    assert width["groups"] == 3 * 2 * 2
    assert (width["falling"], width["rising"]) == (1, 0)
    assert width["monotone"] == pytest.approx(11 / 12)
    assert width["median_ratio"] == pytest.approx(1 / 4)
    depth = found.loc[("nc4_agreement", "depth")]
    assert (depth["rising"], depth["monotone"], depth["median_ratio"]) == (1, 1, 4)
    flat = found.loc[("nc4_agreement", "width")]
    assert (flat["rising"], flat["falling"], flat["median_ratio"]) == (0, 0, 1)
    assert found.loc[("val_loss", "trained_epochs"), "falling"] == 1


def test_seeds_and_schedules_are_not_mixed_into_a_trend() -> None:
    two_seeds = pd.concat([grid().assign(nc1_cdnv=1.0), grid().assign(nc1_cdnv=5.0, seed=1)])
    found = trends(two_seeds, ["nc1_cdnv"], axes=["width"]).set_index("metric").loc["nc1_cdnv"]
    assert found["groups"] == 24
    assert found["median_ratio"] == 1


def test_a_table_without_any_comparison_has_no_trend() -> None:
    assert trends(table(5, nc1_cdnv=1.0)).empty


# --- seeds -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [3, 4, 5, 6])
def test_small_tests_are_full_enumerations(n: int) -> None:
    rng = np.random.default_rng(n)
    x, y = rng.random(n), rng.random(n)
    strengths = [abs(stats.pearsonr(x, shuffled).statistic) for shuffled in permutations(y)]
    expected = np.mean([strength >= abs(stats.pearsonr(x, y).statistic) - 1e-12 for strength in strengths])
    p, exact = permutation_p(x, y, factorial(n), seed=0)
    assert exact
    assert p == pytest.approx(expected)


def test_ties_count_as_equal_however_they_are_summed() -> None:
    x = np.array([0.1, 0.2, 0.3, 0.1, 0.2])
    y = np.array([0.3, 0.7, 0.9, 0.3, 0.7])
    p, exact = permutation_p(x, y, 1000, seed=0)
    assert exact
    assert p == pytest.approx(4 / 120)  # the two pairs of equals can be swapped without a change


def test_drawn_tests_come_near_the_exact_one_and_never_reach_zero() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.random(8), rng.random(8)
    exact, enumerated = permutation_p(x, y, factorial(8), seed=0)
    drawn, all_tried = permutation_p(x, y, 20_000, seed=0)
    assert enumerated
    assert not all_tried
    assert drawn == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 20_000))
    assert permutation_p(x, y, 20_000, seed=0)[0] == drawn
    assert permutation_p(x, y, 20_000, seed=1)[0] != drawn
    line = np.arange(12.0)
    assert permutation_p(line, line, 999, seed=0)[0] == pytest.approx(1 / 1000)


def test_p_is_uniform_where_nothing_goes_with_the_loss() -> None:
    rng = np.random.default_rng(11)
    p = [permutation_p(rng.normal(size=10), rng.normal(size=10), 499, seed=trial)[0] for trial in range(200)]
    assert stats.kstest(p, "uniform").pvalue > 0.001


def test_holm_by_hand() -> None:
    adjusted = holm(np.array([0.01, 0.04, 0.03, 0.005, 0.9]))
    assert adjusted.tolist() == pytest.approx([0.04, 0.09, 0.09, 0.025, 0.9])
    assert holm(np.array([0.6, 0.7])).tolist() == [1, 1]


def test_benjamini_hochberg_by_hand() -> None:
    adjusted = benjamini_hochberg(np.array([0.01, 0.04, 0.03, 0.005, 0.9]))
    assert adjusted.tolist() == pytest.approx([0.025, 0.05, 0.05, 0.025, 0.9])


def test_what_cannot_be_tested_is_no_member_of_the_family() -> None:
    frame = table(5, nc1_cdnv=[1.0, 5.0, 2.0, 4.0, 3.0], nc2_cos_std=1.0, nc4_agreement=[np.nan] * 3 + [1.0, 2.0])
    rows = seed_test(frame)
    assert rows.loc[["nc2_cos_std", "nc4_agreement"], ["p", "p_holm", "p_bh"]].isna().all(axis=None)
    assert rows.loc["nc1_cdnv", "p_holm"] == rows.loc["nc1_cdnv", "p"]
    assert rows.loc["nc1_cdnv", "exact"]


def test_the_cell_with_the_most_seeds_and_the_longest_training_is_tested() -> None:
    many = table(4, nc1_cdnv=1.0)
    later = many.assign(saved_epoch=2, epochs=3, trained_epochs=3)
    few = table(3, nc1_cdnv=1.0).assign(width=128, trained_epochs=9)
    cell = seed_cell(pd.concat([few, many, later]))
    assert len(cell) == 4
    assert (cell["trained_epochs"] == 3).all()


def test_fewer_than_three_seeds_are_refused() -> None:
    twice = pd.concat([table(2, nc1_cdnv=1.0)] * 3)  # six rows, two seeds
    with pytest.raises(StudyError, match="three seeds of one cell and there are 2"):
        seed_cell(twice)
    with pytest.raises(StudyError, match="three seeds"):
        seed_test(table(2, nc1_cdnv=[1.0, 2.0]))


def test_no_permutations_are_refused() -> None:
    with pytest.raises(StudyError, match="at least 1"):
        seed_test(table(4, nc1_cdnv=np.arange(4.0)), permutations=0)


def test_spread_is_that_of_a_sample() -> None:
    spread = seed_spread(table(3, val_loss=[1.0, 2.0, 3.0], gnc2_log_mean=[-1.0, -2.0, -3.0]))
    assert spread.loc["val_loss", ["mean", "std", "cov"]].tolist() == [2, 1, 0.5]
    assert spread.loc["gnc2_log_mean", "cov"] == 0.5


# --- reading, comparing, and the whole -------------------------------------------------------------------------------


def test_a_results_table_is_read_back(tmp_path: Path) -> None:
    grid().drop(columns="trained_epochs").assign(nc1_cdnv=1.0, cell="a").to_csv(tmp_path / "results.csv", index=False)
    frame = read_results(tmp_path / "results.csv")
    assert (frame["trained_epochs"] == frame["epochs"]).all()
    assert frame["cell"].eq("a").all()


def test_models_at_initialisation_can_be_left_out(tmp_path: Path) -> None:
    frame = pd.concat([table(3, nc1_cdnv=1.0), table(3, nc1_cdnv=9.0).assign(saved_epoch=-1)])
    frame.drop(columns="trained_epochs").to_csv(tmp_path / "results.csv", index=False)
    read = read_results(tmp_path / "results.csv")
    assert len(read) == 6
    assert trained(read)["nc1_cdnv"].tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.drop(columns=["val_loss", "seed"]), "lacks seed, val_loss"),
        (lambda rows: rows.drop(columns="nc1_cdnv"), "hold no metric"),
        (lambda rows: rows.assign(nc1_cdnv="high"), "column nc1_cdnv .* holds text on line 2 \\('high'\\): put"),
        (lambda rows: rows.assign(width="wide"), "column width .* holds text on line 2"),
        (lambda rows: rows.assign(val_loss=[1.0, np.nan, 2.0]), "no val_loss on line 3"),
        (lambda rows: rows.assign(val_loss=[1.0, np.inf, 2.0]), "no val_loss on line 3"),
        (lambda rows: rows[:0], "no rows"),
    ],
)
def test_tables_that_cannot_be_analysed(tmp_path: Path, change: object, message: str) -> None:
    assert callable(change)
    change(table(3, nc1_cdnv=1.0)).to_csv(tmp_path / "results.csv", index=False)
    with pytest.raises(StudyError, match=message):
        read_results(tmp_path / "results.csv")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there is no file {path}: "),
        (b"", "{path} is empty: "),
        (b"\x89PNG\x00\xff", "{path} is not text in UTF-8: "),
        (b"width,depth\n64,2\n64,2,3\n", "{path} is not a table in CSV: "),
        (b"width,depth\n64,2,\n64,2,\n", "the rows of {path} have more fields than its header: "),
    ],
)
def test_files_that_are_no_table(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "results.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StudyError) as caught:
        read_results(path)
    assert str(caught.value) == said.format(path=path) + "give the results.csv of a study."


def test_a_folder_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(StudyError) as caught:
        read_results(tmp_path)
    assert str(caught.value) == f"{tmp_path} is a folder: give the results.csv of a study."


def test_a_metric_that_the_table_lacks_is_named() -> None:
    with pytest.raises(StudyError, match="no column nc4_agreement: choose from nc1_cdnv"):
        analyze(grid().assign(nc1_cdnv=1.0), ["nc4_agreement"])


def published_like() -> pd.DataFrame:
    """Four seeds of one cell, whose losses spread by 10 %, and a lone wider model."""
    seeds = table(4, val_loss=[1.8, 2.2, 1.8, 2.2], nc1_cdnv_paper=[9.0, 11.0, 9.0, 11.0])
    return pd.concat([seeds, seeds[:1].assign(width=128, val_loss=1.0, nc1_cdnv_paper=5.0)], ignore_index=True)


def test_cells_are_held_against_those_of_the_same_settings() -> None:
    tolerance = np.std([9, 11, 9, 11], ddof=1) / 10
    mine = table(1, weight_decay=1e-1, nc1_cdnv_paper=13.0, val_loss=2.0)
    wider = table(1, width=128.0, nc1_cdnv_paper=6.0, val_loss=1.0)
    other = table(1, width=96, nc1_cdnv_paper=6.0)
    rows = compare(pd.concat([mine, wider, other]), published_like()).set_index(["width", "metric"])
    cdnv = rows.xs("nc1_cdnv_paper", level="metric")
    assert cdnv["models"].tolist() == [4, 1]
    assert cdnv["published"].tolist() == [10, 5]
    assert cdnv["ratio"].tolist() == pytest.approx([1.3, 1.2])
    assert cdnv["tolerance"].tolist() == pytest.approx([tolerance] * 2)
    expected = [3 / (tolerance * 10 * np.sqrt(1.25)), 1 / (tolerance * 5 * np.sqrt(2))]
    assert cdnv["deviation"].tolist() == pytest.approx(expected)
    assert cdnv["within"].tolist() == [False, True]
    assert rows.loc[(64, "val_loss"), "deviation"] == pytest.approx(0)


def test_what_else_differs_from_the_published_setup_is_named() -> None:
    same = {name: 16 if isinstance(value, dict) else value for name, value in SETUP.items()}
    mine, published = table(2, nc1_cdnv_paper=13.0, **same), published_like()
    assert setup_note(mine, published) == "Every other setting is as published."
    other = mine.assign(heads=[4, 16], block_size=256.0, batch_size=4, corpus="stories/a.txt", min_count=[np.nan, 1])
    beside = table(1, width=96, nc1_cdnv_paper=1.0, window=7)  # a cell that was not published
    assert setup_note(pd.concat([other, beside]).drop(columns="packing"), published) == (
        "Not as published: corpus stories/a.txt (published: tinystories); block_size 256 (published: 2,048); "
        "heads 4 (published: 16); batch_size 4 (published: 16). "
        "Unknown, since the table does not tell: packing, min_count."
    )


def test_nothing_to_compare_is_said() -> None:
    with pytest.raises(StudyError, match="choose width from 64, 128"):
        compare(table(3, width=96, nc1_cdnv_paper=1.0), published_like())
    with pytest.raises(StudyError, match="preset paper or full"):
        compare(table(3, nc1_cdnv=1.0), published_like())


def test_a_table_without_seeds_is_analysed_with_a_note() -> None:
    frame = grid().assign(nc1_cdnv=lambda rows: np.exp(rows["val_loss"]))
    found = analyze(frame, resamples=100)
    assert found.seeds is None
    assert found.note
    assert "three seeds" in found.note
    assert found.correlations.loc["nc1_cdnv", "r2_log"] == pytest.approx(1)
    with pytest.raises(StudyError, match="three seeds"):
        analyze(frame, resamples=0, require_seeds=True)


# --- the command -----------------------------------------------------------------------------------------------------


def test_analyze_prints_json(tmp_path: Path) -> None:
    frame = pd.concat([grid(), grid()[:1].assign(seed=1), grid()[:1].assign(seed=2)])
    frame = frame.assign(nc1_cdnv=1 / np.arange(1, len(frame) + 1), nc4_agreement=0.5)
    frame.to_csv(tmp_path / "results.csv", index=False)
    run = CliRunner().invoke(app, ["analyze", str(tmp_path / "results.csv"), "--json", "--resamples", "100"])
    assert run.exit_code == 0, run.output
    said = json.loads(run.stdout)
    assert {"correlations", "partial", "trends", "seeds", "spread"} <= set(said)
    constant = next(row for row in said["correlations"] if row["metric"] == "nc4_agreement")
    assert constant["pearson"] is None
    assert next(row for row in said["seeds"] if row["metric"] == "nc1_cdnv")["exact"] is True


def test_analyze_prints_tables_and_draws(tmp_path: Path) -> None:
    frame = grid().assign(nc1_cdnv=lambda rows: np.exp(rows["val_loss"]))
    frame.to_csv(tmp_path / "results.csv", index=False)
    run = CliRunner().invoke(
        app,
        ["analyze", str(tmp_path / "results.csv"), "--resamples", "50", "--figures", str(tmp_path / "drawn")],
        env={"COLUMNS": "30"},
    )
    assert run.exit_code == 0, run.output
    assert run.stdout.splitlines()[1].split() == ["metric", "n", "Pearson", "Spearman", "R²", "R²", "(log)"]
    assert run.stdout.splitlines()[2].startswith("nc1_cdnv  36  +")
    assert all(line == line.rstrip() for line in run.stdout.splitlines())
    assert "Along one setting" in run.stdout
    assert "three seeds" in run.stdout
    assert {path.name for path in (tmp_path / "drawn").iterdir()} == {
        "loss.png", "loss.svg", "trends.png", "trends.svg"
    }  # fmt: skip


def test_compare_and_published_print_tables(shared_data: Path, tmp_path: Path) -> None:
    folder = ["--published", str(shared_data / "published")]
    frame = table(1, width=64, depth=1, nc1_cdnv_paper=0.2)
    frame.to_csv(tmp_path / "results.csv", index=False)
    run = CliRunner().invoke(app, ["compare", str(tmp_path / "results.csv"), *folder, "--json"])
    assert run.exit_code == 0, run.output
    row = next(row for row in json.loads(run.stdout)["comparison"] if row["metric"] == "nc1_cdnv_paper")
    assert row["published"] == pytest.approx(0.2170268595218658)
    assert row["cell"] == "1 x 64, 1@0, decay 0.1, seed 0"
    run = CliRunner().invoke(app, ["compare", str(tmp_path / "results.csv"), *folder], env={"COLUMNS": "20"})
    lines = run.stdout.splitlines()
    assert lines.count("1 x 64, 1@0, decay 0.1, seed 0") == 1
    assert [line.split()[0] for line in lines if line.startswith("  ")] == [
        "val_loss", "val_accuracy", "perplexity", "nc1_cdnv_paper"
    ]  # fmt: skip
    assert lines[-1].startswith("Unknown, since the table does not tell: train_tokens, measured_tokens, corpus")
    run = CliRunner().invoke(app, ["published", *folder, "--permutations", "100"], env={"COLUMNS": "120"})
    assert run.exit_code == 0, run.output
    assert "0.490278" in run.stdout
    assert "x 0.736 and x 0.992" in run.stdout


def test_curve_needs_a_log(tmp_path: Path) -> None:
    (tmp_path / "trainer_state.json").write_text('{"epoch": 1}')
    run = CliRunner().invoke(app, ["curve", str(tmp_path / "trainer_state.json"), "--figures", str(tmp_path)])
    assert isinstance(run.exception, StudyError)
    assert "trainer_state.json of a checkpoint" in str(run.exception)
