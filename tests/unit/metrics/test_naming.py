"""The names that a preset stands for, and what was meant by one that there is not."""

from __future__ import annotations

import pytest

from nc_hf.errors import InputError
from nc_hf.metrics.naming import metric_names
from nc_hf.metrics.table import METRICS, PRESETS


def test_a_preset_stands_for_its_names_and_a_list_for_itself() -> None:
    assert metric_names("core") == PRESETS["core"]
    assert metric_names("full") == tuple(METRICS)
    assert metric_names(["nc4_agreement", "nc1_cdnv"]) == ("nc4_agreement", "nc1_cdnv")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["nc1_cdvn"], r"^there is no metric 'nc1_cdvn' \(did you mean nc1_cdnv\?\): `nc-hf metrics` lists"),
        (["nc4_agreement", "entropy"], r"^there is no metric 'entropy': `nc-hf metrics` lists"),
        (
            "cor",
            r"^there is no preset 'cor' \(did you mean core\?\): choose core, paper, full, or pass a list",
        ),
        ("nc4_agreement", r"^there is no preset 'nc4_agreement': .* or pass a list of names\.$"),
    ],
)
def test_a_misspelt_name_is_asked_back(asked: str | list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        metric_names(asked)
