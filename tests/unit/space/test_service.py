"""What the service refuses, and what it says of one commit under several names."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from nc_hf.errors import InputError
from nc_hf.report import Report
from nc_hf.space.service import Service, side_by_side
from tests.space import settings_in
from tests.varied_reports import report as report


@pytest.mark.parametrize(
    ("models", "said"),
    [
        (["a/b", 3], r"passed as models\[1\] is no text"),
        ("a/b", "passed as models is no list"),
        (None, "passed as models is no list"),
    ],
)
def test_a_comparison_of_what_names_no_models_is_refused(tmp_path: Path, models: list[str], said: str) -> None:
    service = Service(settings_in(tmp_path))
    with pytest.raises(InputError, match=said):
        service.requests(models, "builtin", "", 2_000, "core")


def test_a_comparison_takes_two_to_six_different_models(tmp_path: Path) -> None:
    service = Service(settings_in(tmp_path))
    for models in (["a/b"], ["a/b", "a/b", " "], [f"a/model{count}" for count in range(7)]):
        with pytest.raises(InputError, match="takes 2 to 6 different models or revisions"):
            service.requests(models, "builtin", "", 2_000, "core")
    named = service.requests(["a/b", "", "a/b@v1", "a/b"], "builtin", "", 2_000, "core")
    assert [request.name for request in named] == ["a/b", "a/b@v1"]


def test_one_commit_under_two_names_is_said(report: Report) -> None:
    named = [
        dataclasses.replace(report, model=dataclasses.replace(report.model, id="a/b", commit=commit, revision=revision))
        for commit, revision in (("1" * 40, None), ("2" * 40, "early"), ("1" * 40, "main"))
    ]
    assert side_by_side(named).warnings == (
        "a/b and a/b@main are one commit (1111111), so their values agree; name another revision.",
    )
    assert side_by_side(named[:2]).warnings == ()
