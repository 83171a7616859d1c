"""The file of a trajectory: what was saved comes back, and what is none is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nc_hf import Trajectory
from nc_hf.errors import FileError


def test_json_gives_back_what_was_saved(course: Trajectory, tmp_path: Path) -> None:
    course.save(tmp_path / "course.json")
    assert Trajectory.load(tmp_path / "course.json") == course
    assert "Infinity" not in (tmp_path / "course.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "does not exist"),
        ("{", "is truncated or not JSON"),
        ("[]", "is not a trajectory"),
        ("{}", "is not a trajectory"),
        ('{"trajectory_version": 99}', "newer than 1: upgrade"),
        ('{"trajectory_version": 1, "model": "a"}', "is damaged"),
        ('{"trajectory_version": 1, "model": "a", "points": [1], "failures": []}', "is damaged"),
        ('{"trajectory_version": 1, "model": "a", "points": [], "failures": [{"no": 1}]}', "is damaged"),
    ],
)
def test_a_file_that_is_no_trajectory_is_refused(tmp_path: Path, text: str | None, said: str) -> None:
    path = tmp_path / "course.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(FileError, match=said) as caught:
        Trajectory.load(path)
    assert str(path) in str(caught.value)


def test_a_damaged_report_within_is_named(course: Trajectory, tmp_path: Path) -> None:
    document = json.loads(course.to_json())
    del document["points"][0]["report"]["loss"]
    (tmp_path / "course.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(FileError, match="loss is missing"):
        Trajectory.load(tmp_path / "course.json")
