"""The figures say what the tables say, look the same everywhere, and leave the caller's style alone."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image
from typer.testing import CliRunner

from nc_hf.cli.study import app
from nc_hf.errors import StudyError
from nc_hf.report.figures.style import SIZES, label, save_figure
from nc_hf.study.analysis.against_loss import loss_figure, panel_metrics
from nc_hf.study.analysis.analyze import analyze
from nc_hf.study.analysis.figures import analysis_figures, seed_figure, training_figure, trend_figure
from nc_hf.study.analysis.seeds import seed_test

SEEDS = 4


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """A small study: 3 widths x 2 depths x 2 lengths, and more seeds of its first cell."""
    rows = list(product((64, 128, 256), (1, 2), (1, 3), (0,))) + [(64, 1, 1, seed) for seed in range(1, SEEDS)]
    table = pd.DataFrame(rows, columns=["width", "depth", "epochs", "seed"])
    noise = 1 + 0.02 * np.random.default_rng(0).random(len(table))
    loss = noise * (6 - np.log(table["width"]) / 2 - table["depth"] / 4 - table["epochs"] / 10)
    return table.assign(
        weight_decay=0.1,
        saved_epoch=table["epochs"] - 1,
        trained_epochs=table["epochs"],
        val_loss=loss,
        val_accuracy=0.3,
        perplexity=np.exp(loss),
        nc1_cdnv=np.exp(3 * loss) / 100,
        gnc2_log_std=loss / 10,
        unc3_cos_std=0.2 + noise / 100,
        nc4_agreement=1 / loss,
    )


def log(steps: int = 5) -> list[dict[str, Any]]:
    """What a Trainer logs: training losses between evaluations, and a summary at the end."""
    history: list[dict[str, Any]] = []
    for step in range(0, 100 * steps, 100):
        metrics = {"eval_nc1_cdnv": 100 / (1 + step), "eval_nc4_agreement": step / 1000}
        history += [{"loss": 3.0, "step": step + 50}, {"eval_loss": 4 - step / 500, "step": step, **metrics}]
    return [*history, {"train_runtime": 1.0, "step": 100 * steps}]


def visible(figure: Figure) -> list[Axes]:
    return [axes for axes in figure.axes if axes.get_visible()]


def titles(figure: Figure) -> list[str]:
    return [axes.get_title(loc="left") for axes in visible(figure)]


def test_the_four_panels_give_the_r2_of_the_table(frame: pd.DataFrame) -> None:
    figure = loss_figure(frame)
    *panels, bar = visible(figure)
    assert [axes.get_ylabel().split("\n")[0] for axes in panels] == panel_metrics(frame)
    table = analyze(frame, resamples=2000).correlations
    cdnv, kernel = titles(figure)[:2]
    row = table.loc["nc1_cdnv"]
    assert "NC1" in cdnv
    assert "on the log" in cdnv
    assert f"{row['r2_log']:.2f}" in cdnv
    row = table.loc["gnc2_log_std"]
    assert f"= {row['r2']:.2f}  [{row['r2_low']:.2f}, {row['r2_high']:.2f}]" in kernel
    assert panels[0].get_yscale() == "log"
    assert panels[1].get_yscale() == "linear"
    assert "12 x depth" in bar.get_ylabel()


def test_models_at_initialisation_are_left_out(frame: pd.DataFrame) -> None:
    start = frame[frame["epochs"] == 1].assign(saved_epoch=-1, trained_epochs=0, val_loss=11.0, nc4_agreement=0.0)
    both = loss_figure(pd.concat([frame, start], ignore_index=True))
    alone = loss_figure(frame)
    assert titles(both)[:4] == titles(alone)[:4]
    drawn = visible(both)[0].collections
    assert sum(len(points.get_offsets()) for points in drawn) == len(frame)
    assert visible(both)[0].get_xlim() == visible(alone)[0].get_xlim()
    only = loss_figure(start.assign(val_loss=11.0 + np.arange(len(start))))
    assert sum(len(points.get_offsets()) for points in visible(only)[0].collections) == len(start)
    words = [figure.legends[0].get_title().get_text() for figure in (both, alone, only)]
    assert words == ["layers (models at initialisation are not shown)", "layers", "layers"]


def test_two_trained_models_make_no_fit(frame: pd.DataFrame) -> None:
    table = frame.head(4).assign(trained_epochs=[0, 0, 1, 3], saved_epoch=[-1, -1, 0, 2])
    figure = loss_figure(table)
    assert all(title.endswith("\nfewer than three trained models") for title in titles(figure)[:4])
    assert not any(axes.lines for axes in visible(figure)[:4])


def test_the_table_says_the_size_where_it_can(frame: pd.DataFrame) -> None:
    assert visible(loss_figure(frame.assign(parameters=10**6)))[-1].get_ylabel() == "parameters"


def test_axes_tell_the_direction_of_collapse() -> None:
    assert label("nc1_cdnv") == "nc1_cdnv\n(lower = more collapsed)"
    assert label("nc4_agreement") == "nc4_agreement\n(higher = more collapsed)"
    assert label("nc2_cos_cov_paper") == "nc2_cos_cov_paper"
    assert label("val_loss") == "validation loss (nats per token)"


def test_depths_differ_in_shape_and_sizes_in_lightness(frame: pd.DataFrame) -> None:
    first = visible(loss_figure(frame))[0]
    shapes = {points.get_paths()[0].vertices.tobytes() for points in first.collections}
    assert len(shapes) == frame["depth"].nunique()
    luminance = SIZES(np.linspace(0, 1, 20))[:, :3] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance) > 0).all()
    assert luminance[-1] < 0.75  # still visible on white


def test_a_property_without_values_gives_way(frame: pd.DataFrame) -> None:
    without = frame.assign(nc1_cdnv=np.nan, nc1_cdnv_paper=frame["nc1_cdnv"])
    assert panel_metrics(without)[0] == "nc1_cdnv_paper"
    assert panel_metrics(frame.drop(columns="unc3_cos_std")) == ["nc1_cdnv", "gnc2_log_std", "nc4_agreement"]
    assert len(visible(loss_figure(frame.drop(columns="unc3_cos_std")))) == 3 + 1
    with pytest.raises(StudyError, match="none of NC1"):
        panel_metrics(frame[["val_loss"]])


def test_trends_count_their_groups(frame: pd.DataFrame) -> None:
    figure = trend_figure(frame)
    assert len(visible(figure)) == 4 * 3
    assert titles(figure)[:3] == ["falls in 4 of 4", "falls in 6 of 6", "falls in 6 of 6"]
    assert titles(figure)[9:] == ["rises in 4 of 4", "rises in 6 of 6", "rises in 6 of 6"]
    first = visible(figure)[0]
    assert all(line.get_ydata()[0] == 1 for line in first.lines)
    assert list(first.get_xticks()) == [64, 128, 256]


def test_trends_from_initialisation_start_at_zero(frame: pd.DataFrame) -> None:
    initial = frame.assign(saved_epoch=-1, trained_epochs=0, nc1_cdnv=100.0, val_loss=8.0)
    last = visible(trend_figure(pd.concat([frame, initial]), ["nc1_cdnv"]))[-1]
    assert last.get_xscale() == "linear"
    assert last.get_xticks()[0] == 0


def test_crowded_ticks_go_without_numbers(frame: pd.DataFrame) -> None:
    wide = frame.assign(width=frame["width"].map({64: 64, 128: 1000, 256: 1024}))
    figure = trend_figure(wide, ["nc1_cdnv"])
    assert [text.get_text() for text in visible(figure)[0].get_xticklabels()] == ["64", "", "1024"]


def test_no_trend_without_a_second_setting(frame: pd.DataFrame) -> None:
    with pytest.raises(StudyError, match="one setting alone"):
        trend_figure(frame[frame["seed"] > 0])


def test_the_seed_panel_gives_the_tests(frame: pd.DataFrame) -> None:
    cell = frame[(frame["width"] == 64) & (frame["depth"] == 1) & (frame["epochs"] == 1)]
    test = seed_test(cell)
    *panels, tests = visible(seed_figure(cell, test))
    assert len(panels) == len(test)
    first = test.loc["nc4_agreement"]  # the one of Table 1
    assert panels[0].get_title(loc="left") == f"$R^2$ = {first['r2']:.3f}   p = {first['p']:.2g}"
    assert tests.get_title(loc="left") == f"{SEEDS} seeds, {len(test)} tests"


def test_a_curve_for_the_loss_and_each_metric() -> None:
    panels = visible(training_figure(log()))
    assert [axes.get_ylabel().split("\n")[0] for axes in panels] == ["evaluation loss", "nc1_cdnv", "nc4_agreement"]
    assert panels[0].lines[0].get_xdata().tolist() == [0, 100, 200, 300, 400]
    assert panels[0].lines[0].get_ydata().tolist() == pytest.approx([4, 3.8, 3.6, 3.4, 3.2])
    assert panels[1].get_yscale() == "log"
    assert len(visible(training_figure(log(), ["nc4_agreement"]))) == 2


@pytest.mark.parametrize(
    ("history", "metrics", "message"),
    [
        ([], None, "holds no evaluation"),
        ([{"loss": 1.0, "step": 1}], None, "holds no evaluation"),
        ([{"eval_loss": 1.0, "step": 1}], None, "holds no metric"),
        (log(), ["nc2_cos_std"], "holds no nc2_cos_std"),
    ],
)
def test_logs_without_a_curve(history: list[dict[str, Any]], metrics: list[str] | None, message: str) -> None:
    with pytest.raises(StudyError, match=message):
        training_figure(history, metrics)


def test_an_analysis_draws_what_it_has(frame: pd.DataFrame) -> None:
    assert set(analysis_figures(analyze(frame, resamples=0))) == {"loss", "trends", "seeds"}
    alone = frame[(frame["seed"] == 0) & (frame["depth"] == 1) & (frame["epochs"] == 1)]
    assert set(analysis_figures(analyze(alone, resamples=0))) == {"loss", "trends"}


def test_files_are_the_same_each_time_and_the_style_stays_the_callers(frame: pd.DataFrame, tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    first = save_figure(loss_figure(frame), tmp_path / "a", "loss")
    second = save_figure(loss_figure(frame), tmp_path / "b", "loss")
    assert [path.name for path in first] == ["loss.png", "loss.svg"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert dict(matplotlib.rcParams) == before
    with Image.open(first[0]) as image:
        assert min(image.size) > 1000


def test_the_command_draws_a_curve(tmp_path: Path) -> None:
    (tmp_path / "trainer_state.json").write_text(json.dumps({"log_history": log()}))
    run = CliRunner().invoke(app, ["curve", str(tmp_path / "trainer_state.json"), "--figures", str(tmp_path / "drawn")])
    assert run.exit_code == 0, run.output
    assert {path.name for path in (tmp_path / "drawn").iterdir()} == {"training.png", "training.svg"}


def test_shares_of_tokens_stay_linear_however_far_they_reach(frame: pd.DataFrame) -> None:
    wide = frame.assign(nc4_agreement=np.geomspace(1e-4, 0.5, len(frame)))
    panels = visible(loss_figure(wide, ["nc1_cdnv", "nc4_agreement"]))
    assert [axes.get_yscale() for axes in panels[:2]] == ["log", "linear"]


@pytest.mark.parametrize("history", [5, [5], [{"step": 1, "eval_loss": "x", "eval_nc1_cdnv": 1.0}], [[]]])
def test_a_log_that_is_none_is_refused(history: object, tmp_path: Path) -> None:
    (tmp_path / "trainer_state.json").write_text(json.dumps({"log_history": history}))
    run = CliRunner().invoke(app, ["curve", str(tmp_path / "trainer_state.json"), "--figures", str(tmp_path / "drawn")])
    assert isinstance(run.exception, StudyError)
    assert not (tmp_path / "drawn").exists()


@pytest.mark.parametrize("parameters", ["many", np.nan, 0])
def test_sizes_that_cannot_be_are_counted_anew(frame: pd.DataFrame, parameters: object) -> None:
    bar = visible(loss_figure(frame.assign(parameters=parameters)))[-1]
    assert "12 x depth" in bar.get_ylabel()
