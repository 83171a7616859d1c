"""Settings as they are written: every spelling gives the values that it gave in every version before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nc_hf.errors import StudyError
from nc_hf.study.preset import PRESETS, load_study
from nc_hf.study.settings import batch_of

CLASSES = "a share such as 0.001, top:N, a file with one token a line, ids, or all"
SMOKE = PRESETS / "smoke.yaml"
BEGUN = [json.loads(line) for line in Path(__file__).with_name("settings.jsonl").read_text().splitlines()]
"""What presets and command lines gave when settings had one value each but for five of them."""


@pytest.mark.parametrize("begun", BEGUN, ids=lambda begun: " ".join([begun["preset"], *begun["overrides"]]))
def test_a_setting_is_read_as_it_always_was(begun: dict[str, Any]) -> None:
    def plain(settings: dict[str, Any]) -> dict[str, Any]:
        """Leave out of extra what is the grid's own."""
        blocks = [{k: v for k, v in block.items() if v != settings[k]} for block in settings["extra"]]
        return settings | {"extra": blocks}

    found = json.loads(json.dumps(load_study(begun["preset"], begun["overrides"]).to_dict()))
    assert plain({name: found[name] for name in begun["settings"]}) == plain(begun["settings"])


@pytest.mark.parametrize(
    ("name", "given", "taken"),
    [
        ("seed", 3, (3,)),
        ("seed", (3, "4", 5.0), (3, 4, 5)),
        ("weight_decay", "5e-4, 0.1", (0.0005, 0.1)),
        ("learning_rate", 1, (1.0,)),
        ("learning_rate", "[1e-3, 2e-3]", (0.001, 0.002)),
        ("vocab_size", " 2e3 ", (2000,)),
        ("optimizer", "adamw_torch,sgd", ("adamw_torch", "sgd")),
        ("tied", "true,false", (True, False)),
        ("max_train_tokens", "none", (None,)),
        ("data_seed", [None, 7], (None, 7)),
        ("lr_scheduler", "null", ("null",)),  # text is text
        ("validation_corpus", "null", (None,)),  # unless a setting can be left open
        ("batch_size", {1: "4", "*": 2.0}, ({"1": 4, "*": 2},)),
        ("batch_size", "4,8", (4, 8)),
        ("expected_blocks", "null", None),
        ("expected_blocks", "[10, 2]", (10, 2)),
        ("initial", "off", False),
        ("states", {"2": 1}, {2: (1,)}),
        ("extra", None, ()),
        ("extra", "", ()),
        ("classes", "5e-4", 0.0005),
        ("classes", "top:50", "top:50"),
        ("classes", ["3", 5.0], (3, 5)),
        ("classes", [" the", "and"], (" the", "and")),
    ],
)
def test_a_value_takes_the_type_of_its_setting(name: str, given: object, taken: object) -> None:
    study = load_study(SMOKE, {name: given})
    found = study.axes[name] if name in study.axes else getattr(study, name)
    assert found == taken
    assert type(found) is type(taken)
    if isinstance(taken, tuple) and isinstance(found, tuple):
        assert [type(value) for value in found] == [type(value) for value in taken]


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("width", "wide", "'wide': give a whole number."),
        ("width", [32, None], "None: give a whole number."),
        ("width", True, "True: give a whole number."),
        ("weight_decay", "1,b", "'b': give a number."),
        ("tied", "perhaps", "'perhaps': give true or false."),
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
        ("zeta: 1\nalpha: 2\n", "setting 'alpha' of own.yaml is unknown: the settings are family, width, depth, "),
        ("1: 2\n", "setting '1' of own.yaml is unknown: the settings are family, "),
        ("widths: [1]\n", "setting 'widths' of own.yaml is unknown (did you mean width?): the settings are family, "),
        ("width: [1]\n", "setting 'depth' of own.yaml is missing: the settings are family, width, depth, "),
    ],
)
def test_a_setting_too_many_or_too_few_is_named(tmp_path: Path, text: str, said: str) -> None:
    preset = tmp_path / "own.yaml"
    preset.write_text(text)
    with pytest.raises(StudyError) as caught:
        load_study(preset)
    assert str(caught.value).startswith(said)
    assert str(caught.value).endswith(", save_steps, keep_states, expected_blocks, extra.")


def test_a_batch_without_a_rule_is_refused() -> None:
    assert batch_of({"02x*": 4, "*": 2}, width=64, depth=2) == 4
    with pytest.raises(StudyError, match="no entry for 01x0064: add"):
        batch_of({"02x*": 4}, width=64, depth=1)
    with pytest.raises(StudyError, match="give a number from 1"):
        batch_of({"*": 0}, width=64, depth=1)
