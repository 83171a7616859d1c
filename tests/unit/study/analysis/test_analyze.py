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


def test_what_a_table_lacks_is_said() -> None:
    frame = grid().assign(nc4_agreement=lambda rows: 1 / rows["val_loss"])
    notes = analyze(frame, resamples=0).notes
    assert any("no halves of the validation text" in note for note in notes)
    assert any("no standard errors" in note for note in notes)
    assert any(note.startswith("Nothing at equal loss") for note in notes)
    one = frame[(frame["width"] == 64) & (frame["depth"] == 1)]
    assert any("of 1 architecture, and" in note and "--cluster setting" in note for note in analyze(one).notes)
    assert not any("--cluster" in note for note in analyze(one, cluster="setting").notes)


def test_the_sentences_follow_the_tables() -> None:
    frame = grid().assign(nc4_agreement=lambda rows: 1 / rows["val_loss"], nc2_cos_std=0.5)
    found = analyze(frame, resamples=0)
    assert found.metrics == ("nc2_cos_std", "nc4_agreement")
    assert found.asked is None
    assert any(
        line.startswith("Along width") and "rising in every group, established: nc4" in line for line in found.verdicts
    )
    assert "Beyond the settings, nothing of it or of the loss is left: nc2_cos_std." in found.verdicts
