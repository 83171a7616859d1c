"""The file of a trajectory: what was saved comes back, and what is none is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from nc_hf import Trajectory
from nc_hf.errors import FileError
from tests.reports import printed


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
        ('{"trajectory_version": 99}', "newer than 2: upgrade"),
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


def test_a_file_of_the_first_version_loads_without_what_it_lacks(course: Trajectory, tmp_path: Path) -> None:
    document = json.loads(course.to_json())
    document["trajectory_version"] = 1
    del document["seal"]
    for point in document["points"]:
        del point["same_as"]
    (tmp_path / "course.json").write_text(json.dumps(document), encoding="utf-8")
    assert Trajectory.load(tmp_path / "course.json") == course


def test_every_form_says_which_revisions_have_the_same_weights(course: Trajectory, tmp_path: Path) -> None:
    first, second = course.points
    repeated = replace(course, points=[first, replace(second, same_as="step0")])
    repeated.save(tmp_path / "course.json")
    assert Trajectory.load(tmp_path / "course.json") == repeated
    said = "step1000: same weights as step0."
    assert said in repeated.to_markdown()
    assert said in printed(repeated.to_table(), 80)
    assert [row["same_as"] for row in repeated.rows()] == [None, "step0"]
    assert "same weights" not in course.to_markdown() + printed(course.to_table(), 80)


def test_a_damaged_report_within_is_named(course: Trajectory, tmp_path: Path) -> None:
    document = json.loads(course.to_json())
    del document["points"][0]["report"]["loss"], document["seal"]
    (tmp_path / "course.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(FileError, match="loss is missing"):
        Trajectory.load(tmp_path / "course.json")


def test_a_trajectory_that_was_edited_is_refused(course: Trajectory, tmp_path: Path) -> None:
    course.save(tmp_path / "course.json")
    text = (tmp_path / "course.json").read_text(encoding="utf-8")
    (tmp_path / "course.json").write_text(text.replace('"step1000"', '"step9000"'), encoding="utf-8")
    with pytest.raises(FileError, match="its content is not that of its seal"):
        Trajectory.load(tmp_path / "course.json")
