"""The options of a measurement are declared once, and every front end has those."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from nc_hf import NeuralCollapseCallback, measure, trajectory
from nc_hf.corpus.classes import SHARE
from nc_hf.errors import InputError
from nc_hf.measurement.options import OPTIONS, PASS_OPTIONS, MeasureOptions, complete, deciding, takes_options
from nc_hf.metrics.table import PRESETS


def test_every_option_is_said_to_help_with_its_default() -> None:
    for function in (measure, trajectory):
        shown = inspect.signature(function).parameters
        assert {name: shown[name].default for name in OPTIONS} == {name: each.default for name, each in OPTIONS.items()}
        assert "options" not in shown
        for name, option in OPTIONS.items():
            assert option.help[1:].removesuffix(".") in (function.__doc__ or "")
            assert all(choice in (function.__doc__ or "") for choice in option.choices)
            assert shown[name].annotation is not inspect.Parameter.empty


def test_the_callback_has_those_of_a_pass_with_defaults_of_its_own() -> None:
    shown = inspect.signature(NeuralCollapseCallback).parameters
    assert set(PASS_OPTIONS) <= set(shown)
    assert (shown["agreement_tokens"].default, shown["batch_size"].default) == (8_192, None)
    assert shown["classes"].default == OPTIONS["classes"].default == SHARE
    with pytest.raises(TypeError, match="no option 'dtype'"):
        NeuralCollapseCallback(dtype="float32")  # type: ignore[call-arg]  # the type checker refuses it too
    with pytest.raises(InputError, match="max_tokens is 0: pass 1 or more"):
        NeuralCollapseCallback("builtin", max_tokens=0)


def test_what_is_not_given_is_at_its_default() -> None:
    assert complete({}) == {name: option.default for name, option in OPTIONS.items()}
    assert complete({"max_tokens": None, "classes": 0.3}) == complete({}) | {"max_tokens": None, "classes": 0.3}
    assert complete({}, defaults={"batch_size": 2})["batch_size"] == 2
    assert complete({"batch_size": 4}, defaults={"batch_size": 2})["batch_size"] == 4


@pytest.mark.parametrize("name", [name for name, option in OPTIONS.items() if option.minimum is not None])
def test_a_number_that_cannot_be_meant_is_refused(name: str) -> None:
    least = OPTIONS[name].minimum
    assert least is not None
    complete({name: least})
    with pytest.raises(InputError, match=f"{name} is {least - 1}: pass {least} or more"):
        complete({name: least - 1})


@pytest.mark.parametrize("name", ["max_tokens", "seed", "batch_size"])
@pytest.mark.parametrize("value", [2000.5, "many", True])
def test_what_is_no_whole_number_is_refused(name: str, value: object) -> None:
    with pytest.raises(InputError, match=f"{name} is {value!r}: pass a whole number"):
        complete({name: value})


@pytest.mark.parametrize(
    ("classes", "taken"), [("top:5", "top:5"), ("all", "all"), (0.001, 0.001), ("1e-3", 0.001), ((5, 3), [3, 5])]
)
def test_every_way_to_say_which_classes_count_has_one_form(classes: Any, taken: object) -> None:
    assert complete({"classes": classes})["classes"] == taken


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        (10, "classes is 10: pass a share of the text between 0 and 1, .* top:10 for so many classes"),
        (0, "classes is 0: pass a share"),
        ("top:1", "classes is 'top:1': pass top: with a number from 2"),
        ([3, -1], "no token id: pass whole numbers from 0"),
        ("nowhere.txt", "classes is 'nowhere.txt', and there is no text file of that name"),
    ],
)
def test_classes_that_cannot_be_meant_are_refused(classes: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        complete({"classes": classes})


@pytest.mark.parametrize("name", [name for name, option in OPTIONS.items() if option.closed])
def test_what_is_none_of_the_choices_is_refused_before_anything_is_loaded(name: str) -> None:
    for choice in OPTIONS[name].choices:
        complete({name: choice})
    with pytest.raises(InputError, match=f"{name} is 'nope': pass {' or '.join(OPTIONS[name].choices)}"):
        complete({name: "nope"})


def test_what_the_callback_was_given_can_be_read_off_it() -> None:
    callback = NeuralCollapseCallback("builtin", "full", 2_000, classes="top:3", packing="paper", block_size=32)
    assert callback.own is not None
    assert (callback.preset, callback.own.max_tokens) == ("full", 2_000)
    assert callback.own.options == callback.options == {
        "classes": "top:3", "packing": "paper", "block_size": 32, "batch_size": None, "split": "validation",
        "tokenizer": None, "agreement_tokens": 8_192, "seed": 0,
    }  # fmt: skip


def test_a_misspelt_option_is_named_with_the_one_that_is_meant() -> None:
    with pytest.raises(TypeError, match="no option 'max_token' \\(did you mean max_tokens\\?\\)"):
        measure("nobody/nothing", max_token=5)  # type: ignore[call-arg]  # the type checker refuses it too


def test_only_what_decides_the_result_is_among_the_deciding() -> None:
    mine: MeasureOptions = {"classes": "top:4", "batch_size": 2, "device": "cpu", "progress": False, "token": "secret"}
    decided = deciding(mine)
    assert decided == deciding({"classes": "top:4"})
    assert decided["classes"] == "top:4"
    assert decided != deciding({})
    assert deciding({"seed": 1}) != deciding({})
    assert not decided.keys() & {"batch_size", "device", "progress", "token", "save_every", "max_bytes", "allow_local"}


def test_presets_are_those_of_the_table() -> None:
    assert OPTIONS["preset"].choices == tuple(PRESETS)


def test_a_function_without_a_place_for_them_keeps_its_docstring() -> None:
    def plain(**options: int) -> None:
        """Do nothing."""

    assert takes_options(("classes",))(plain).__doc__ == "Do nothing."
    assert list(inspect.signature(plain).parameters) == ["classes"]
