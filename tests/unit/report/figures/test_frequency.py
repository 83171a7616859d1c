"""The figures of reports show the report's own numbers, name tokens as text, and look the same everywhere."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from nc_hf.errors import InputError
from nc_hf.report import MetricValue, Report
from nc_hf.report.figures import (
    agreement_figure,
    comparison_figure,
    cosine_figure,
    norms_figure,
    save_figure,
    trajectory_figure,
    variability_figure,
)
from nc_hf.report.figures.cosines import similar_together
from nc_hf.report.figures.parts import plain, shortened
from nc_hf.report.figures.style import DARK, LIGHT, Palette
from nc_hf.report.trajectory import Trajectory, TrajectoryPoint
from tests.paths import REFERENCES

OF_TOKENS = (variability_figure, agreement_figure, norms_figure, cosine_figure)


@pytest.fixture(scope="module")
def report() -> Report:
    return Report.load(REFERENCES / "report_2.json")


def trajectory(report: Report, revisions: list[str]) -> Trajectory:
    """States whose CDNV is 1, 1/2, 1/3, ... and whose loss is 3, 2, 1.67, ..."""
    points = []
    for place, revision in enumerate(revisions):
        metrics = {**report.metrics, "nc1_cdnv": MetricValue(1 / (place + 1), 0.01)}
        points.append(TrajectoryPoint(revision, "c", replace(report, metrics=metrics, loss=1 + 2 / (place + 1))))
    return Trajectory("owner/model", points)


def panel(figure: Figure, label: str, axis: str = "y") -> Axes:
    """The panel whose axis begins with this label."""
    (axes,) = [a for a in figure.axes if a.get_visible() and getattr(a, f"get_{axis}label")().startswith(label)]
    return axes


def levels(axes: Axes) -> list[tuple[float, float]]:
    """Middle (in counts) and height of every level that is drawn."""
    lines = [line for line in axes.lines if line.get_linewidth() > 2]
    return [(math.sqrt(math.prod(line.get_xdata())), line.get_ydata()[0]) for line in lines]


def words(figure: Figure) -> str:
    return " ".join(text.get_text() for text in figure.findobj(matplotlib.text.Text))


class TestTokens:
    def test_every_token_is_a_point(self, report: Report) -> None:
        assert report.token_table is not None
        columns = report.token_table.columns
        for axes, values in (
            (variability_figure(report).axes[0], columns.variability),
            (norms_figure(report).axes[0], columns.norm),
            (norms_figure(report).axes[1], columns.duality),
        ):
            points = axes.collections[0].get_offsets()
            assert np.allclose(points, np.column_stack([columns.counts, values]))

    def test_every_used_bin_is_a_level_at_its_value(self, report: Report) -> None:
        used = [stratum for stratum in report.strata if stratum.used]
        drawn = levels(panel(variability_figure(report), "nc1_cdnv"))
        assert [height for _, height in drawn] == [stratum.metrics["nc1_cdnv"] for stratum in used]
        for (middle, _), stratum in zip(drawn, used, strict=True):
            assert stratum.low < middle < stratum.high

    def test_median_of_a_bin_is_that_of_its_points(self, report: Report) -> None:
        axes = norms_figure(report).axes[0]
        points = axes.collections[0].get_offsets()
        for middle, height in levels(axes):
            (stratum,) = [s for s in report.strata if s.low <= middle <= s.high]
            inside = (points[:, 0] >= stratum.low) & (points[:, 0] <= stratum.high)
            assert inside.sum() >= 3
            assert height == pytest.approx(np.median(np.ma.getdata(points)[inside, 1]))

    def test_agreement_has_a_level_for_rare_tokens_too_and_its_error(self, report: Report) -> None:
        axes = agreement_figure(report).axes[1]
        heights = [height for _, height in levels(axes)]
        assert heights == [stratum.metrics["nc4_agreement"] for stratum in report.strata]
        bars = axes.collections[0].get_segments()
        for bar, stratum in zip(bars, report.strata, strict=True):
            share = stratum.metrics["nc4_agreement"]
            error = math.sqrt(share * (1 - share) / stratum.agreement_tokens)
            assert np.ptp(bar[:, 1]) == pytest.approx(2 * error)

    def test_share_of_a_token_that_was_hardly_sampled_is_not_drawn(self, report: Report) -> None:
        assert report.token_table is not None
        columns = report.token_table.columns
        points = agreement_figure(report).axes[0].collections[0].get_offsets()
        drawn = [not hidden for hidden in np.ma.getmaskarray(points)[:, 1]]
        drawn = [shown and np.isfinite(y) for shown, y in zip(drawn, np.ma.getdata(points)[:, 1], strict=True)]
        assert drawn == [sampled >= 10 for sampled in columns.sampled]

    def test_cosines_are_those_of_the_named_tokens(self, report: Report) -> None:
        assert report.token_table is not None
        record = report.token_table.commonest
        axes = cosine_figure(report).axes[0]
        names = [tick.get_text() for tick in axes.get_yticklabels()]
        assert names == [tick.get_text() for tick in axes.get_xticklabels()]
        assert sorted(names) == sorted(record.texts)
        shown = axes.images[0].get_array()
        order = [record.texts.index(name) for name in names]
        expected = np.array(record.cosines)[np.ix_(order, order)]
        off_diagonal = ~np.eye(len(order), dtype=bool)
        assert np.array_equal(np.ma.getdata(shown)[off_diagonal], expected[off_diagonal])
        low, high = axes.images[0].get_clim()
        assert low == -high
        assert np.abs(expected[off_diagonal]).max() <= high

    def test_like_stands_beside_like(self) -> None:
        """Three groups of four directions, shuffled: every group comes out in one piece."""
        rng = np.random.default_rng(0)
        group = rng.permutation(np.repeat(np.arange(3), 4))
        vectors = np.eye(3)[group] + 0.1 * rng.normal(size=(12, 3))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        ordered = group[similar_together(vectors @ vectors.T)]
        assert np.count_nonzero(np.diff(ordered)) == 2

    def test_class_without_direction_is_left_out_of_the_cosines(self, report: Report) -> None:
        assert report.token_table is not None
        record = report.token_table.commonest
        cosines = [
            [math.nan if 1 in (i, j) else value for j, value in enumerate(row)] for i, row in enumerate(record.cosines)
        ]
        odd = replace(report, token_table=replace(report.token_table, commonest=replace(record, cosines=cosines)))
        names = [tick.get_text() for tick in cosine_figure(odd).axes[0].get_yticklabels()]
        assert sorted(names) == sorted(record.texts[:1] + record.texts[2:])

    @pytest.mark.parametrize("directions", [0, 1])
    def test_means_without_directions_have_no_cosines(self, report: Report, directions: int) -> None:
        """As of a model whose features do not depend on the text."""
        assert report.token_table is not None
        record = report.token_table.commonest
        cosines = np.full_like(record.cosines, math.nan)
        cosines[:directions, :directions] = 1.0
        bare = replace(record, cosines=cosines.tolist())
        flat = replace(report, token_table=replace(report.token_table, commonest=bare))
        with pytest.raises(InputError, match="fewer than two common tokens whose mean has a direction: measure on"):
            cosine_figure(flat)

    def test_cosines_that_are_all_zero_have_a_scale(self, report: Report, tmp_path: Path) -> None:
        assert report.token_table is not None
        record = report.token_table.commonest
        square = replace(record, cosines=np.eye(len(record.texts)).tolist())
        figure = cosine_figure(replace(report, token_table=replace(report.token_table, commonest=square)))
        assert figure.axes[0].images[0].get_clim() == (-0.1, 0.1)
        save_figure(figure, tmp_path, "cosines")

    def test_any_text_of_a_token_can_be_drawn(self, report: Report, tmp_path: Path) -> None:
        """What mathematics, escapes or a missing character would turn into something else, or an error."""
        assert report.token_table is not None
        table, odd = report.token_table, ["$x^2$", "$", "$$", "\\frac", "_{", "中文", "\\n", "%d", "&lt;", "<b>"]
        every = (odd * len(table.columns.texts))[: len(table.columns.texts)]
        for start in (0, 5):
            commonest = replace(table.commonest, texts=odd[start : start + 5])
            columns = replace(table.columns, texts=every[start:] + every[:start])
            strange = replace(report, token_table=replace(table, columns=columns, commonest=commonest))
            figure = cosine_figure(strange)
            save_figure(figure, tmp_path, "cosines")
            ticks = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
            assert sorted(ticks) == sorted(map(plain, odd[start : start + 5]))
            save_figure(norms_figure(strange), tmp_path, "norms")

    def test_a_character_that_the_font_lacks_is_written_as_its_code(self) -> None:
        assert plain("a中b␣") == "a\\u4e2db␣"

    @pytest.mark.parametrize("draw", OF_TOKENS)
    def test_older_report_says_to_measure_again(self, draw: Callable[[Report], Figure]) -> None:
        with pytest.raises(InputError, match="holds no single tokens: measure again"):
            draw(Report.load(REFERENCES / "report.json"))

    def test_report_without_the_metric_says_what_to_measure(self, report: Report) -> None:
        bare = replace(
            report,
            metrics={"nc2_cos_std": report.metrics["nc2_cos_std"]},
            strata=[replace(stratum, metrics={}) for stratum in report.strata],
        )
        with pytest.raises(InputError, match="no NC4: measure with"):
            agreement_figure(bare)
        with pytest.raises(InputError, match="no metric of NC1: measure with"):
            variability_figure(bare)


class TestTrajectory:
    def test_curve_follows_the_values_over_the_steps(self, report: Report) -> None:
        figure = trajectory_figure(trajectory(report, ["step1000", "step2000", "step3000"]))
        assert list(panel(figure, "nc1_cdnv").lines[0].get_xdata()) == [1000, 2000, 3000]
        assert list(panel(figure, "nc1_cdnv").lines[0].get_ydata()) == [1, 1 / 2, 1 / 3]
        assert panel(figure, "loss").lines[0].get_ydata()[-1] == pytest.approx(1 + 2 / 3)
        assert len([axes for axes in figure.axes if axes.get_visible()]) == 1 + len(report.metrics)

    def test_band_is_one_standard_error(self, report: Report) -> None:
        axes = panel(trajectory_figure(trajectory(report, ["step1", "step2"])), "nc1_cdnv")
        corners = axes.collections[0].get_paths()[0].vertices
        assert corners[:, 1].max() == pytest.approx(1.01)
        assert corners[:, 1].min() == pytest.approx(0.49)

    @pytest.mark.parametrize(("name", "lowest"), [("nc1_cdnv", 0.0), ("nc4_agreement", 0.0), ("gnc2_log_mean", -0.5)])
    def test_band_ends_where_a_quantity_does(self, report: Report, name: str, lowest: float) -> None:
        course = trajectory(report, ["step1", "step2"])
        points = [
            replace(each, report=replace(each.report, metrics={name: MetricValue(0.5, 1.0)})) for each in course.points
        ]
        axes = panel(trajectory_figure(replace(course, points=points)), name)
        heights = axes.collections[0].get_paths()[0].vertices[:, 1]
        assert (heights.min(), heights.max()) == (lowest, 1.5)

    def test_steps_over_decades_are_logarithmic_and_keep_zero(self, report: Report) -> None:
        steps = [0, 1, 10, 100, 1000]
        axes = panel(trajectory_figure(trajectory(report, [f"step{step}" for step in steps])), "nc4_agreement")
        assert axes.get_xscale() == "symlog"
        assert axes.get_xlim()[0] <= 0 < 1000 <= axes.get_xlim()[1]

    def test_names_without_steps_stand_in_order(self, report: Report) -> None:
        figure = trajectory_figure(trajectory(report, ["early", "late", "main"]))
        assert list(panel(figure, "nc1_cdnv").lines[0].get_xdata()) == [0, 1, 2]
        assert [tick.get_text() for tick in figure.axes[len(report.metrics)].get_xticklabels()] == [
            "early",
            "late",
            "main",
        ]

    @pytest.mark.parametrize(
        "names",
        [
            ["stage1-step1000-tokens4B", "stage1-step9000-tokens38B", "stage2-ingredient1-step1000-tokens5B", "main"],
            ["step1000", "step-1k", "step2000"],
            ["step3000", "step2000", "step1000"],
        ],
    )
    def test_steps_that_do_not_increase_stand_in_the_order_of_the_list(self, report: Report, names: list[str]) -> None:
        """The steps of a second stage begin anew; sorted by them, the stages would be mixed."""
        figure = trajectory_figure(trajectory(report, names))
        curve = panel(figure, "nc1_cdnv").lines[0]
        assert list(curve.get_xdata()) == list(range(len(names)))
        assert list(curve.get_ydata()) == [1 / (place + 1) for place in range(len(names))]
        labels = [tick.get_text() for tick in figure.axes[len(report.metrics)].get_xticklabels()]
        assert labels == [shortened(name, 24) for name in names]
        assert "not shown" not in words(figure)

    def test_a_name_without_a_step_among_steps_is_said_to_be_left_out(self, report: Report) -> None:
        figure = trajectory_figure(trajectory(report, ["step1", "step2", "main"]))
        assert list(panel(figure, "nc1_cdnv").lines[0].get_xdata()) == [1, 2]
        assert "not shown, for their names tell no step: main" in words(figure)

    def test_takes_two_states(self, report: Report) -> None:
        with pytest.raises(InputError, match="two saved states or more, not 1"):
            trajectory_figure(trajectory(report, ["main"]))


class TestComparison:
    def test_dots_lie_at_the_values_with_their_errors(self, report: Report) -> None:
        other = replace(report, metrics={**report.metrics, "nc1_cdnv": MetricValue(0.5, 0.25)})
        axes = panel(comparison_figure([report, other]), "nc1_cdnv", "x")
        dots = [line for line in axes.lines if line.get_marker() in "os"]
        assert [line.get_xdata()[0] for line in dots] == [report.metrics["nc1_cdnv"].value, 0.5]
        (_, bar) = axes.collections[0].get_segments()
        assert bar[:, 0].tolist() == [0.25, 0.75]
        filled = [to_rgb(line.get_markerfacecolor()) != to_rgb(LIGHT.paper) for line in dots]
        assert filled == [False, True]

    def test_metric_of_one_report_alone_has_no_panel(self, report: Report) -> None:
        figure = comparison_figure([report, replace(report, metrics={"nc1_cdnv": MetricValue(1.0)})])
        assert [axes.get_xlabel().split("\n")[0] for axes in figure.axes if axes.get_visible()] == ["nc1_cdnv"]

    def test_what_is_not_comparable_is_marked(self, report: Report) -> None:
        assert "not comparable" not in words(comparison_figure([report, report]))
        assert "not comparable as they are" in words(comparison_figure([report, replace(report, tokens=7)]))


def every_figure(report: Report, *, dark: bool) -> dict[str, Figure]:
    states = trajectory(report, ["step1", "step2"])
    figures = {draw.__name__: draw(report, dark=dark) for draw in OF_TOKENS}
    figures["trajectory"] = trajectory_figure(states, dark=dark)
    figures["comparison"] = comparison_figure([point.report for point in states.points], dark=dark)
    return figures


class TestLook:
    def test_file_is_the_same_twice(self, report: Report, tmp_path: Path) -> None:
        for folder in ("one", "two"):
            for draw in (variability_figure, cosine_figure):
                save_figure(draw(report, dark=True), tmp_path / folder, draw.__name__)
        for path in (tmp_path / "one").iterdir():
            assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
        with Image.open(tmp_path / "one" / "cosine_figure.png") as image:
            assert image.convert("RGB").getpixel((2, 2)) == tuple(round(255 * part) for part in to_rgb(DARK.paper))

    @pytest.mark.parametrize(("dark", "palette"), [(False, LIGHT), (True, DARK)])
    def test_paper_and_words_are_as_asked_for(self, report: Report, dark: bool, palette: Palette) -> None:
        for figure in every_figure(report, dark=dark).values():
            assert to_rgb(figure.get_facecolor()) == to_rgb(palette.paper)
            for axes in figure.axes:
                assert to_rgb(axes.yaxis.label.get_color()) != to_rgb(palette.paper)
                assert to_rgb(axes.get_facecolor()) == to_rgb(palette.paper)

    @pytest.mark.parametrize("palette", [LIGHT, DARK])
    def test_ink_and_accent_stand_out_in_grey(self, palette: Palette) -> None:
        """Contrast by WCAG 2: 3 to 1 for graphics."""

        def luminance(colour: str) -> float:
            parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(colour)]
            return float(np.dot(parts, (0.2126, 0.7152, 0.0722)))

        for colour in (palette.ink, palette.accent, palette.shade):
            bright, dim = sorted((luminance(colour), luminance(palette.paper)), reverse=True)
            assert (bright + 0.05) / (dim + 0.05) >= 3

    def test_style_of_the_caller_stays(self, report: Report) -> None:
        before = dict(matplotlib.rcParams)
        every_figure(report, dark=True)
        assert dict(matplotlib.rcParams) == before

    def test_model_and_text_are_named(self, report: Report) -> None:
        for figure in every_figure(report, dark=False).values():
            assert re.search(r"stories260K", words(figure))


def test_without_matplotlib_one_sentence_says_what_to_install() -> None:
    code = """
import sys
from importlib import util
find = util.find_spec
util.find_spec = lambda name, *rest: None if name == "matplotlib" else find(name, *rest)
from nc_hf.errors import NCError
try:
    import nc_hf.report.figures
except NCError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == "figures need matplotlib: pip install 'nc_hf[study]'.\n"
