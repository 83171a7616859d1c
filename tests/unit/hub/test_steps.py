"""The step of training as the name of a revision gives it."""

from __future__ import annotations

import pytest

from nc_hf.hub.steps import step_of


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("step143000", 143_000),
        ("step0", 0),
        ("stage1-step5000-tokens21B", 5_000),
        ("step-50K-105b", 50_000),
        ("step1.5M", 1_500_000),
        ("global_step100", 100),
        ("iter_0004000", 4_000),
        ("checkpoint-500", 500),
        ("step2.3M", 2_300_000),
        pytest.param("step" + "9" * 400, 10**400 - 1, id="digits beyond a float"),
        ("main", None),
        ("v2.0", None),
        ("step10b", None),
        ("stepfather", None),
    ],
)
def test_the_step_is_read_from_the_name(name: str, step: int | None) -> None:
    assert step_of(name) == step
