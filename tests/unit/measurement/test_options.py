"""The options of a measurement are declared once, and every front end has those."""

from __future__ import annotations

import inspect

import pytest

from nc_hf import NeuralCollapseCallback, measure, trajectory
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
    assert shown["min_count"].default == OPTIONS["min_count"].default
    with pytest.raises(TypeError, match="no option 'dtype'"):
        NeuralCollapseCallback(dtype="float32")  # type: ignore[call-arg]  # the type checker refuses it too
    with pytest.raises(InputError, match="max_tokens is 0: pass 1 or more"):
        NeuralCollapseCallback("builtin", max_tokens=0)


def test_what_is_not_given_is_at_its_default() -> None:
    assert complete({}) == {name: option.default for name, option in OPTIONS.items()}
    assert complete({"max_tokens": None, "min_count": 3}) == complete({}) | {"max_tokens": None, "min_count": 3}
    assert complete({}, defaults={"batch_size": 2})["batch_size"] == 2
    assert complete({"batch_size": 4}, defaults={"batch_size": 2})["batch_size"] == 4


@pytest.mark.parametrize("name", [name for name, option in OPTIONS.items() if option.minimum is not None])
def test_a_number_that_cannot_be_meant_is_refused(name: str) -> None:
    least = OPTIONS[name].minimum
    assert least is not None
    complete({name: least})
    with pytest.raises(InputError, match=f"{name} is {least - 1}: pass {least} or more"):
        complete({name: least - 1})


@pytest.mark.parametrize("name", ["max_tokens", "min_count", "batch_size"])
@pytest.mark.parametrize("value", [2000.5, "many", True])
def test_what_is_no_whole_number_is_refused(name: str, value: object) -> None:
    with pytest.raises(InputError, match=f"{name} is {value!r}: pass a whole number"):
        complete({name: value})


@pytest.mark.parametrize("name", [name for name, option in OPTIONS.items() if option.closed])
def test_what_is_none_of_the_choices_is_refused_before_anything_is_loaded(name: str) -> None:
    for choice in OPTIONS[name].choices:
        complete({name: choice})
    with pytest.raises(InputError, match=f"{name} is 'nope': pass {' or '.join(OPTIONS[name].choices)}"):
        complete({name: "nope"})


def test_what_the_callback_was_given_can_be_read_off_it() -> None:
    callback = NeuralCollapseCallback("builtin", "full", 2_000, min_count=3, packing="paper", block_size=32)
    assert (callback.preset, callback.max_tokens, callback.min_count) == ("full", 2_000, 3)
    assert (callback.packing, callback.block_size, callback.batch_size) == ("paper", 32, None)
    assert (callback.split, callback.tokenizer, callback.agreement_tokens) == ("validation", None, 8_192)


def test_a_misspelt_option_is_named_with_the_one_that_is_meant() -> None:
    with pytest.raises(TypeError, match="no option 'max_token': do you mean 'max_tokens'"):
        measure("nobody/nothing", max_token=5)  # type: ignore[call-arg]  # the type checker refuses it too


def test_only_what_decides_the_result_is_among_the_deciding() -> None:
    mine: MeasureOptions = {"min_count": 4, "batch_size": 2, "device": "cpu", "progress": False, "token": "secret"}
    decided = deciding(mine)
    assert decided == deciding({"min_count": 4})
    assert decided["min_count"] == 4
    assert decided != deciding({})
    assert not decided.keys() & {"batch_size", "device", "progress", "token", "save_every", "max_bytes", "allow_local"}


def test_presets_are_those_of_the_table() -> None:
    assert OPTIONS["preset"].choices == tuple(PRESETS)


def test_a_function_without_a_place_for_them_keeps_its_docstring() -> None:
    def plain(**options: int) -> None:
        """Do nothing."""

    assert takes_options(("min_count",))(plain).__doc__ == "Do nothing."
    assert list(inspect.signature(plain).parameters) == ["min_count"]
