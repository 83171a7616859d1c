"""A cell: its settings in one form."""

from __future__ import annotations

from dataclasses import replace

from nc_hf.study.cell import TEXT, Cell, settings
from nc_hf.study.preset import load_study


def cell(**changes: object) -> Cell:
    return replace(load_study("smoke").cells[0], **changes)  # type: ignore[arg-type]


def test_what_comes_to_the_same_is_the_same_cell() -> None:
    assert cell(head="simplex", tied=True) == cell(head="simplex", tied=False) != cell()
    assert cell(added_loss="cdnv", added_weight=0) == cell(added_loss="none", added_weight=3) == cell()
    assert cell(data_seed=0) == cell(data_seed=None) != cell(data_seed=1)


def test_the_name_is_no_setting() -> None:
    assert cell(name="one") == cell(name="two")
    assert list(cell().settings) == [each.name for each in settings()]


def test_each_setting_is_told_in_words() -> None:
    assert all(each.metadata["words"] for each in settings())
    assert {"corpus", "vocab_size", "packing", "block_size"} < TEXT
    assert not {"width", "learning_rate", "seed"} & TEXT


def test_texts_and_beginnings_have_names_by_what_decides_them() -> None:
    one = cell()
    for change in ({"vocab_size": 99}, {"corpus": "x"}, {"packing": "paper"}, {"max_train_tokens": None}):
        assert cell(**change).text_key != one.text_key
        assert cell(**change).initial_key != one.initial_key
    for change in ({"seed": 1}, {"depth": 2}, {"family": "llama"}, {"tied": False}, {"head": "random"}):
        assert cell(**change).text_key == one.text_key
        assert cell(**change).initial_key != one.initial_key
    for change in ({"learning_rate": 1.0}, {"epochs": 9}, {"data_seed": 5}, {"dropout": 0.5}, {"optimizer": "sgd"}):
        assert cell(**change).initial_key == one.initial_key
