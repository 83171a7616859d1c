"""The hours of a grid, from made-up rates, against the sum written out."""

from __future__ import annotations

from types import ModuleType

import pytest

from tests.paths import ROOT
from tests.scripts import load_script


@pytest.fixture(scope="module")
def cell_cost() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))  # where its neighbour timing.py is
        return load_script(ROOT / "benchmarks" / "cell_cost.py")


def operations(width: int, depth: int, vocabulary: int, block: int) -> int:
    """Of the matrix products of a forward pass, a token: two a weight, and the attention scores, twice."""
    queries_keys_values_output, mlp, head = 4 * width**2, 2 * 4 * width**2, vocabulary * width
    return 2 * (depth * (queries_keys_values_output + mlp) + head) + depth * 2 * (2 * block * width)


def test_hours_are_those_of_the_sum_over_cells(cell_cost: ModuleType) -> None:
    study = cell_cost.load_study(
        "paper",
        {"width": [64, 128], "depth": [1, 2], "epochs": [1, 10], "weight_decay": [0.1], "seed": [0]},
    )
    (reference,) = (cell for cell in study.cells if (cell.width, cell.depth, cell.epochs) == (128, 2, 1))
    rates = cell_cost.Rates(training=1000.0, measuring=4000.0, deciding=2000.0, pairing=5e6)
    own = operations(128, 2, 50_257, 2048)
    training = measuring = 0.0
    for width in (64, 128):
        for depth in (1, 2):
            work = operations(width, depth, 50_257, 2048) / own
            for epochs, states in ((1, 1), (10, 2)):
                training += epochs * 9000 * work / 1000
                measuring += states * (9000 * work / 4000 + 500 * work / 2000 + 100**2 * width / 5e6)
    found = cell_cost.grid_hours(study, reference, rates, train_tokens=9000, validation_tokens=500, classes=100)
    assert found == pytest.approx((training / 3600, measuring / 3600), rel=1e-12)


def test_the_published_grid_has_its_runs_and_models(cell_cost: ModuleType) -> None:
    study = cell_cost.load_study("paper")
    assert sum(map(study.count_states, study.cells)) == 230
    _, largest = cell_cost.one_cell("paper", 1024, 12, 50_257)
    rates = cell_cost.Rates(training=1.0, measuring=float("inf"), deciding=float("inf"), pairing=float("inf"))
    hours, _ = cell_cost.grid_hours(study, largest, rates, train_tokens=3600)
    own = operations(1024, 12, 50_257, 2048)
    epochs = 2 * (1 + 10) + 3  # of each architecture
    grid = sum(epochs * operations(w, d, 50_257, 2048) for w in study.axes["width"] for d in study.axes["depth"])
    assert hours == pytest.approx((grid + 20 * operations(768, 2, 50_257, 2048)) / own, rel=1e-12)
