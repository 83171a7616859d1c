"""The figure of the seeds gives the tests."""

from __future__ import annotations

import pytest

from nc_hf.study.analysis.figures.seeds import seed_figure
from nc_hf.study.analysis.seeds import seed_test
from tests.drawn import misplaced, panels, titles
from tests.results import SEEDS, small_study

pytestmark = pytest.mark.filterwarnings("error")


def test_the_seed_panel_gives_the_tests() -> None:
    frame = small_study()
    cell = frame[(frame["width"] == 64) & (frame["depth"] == 1) & (frame["epochs"] == 1)]
    test = seed_test(cell)
    figure = seed_figure(cell, test)
    *drawn, tests = panels(figure)
    assert len(drawn) == len(test)
    first = test.loc["nc4_agreement"]  # the one of Table 1
    assert titles(figure)[0] == f"$R^2$ = {first['r2']:.3f}   p = {first['p']:.2g}"
    assert tests.get_title(loc="left") == f"{SEEDS} seeds, {len(test)} tests"
    assert misplaced(figure) == []
