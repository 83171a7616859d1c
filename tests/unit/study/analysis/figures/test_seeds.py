"""The figure of the seeds gives the tests."""

from __future__ import annotations

import numpy as np
import pytest

from nc_hf.metrics.table import PRESETS
from nc_hf.study.analysis.figures.seeds import seed_figure
from nc_hf.study.analysis.seeds import seed_test
from tests.drawn import misplaced, panels, titles
from tests.results import SEEDS, small_study, table

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.slow
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


@pytest.mark.slow
def test_tests_that_were_made_are_counted_where_not_all_are_shown() -> None:
    cell = table(6, **{name: np.random.default_rng(place).random(6) for place, name in enumerate(PRESETS["core"])})
    figure = seed_figure(cell, seed_test(cell))
    assert len(panels(figure)) == 7 + 1
    assert titles(figure)[-1] == "6 seeds, 7 of 8 tests"
    assert misplaced(figure) == []
