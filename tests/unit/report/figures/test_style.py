"""Every figure looks the same everywhere, on light and dark paper, and leaves the caller's style alone."""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from nc_hf.report import Report
from nc_hf.report.figures import comparison_figure, cosine_figure, save_figure, trajectory_figure, variability_figure
from nc_hf.report.figures.style import DARK, LIGHT, Palette, label, level_ticks
from tests.drawn import OF_TOKENS, trajectory, words


def every_figure(report: Report, *, dark: bool) -> dict[str, Figure]:
    states = trajectory(report, ["step1", "step2"])
    figures = {draw.__name__: draw(report, dark=dark) for draw in OF_TOKENS}
    figures["trajectory"] = trajectory_figure(states, dark=dark)
    figures["comparison"] = comparison_figure([point.report for point in states.points], dark=dark)
    return figures


class TestLook:
    @pytest.mark.slow
    def test_file_is_the_same_twice(self, report: Report, tmp_path: Path) -> None:
        for folder in ("one", "two"):
            for draw in (variability_figure, cosine_figure):
                save_figure(draw(report, dark=True), tmp_path / folder, draw.__name__)
        for path in (tmp_path / "one").iterdir():
            assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
        with Image.open(tmp_path / "one" / "cosine_figure.png") as image:
            assert image.convert("RGB").getpixel((2, 2)) == tuple(round(255 * part) for part in to_rgb(DARK.paper))

    @pytest.mark.slow
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

    @pytest.mark.slow
    def test_style_of_the_caller_stays(self, report: Report) -> None:
        before = dict(matplotlib.rcParams)
        every_figure(report, dark=True)
        assert dict(matplotlib.rcParams) == before

    @pytest.mark.slow
    def test_model_and_text_are_named(self, report: Report) -> None:
        for figure in every_figure(report, dark=False).values():
            assert re.search(r"stories260K", words(figure))


def test_axes_tell_the_direction_of_collapse() -> None:
    assert label("nc1_cdnv") == "nc1_cdnv\n(lower = more collapsed)"
    assert label("nc4_agreement") == "nc4_agreement\n(higher = more collapsed)"
    assert label("nc2_cos_cov_paper") == "nc2_cos_cov_paper"
    assert label("val_loss") == "validation loss (nats per token)"


def test_ticks_write_whole_levels_in_full_and_others_with_three_digits() -> None:
    axes = Figure().subplots()
    level_ticks(axes, np.array([0.487805, 2.60976, 1024.0]))
    assert [text.get_text() for text in axes.get_xticklabels()] == ["0.488", "2.61", "1024"]
