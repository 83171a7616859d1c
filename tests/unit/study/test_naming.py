"""Names of cells: each its own, whatever varies."""

from __future__ import annotations

from typing import Any

from nc_hf.study.naming import LONGEST, cell_names, slug

CELL: dict[str, Any] = {"width": 64, "depth": 2, "epochs": 3, "weight_decay": 0.0005, "seed": 0, "corpus": "a/b.txt"}


def names(*changes: dict[str, Any]) -> list[str]:
    return cell_names([CELL | change for change in changes])


def test_a_name_tells_the_five_and_what_else_varies() -> None:
    assert names({}) == ["02x0064_03_wd0.0005_s0"]
    assert names({"corpus": "x/one.txt"}, {"corpus": "x/two.txt"}) == [
        "02x0064_03_wd0.0005_s0_corpus-one.txt",
        "02x0064_03_wd0.0005_s0_corpus-two.txt",
    ]


def test_what_follows_from_what_is_told_is_not_told() -> None:
    found = names({"seed": 0, "data_seed": 0}, {"seed": 1, "data_seed": 1})
    assert found == ["02x0064_03_wd0.0005_s0", "02x0064_03_wd0.0005_s1"]
    apart = names({"seed": 0, "data_seed": 0}, {"seed": 0, "data_seed": 1})
    assert apart == ["02x0064_03_wd0.0005_s0_data_seed-0", "02x0064_03_wd0.0005_s0_data_seed-1"]


def test_values_that_are_written_alike_are_told_apart() -> None:
    for one, other in (({"weight_decay": 0.1}, {"weight_decay": 0.10000001}), ({"corpus": "x/a"}, {"corpus": "y/a"})):
        found = names(one, other)
        assert len(set(found)) == 2
        assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789.x_-") for name in found)


def test_a_name_stays_below_what_file_systems_take() -> None:
    several = [{f"a_long_setting_{number}": f"{value}{'y' * 30}" for number in range(9)} for value in range(3)]
    found = names(*several)
    assert len(set(found)) == 3
    assert all(len(name) <= LONGEST for name in found)


def test_no_letter_of_a_value_is_one_that_paths_have() -> None:
    assert slug("hub:some/set:config with spaces?") == "set-config-with-spaces"
    assert slug("../..") == "none"
    assert slug(None) == "None"
