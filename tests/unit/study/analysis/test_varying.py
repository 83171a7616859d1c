"""What varies is found, controlled for, or named."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from nc_hf.study.analysis.analyze import analyze
from nc_hf.study.analysis.varying import examine, factor_design, number_design, rank
from tests.results import grid, table


def test_numbers_words_and_switches_are_found() -> None:
    frame = grid()
    frame = pd.concat([frame, frame.assign(optimizer="sgd"), frame.assign(tied=False)], ignore_index=True)
    frame = frame.fillna({"optimizer": "adamw"}).assign(tied=frame["tied"].isna(), heads=4, val_loss=1.0, nc1_cdnv=2.0)
    found = examine(frame)
    assert found.controlled == ("width", "depth", "trained_epochs", "weight_decay", "optimizer", "tied")
    assert found.redundant == {"epochs": "trained_epochs"}
    assert found.refused == {}
    assert found.held == ("heads",)
    assert found.lines(frame)[0].endswith("; optimizer adamw, sgd; tied False, True.")


def test_what_follows_from_another_setting_is_said_to() -> None:
    frame = grid().assign(heads=lambda rows: rows["width"] // 16, lr=lambda rows: rows["width"] * rows["depth"])
    found = examine(frame)
    assert found.redundant == {"epochs": "trained_epochs", "heads": "width"}
    assert "lr" in found.controlled  # it follows from the two, but not from the sum of their means


@pytest.mark.slow
def test_a_label_of_every_row_is_refused_by_name_and_nothing_beyond_it_is_shown() -> None:
    frame = grid().assign(nc1_cdnv=lambda rows: rows["val_loss"], rate=np.arange(36.0))
    found = examine(frame)
    assert list(found.refused) == ["rate"]
    assert "--ignore rate" in found.lines(frame)[2]
    analysis = analyze(frame, resamples=0)
    assert analysis.partial.empty
    assert analysis.sensitivity.empty
    assert any("rate cannot be controlled for" in note for note in analysis.notes)


def test_settings_that_take_all_freedom_are_refused() -> None:
    frame = table(8, width=[1, 2, 3, 4] * 2, depth=[1, 1, 2, 2, 3, 3, 4, 4], nc1_cdnv=1.0)
    found = examine(frame)
    assert found.controlled == ("width",)
    assert found.refused["depth"].startswith("leaves ")


def test_a_size_that_the_settings_do_not_tell_stands_for_a_setting() -> None:
    frame = grid().assign(classes_hash=lambda rows: rows["width"].map({64: "a", 128: "b", 256: "b"}))
    assert "classes_hash" not in examine(frame).controlled
    other = frame.assign(classes_hash="c", seed=1)
    assert examine(pd.concat([frame, other])).controlled[-1] == "classes_hash"


def test_seeds_are_repeats() -> None:
    found = examine(table(6))
    assert found.repeats == ("seed",)
    assert found.controlled == ()
    assert found.lines(table(6))[0] == "Repeats: seed 0, 1, 2, 3, 4, 5."


def test_designs_by_hand() -> None:
    frame = pd.DataFrame({"a": [1, 2, 4], "b": ["x", "y", "x"], "c": [0.0, 1.0, 2.0]})
    assert factor_design(frame, ["a", "b"]).tolist() == [[1, 0, 0, 0], [1, 1, 0, 1], [1, 0, 1, 0]]
    assert rank(factor_design(frame, ["a", "b"])) == 3
    scaled = np.array([-1.0, 0.0, 1.0]) * np.sqrt(1.5)
    for name in ("a", "c"):  # log 1, 2, 4 are as evenly spread as 0, 1, 2
        assert number_design(frame, [name])[:, 1] == pytest.approx(scaled)
        assert number_design(frame, [name])[:, 2] == pytest.approx(scaled**2)
    assert number_design(frame, ["b"]).tolist() == factor_design(frame, ["b"]).tolist()
