"""Settings as they are written: every spelling gives the settings that it gave when studies were begun with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nc_hf.errors import StudyError
from nc_hf.study.grid import load_study
from nc_hf.study.ledger import Ledger
from nc_hf.study.settings import AXES, TEXT, batch_of
from tests.paths import RECIPES

CLASSES = "a share such as 0.001, top:N, a file with one token a line, ids, or all"
PRESETS = RECIPES / "presets"
SMOKE = PRESETS / "smoke.yaml"
BEGUN = [json.loads(line) for line in Path(__file__).with_name("settings.jsonl").read_text().splitlines()]
"""What presets and command lines gave before: folders of studies hold it, byte for byte."""


@pytest.mark.parametrize("begun", BEGUN, ids=lambda begun: " ".join([begun["preset"], *begun["overrides"]]))
def test_a_study_that_was_begun_goes_on(tmp_path: Path, begun: dict[str, Any]) -> None:
    study = load_study(PRESETS / f"{begun['preset']}.yaml", begun["overrides"])
    assert json.dumps(study.to_dict()) == json.dumps(begun["settings"])
    Ledger(tmp_path, study)
    assert (tmp_path / "study.json").read_text() == json.dumps(begun["settings"], indent=2) + "\n"


@pytest.mark.parametrize(
    ("name", "given", "taken"),
    [
        ("seeds", 3, (3,)),
        ("seeds", (3, "4", 5.0), (3, 4, 5)),
        ("weight_decays", "5e-4", (0.0005,)),
        ("learning_rate", 1, 1.0),
        ("vocab_size", " 2e3 ", 2000),
        ("max_train_tokens", "none", None),
        ("expected_blocks", "null", None),
        ("initial", "off", False),
        ("lr_scheduler", "null", "null"),  # text is text
        ("batch_size", {1: "4", "*": 2.0}, {"1": 4, "*": 2}),
        ("states", {"2": 1}, {2: (1,)}),
        ("extra", None, ()),
        ("extra", "", ()),
        ("classes", "5e-4", 0.0005),
        ("classes", "top:50", "top:50"),
        ("classes", ["3", 5.0], (3, 5)),
        ("classes", [" the", "and"], (" the", "and")),
    ],
)
def test_a_value_takes_the_type_of_its_setting(tmp_path: Path, name: str, given: object, taken: object) -> None:
    preset = tmp_path / "own.yaml"
    preset.write_text(SMOKE.read_text())
    found = getattr(load_study(preset, {name: given}), name)
    assert found == taken
    assert type(found) is type(taken)


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("widths", "wide", "'wide': give whole numbers."),
        ("widths", [None], "[None]: give whole numbers."),
        ("widths", True, "True: give whole numbers."),
        ("weight_decays", "a,b", "'a,b': give numbers."),
        ("learning_rate", "1,2", "'1,2': give a number."),
        ("heads", "4.5", "4.5: give a whole number."),
        ("max_train_tokens", "", "None: give a whole number."),  # a forgotten value is not "all"
        ("max_train_tokens", "2024-01-01", "datetime.date(2024, 1, 1): give a whole number."),
        ("torch_compile", "1", "1: give true or false."),
        ("corpus", 5, "5: give text."),
        ("batch_size", "{a: [1", "'{a: [1': give a whole number, or whole numbers by model name."),
        ("batch_size", {"*": "x"}, "{'*': 'x'}: give a whole number, or whole numbers by model name."),
        ("states", "null", "None: give all, last, or lists of states by training length."),
        ("states", [1], "[1]: give all, last, or lists of states by training length."),
        ("classes", "null", f"None: give {CLASSES}."),
        ("classes", {"top": 5}, f"{{'top': 5}}: give {CLASSES}."),
        ("classes", [["the"]], f"[['the']]: give {CLASSES}."),
        ("extra", {"widths": [64]}, "{'widths': [64]}: give a list of axes."),
        ("extra", [{"widths": ["wide"]}], "[{'widths': ['wide']}]: give a list of axes."),
    ],
)
def test_a_value_of_another_type_is_refused_in_one_sentence(name: str, given: object, said: str) -> None:
    with pytest.raises(StudyError) as caught:
        load_study(SMOKE, {name: given})
    assert str(caught.value) == f"setting {name} is {said}"
    assert caught.value.__suppress_context__  # pydantic's lines are not shown


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("zeta: 1\nalpha: 2\n", "setting 'alpha' of own.yaml is unknown: the settings are widths, depths, epochs, "),
        ("1: 2\n", "setting '1' of own.yaml is unknown: the settings are widths, "),
        ("widths: [1]\n", "setting 'agreement_tokens' of own.yaml is missing: the settings are widths, depths, "),
    ],
)
def test_a_setting_too_many_or_too_few_is_named(tmp_path: Path, text: str, said: str) -> None:
    preset = tmp_path / "own.yaml"
    preset.write_text(text)
    with pytest.raises(StudyError) as caught:
        load_study(preset)
    assert str(caught.value).startswith(said)
    assert str(caught.value).endswith(", save_steps, keep_states, expected_blocks.")


def test_the_settings_that_are_named_apart_exist() -> None:
    study = load_study(SMOKE)
    assert all(hasattr(study, name) for name in (*AXES, *TEXT))


def test_a_batch_without_a_rule_is_refused() -> None:
    assert batch_of({"02x*": 4, "*": 2}, width=64, depth=2) == 4
    with pytest.raises(StudyError, match="no entry for 01x0064: add"):
        batch_of({"02x*": 4}, width=64, depth=1)
    with pytest.raises(StudyError, match="give a number from 1"):
        batch_of({"*": 0}, width=64, depth=1)
