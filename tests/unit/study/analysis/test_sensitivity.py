"""The answer beyond the settings under several models."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from nc_hf.study.analysis.partial import partial_correlations
from nc_hf.study.analysis.sensitivity import MODELS, sensitivity
from tests.results import grid


@pytest.fixture
def frame() -> pd.DataFrame:
    hidden, noise = np.random.default_rng(3).normal(size=(2, 36))
    settings = grid()
    return settings.assign(
        val_loss=settings["val_loss"] + 0.1 * hidden,
        nc1_cdnv=np.exp(settings["val_loss"] + 0.1 * hidden + 0.003 * noise),
        nc4_agreement=0.5 + 0.01 * np.random.default_rng(11).normal(size=36),
    )


def test_the_first_model_is_that_of_the_main_table(frame: pd.DataFrame) -> None:
    found, main = sensitivity(frame), partial_correlations(frame)
    assert found["factors"].tolist() == pytest.approx(main["partial"].tolist())
    assert found["factors_holm"].tolist() == pytest.approx(main["partial_p_holm"].tolist())
    assert set(MODELS) < set(found.columns)


def test_a_tie_that_holds_in_all_models_is_agreed_on(frame: pd.DataFrame) -> None:
    found = sensitivity(frame)
    assert found.loc["nc1_cdnv", "agree"] is True
    assert found.loc["nc4_agreement", "agree"] is True  # that there is none
    assert (found.loc["nc1_cdnv", ["factors", "numbers", "architectures", "logs", "ranks"]] > 0.8).all()


def test_models_by_hand(frame: pd.DataFrame) -> None:
    levels = [pd.get_dummies(frame[axis]).to_numpy(np.float64) for axis in ("width", "depth", "epochs", "weight_decay")]

    def rest(side: pd.Series, columns: list[np.ndarray]) -> np.ndarray:
        design = np.hstack(columns)
        return side - design @ np.linalg.lstsq(design, side, rcond=None)[0]

    found = sensitivity(frame).loc["nc1_cdnv"]
    x, y = frame["nc1_cdnv"], frame["val_loss"]
    shape = pd.get_dummies(frame["width"] * 100 + frame["depth"]).to_numpy(np.float64)
    assert found["logs"] == pytest.approx(np.corrcoef(rest(np.log(x), levels), rest(np.log(y), levels))[0, 1])
    assert found["ranks"] == pytest.approx(np.corrcoef(rest(x.rank(), levels), rest(y.rank(), levels))[0, 1])
    within = [shape, *levels[2:]]
    assert found["architectures"] == pytest.approx(np.corrcoef(rest(x, within), rest(y, within))[0, 1])


def test_a_row_that_is_all_error_counts_little(frame: pd.DataFrame) -> None:
    errors = np.full(36, 1e-3)
    spoiled = frame.assign(nc4_agreement=frame["val_loss"], nc4_agreement_stderr=errors)
    spoiled.loc[5, ["nc4_agreement", "nc4_agreement_stderr"]] = [40.0, 40.0]
    found = sensitivity(spoiled).loc["nc4_agreement"]
    assert found["factors"] < 0.5
    assert found["errors"] > found["factors"] + 0.1
    assert np.isnan(sensitivity(frame).loc["nc4_agreement", "errors"])


def test_an_answer_that_hangs_on_the_model_is_none() -> None:
    frame = grid()
    hidden = np.random.default_rng(4).normal(size=9)
    shape = frame.groupby(["width", "depth"]).ngroup().to_numpy()
    within = np.random.default_rng(5).normal(size=36)
    frame = frame.assign(val_loss=9 + hidden[shape] + 0.01 * within, nc1_cdnv=9 + hidden[shape] - 0.01 * within)
    found = sensitivity(frame).loc["nc1_cdnv"]
    assert found["factors"] > 0.9
    assert found["architectures"] < -0.9
    assert found["agree"] is False
