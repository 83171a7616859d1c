"""The whole of an analysis, with and without seeds."""

from __future__ import annotations

import numpy as np
import pytest

from nc_hf.errors import StudyError
from nc_hf.study.analysis.analyze import analyze
from tests.results import grid


def test_a_metric_that_the_table_lacks_is_named() -> None:
    with pytest.raises(StudyError, match="no column nc4_agreement: choose from nc1_cdnv"):
        analyze(grid().assign(nc1_cdnv=1.0), ["nc4_agreement"])


def test_a_table_without_seeds_is_analysed_with_a_note() -> None:
    frame = grid().assign(nc1_cdnv=lambda rows: np.exp(rows["val_loss"]))
    found = analyze(frame, resamples=100)
    assert found.seeds is None
    assert any("3 seeds" in note for note in found.notes)
    assert found.correlations.loc["nc1_cdnv", "r2_log"] == pytest.approx(1)
    with pytest.raises(StudyError, match="3 seeds"):
        analyze(frame, resamples=0, require_seeds=True)
