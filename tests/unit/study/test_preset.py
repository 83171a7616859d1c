"""Presets: where they are found, and what they refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from nc_hf.errors import StudyError
from nc_hf.study.preset import PRESETS, load_study, preset_path


def test_a_preset_is_a_name_or_a_file(tmp_path: Path) -> None:
    assert preset_path("mini") == PRESETS / "mini.yaml"
    own = tmp_path / "own.yaml"
    own.write_text((PRESETS / "mini.yaml").read_text())
    assert load_study(str(own)).to_dict() == load_study(own).to_dict() == load_study("mini").to_dict()


@pytest.mark.parametrize(
    ("content", "said"),
    [("width: [", "is not YAML"), ("- 1\n", "holds no settings"), ("", "holds no settings"), (b"\xff\xfe\x00", "YAML")],
)
def test_a_file_that_is_no_preset_is_refused(tmp_path: Path, content: str | bytes, said: str) -> None:
    own = tmp_path / "own.yaml"
    own.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(StudyError, match=said):
        load_study(own)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"there is no file .*own\.yaml: check the path"):
        load_study(tmp_path / "own.yaml")


def test_what_is_given_takes_the_place_of_what_is_written() -> None:
    study = load_study("smoke", {"width": ["8", "16"], "learning_rate": "0.01,0.1", "corpus": None})
    assert (study.axes["width"], study.axes["learning_rate"]) == ((8, 16), (0.01, 0.1))
    assert study.axes["corpus"] == ("builtin",)
    given = {"max_train_tokens": "null", "torch_compile": "true", "agreement_tokens": "1e4", "seed": "3,4"}
    study = load_study("smoke", given)
    assert (study.axes["max_train_tokens"], study.torch_compile, study.agreement_tokens) == ((None,), True, 10_000)
    assert study.axes["seed"] == (3, 4)
