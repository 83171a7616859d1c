"""The study's main figure: metrics against validation loss, one point a model."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

from nc_hf.errors import StudyError
from nc_hf.report.figures.style import INK, SIZES, save_figure
from nc_hf.study.analysis.analyze import analyze
from nc_hf.study.analysis.figures.against_loss import loss_figure, panel_metrics
from tests.drawn import misplaced, panels, titles, words
from tests.figure_tables import TABLES
from tests.results import small_study

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return small_study()


@pytest.mark.slow
def test_the_four_panels_give_the_r2_of_the_table(frame: pd.DataFrame) -> None:
    figure = loss_figure(frame)
    *drawn, bar = panels(figure)
    assert [axes.get_ylabel().split("\n")[0] for axes in drawn] == panel_metrics(frame)
    table = analyze(frame, ["full"]).correlations
    cdnv, kernel = titles(figure)[:2]
    row = table.loc["nc1_cdnv"]
    assert "NC1" in cdnv
    assert "on the log" in cdnv
    assert f"{row['r2_log']:.2f}" in cdnv
    row = table.loc["gnc2_log_std"]
    assert f"= {row['r2']:.2f}  [{row['r2_low']:.2f}, {row['r2_high']:.2f}]" in kernel
    assert drawn[0].get_yscale() == "log"
    assert drawn[1].get_yscale() == "linear"
    assert "12 x depth" in bar.get_ylabel()


@pytest.mark.slow
def test_models_at_initialisation_are_left_out(frame: pd.DataFrame) -> None:
    start = frame[frame["epochs"] == 1].assign(saved_epoch=-1, trained_epochs=0, val_loss=11.0, nc4_agreement=0.0)
    both = loss_figure(pd.concat([frame, start], ignore_index=True))
    alone = loss_figure(frame)
    assert titles(both)[:4] == titles(alone)[:4]
    drawn = panels(both)[0].collections
    assert sum(len(points.get_offsets()) for points in drawn) == len(frame)
    assert panels(both)[0].get_xlim() == panels(alone)[0].get_xlim()
    only = loss_figure(start.assign(val_loss=11.0 + np.arange(len(start))))
    assert sum(len(points.get_offsets()) for points in panels(only)[0].collections) == len(start)
    said = ["not shown" in words(figure) for figure in (both, alone, only)]
    assert said == [True, False, False]


def test_two_trained_models_make_no_fit(frame: pd.DataFrame) -> None:
    table = frame.head(4).assign(trained_epochs=[0, 0, 1, 3], saved_epoch=[-1, -1, 0, 2])
    figure = loss_figure(table)
    assert all("\n2 models, no fit" in title for title in titles(figure)[:4])

    def fits(figure: Figure) -> list[int]:
        drawn = [axes.lines for axes in panels(figure)[:4]]
        return [sum(line.get_color() == INK and line.get_linestyle() == "--" for line in lines) for lines in drawn]

    assert fits(figure) == [0] * 4
    assert fits(loss_figure(frame)) == [1] * 4


def test_the_table_says_the_size_where_it_can(frame: pd.DataFrame) -> None:
    assert panels(loss_figure(frame.assign(parameters=10**6)))[-1].get_ylabel() == "parameters"


@pytest.mark.slow
def test_depths_differ_in_shape_and_sizes_in_lightness(frame: pd.DataFrame) -> None:
    first = panels(loss_figure(frame))[0]
    shapes = {points.get_paths()[0].vertices.tobytes() for points in first.collections}
    assert len(shapes) == frame["depth"].nunique()
    luminance = SIZES(np.linspace(0, 1, 20))[:, :3] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance) > 0).all()
    assert luminance[-1] < 0.75  # still visible on white


@pytest.mark.slow
def test_a_property_without_values_gives_way(frame: pd.DataFrame) -> None:
    without = frame.assign(nc1_cdnv=np.nan, nc1_cdnv_paper=frame["nc1_cdnv"])
    assert panel_metrics(without)[0] == "nc1_cdnv_paper"
    assert panel_metrics(frame.drop(columns="unc3_cos_std")) == ["nc1_cdnv", "gnc2_log_std", "nc4_agreement"]
    assert len(panels(loss_figure(frame.drop(columns="unc3_cos_std")))) == 3 + 1
    with pytest.raises(StudyError, match="none of NC1"):
        panel_metrics(frame[["val_loss"]])


@pytest.mark.slow
def test_files_are_the_same_each_time_and_the_style_stays_the_callers(frame: pd.DataFrame, tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    first = save_figure(loss_figure(frame), tmp_path / "a", "loss")
    second = save_figure(loss_figure(frame), tmp_path / "b", "loss")
    assert [path.name for path in first] == ["loss.png", "loss.svg"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert dict(matplotlib.rcParams) == before
    with Image.open(first[0]) as image:
        assert min(image.size) > 1000


def test_shares_of_tokens_stay_linear_however_far_they_reach(frame: pd.DataFrame) -> None:
    wide = frame.assign(nc4_agreement=np.geomspace(1e-4, 0.5, len(frame)))
    drawn = panels(loss_figure(wide, ["nc1_cdnv", "nc4_agreement"]))
    assert [axes.get_yscale() for axes in drawn[:2]] == ["log", "linear"]


@pytest.mark.parametrize("parameters", ["many", np.nan, 0])
def test_sizes_that_cannot_be_are_counted_anew(frame: pd.DataFrame, parameters: object) -> None:
    bar = panels(loss_figure(frame.assign(parameters=parameters)))[-1]
    assert "12 x depth" in bar.get_ylabel()


@pytest.mark.slow
@pytest.mark.parametrize("table", TABLES)
def test_any_table_is_drawn_with_nothing_cut_off_or_covered(table: str) -> None:
    frame = TABLES[table]
    figure = loss_figure(frame)
    assert misplaced(figure) == []
    names = panel_metrics(frame)
    drawn = panels(figure)[: len(names)]
    if not any("learning rate: " in title or "family: " in title for title in titles(figure)):  # no columns
        assert [axes.get_ylabel().split("\n")[0] for axes in drawn] == names


def test_extremes_are_all_inside_or_counted() -> None:
    frame = TABLES["extremes"]
    ratio, constant, infinite, both, nothing, _ = panels(loss_figure(frame))[:6]
    assert [axes.get_yscale() for axes in (ratio, constant, both)] == ["symlog", "linear", "symlog"]
    for axes in (ratio, constant, both):
        low, high = axes.get_ylim()
        values = np.concatenate([marks.get_offsets()[:, 1] for marks in axes.collections])
        assert len(values) == len(frame)
        assert ((values > low) & (values < high)).all()
    assert "constant" in constant.get_title(loc="left")
    assert "3 of 12 undefined" in infinite.get_title(loc="left").replace("\n", " ")
    assert nothing.get_title(loc="left").endswith("undefined throughout")


def test_a_third_setting_has_columns_each_with_its_own_fit() -> None:
    frame = TABLES["three axes"]
    figure = loss_figure(frame, ["nc3_cos_mean_centred"])
    assert [title.split("\n")[0] for title in titles(figure)] == [
        f"learning rate: {rate}" for rate in (0.001, 0.003, 0.01)
    ]
    for axes, rate in zip(panels(figure), (1e-3, 3e-3, 1e-2), strict=True):
        own = frame[frame["learning_rate"] == rate]
        r = np.corrcoef(own["val_loss"], own["nc3_cos_mean_centred"])[0, 1]
        assert f"$R^2$ = {r * r:.2f}" in axes.get_title(loc="left")
        losses = np.concatenate([marks.get_offsets()[:, 0] for marks in axes.collections])
        assert sorted(losses) == sorted(own["val_loss"])
    assert "not told apart: learning rate" in words(loss_figure(frame, columns=False)).replace("\n", " ")


def test_presets_choose_panels_too(frame: pd.DataFrame) -> None:
    figure = loss_figure(frame, ["core", "gnc2_log_std"])
    assert [axes.get_ylabel().split("\n")[0] for axes in panels(figure)[:-1]] == ["nc4_agreement", "gnc2_log_std"]
