"""A trajectory's views say the same, to the last bit, and survive names and numbers that are not plain."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from nc_hf import Report, Trajectory
from nc_hf.errors import FileError
from nc_hf.report import MetricValue
from nc_hf.report.figures import trajectory_figure
from nc_hf.report.several import TrajectoryFailure
from nc_hf.report.trajectory import TrajectoryPoint
from tests.paths import REFERENCES

REFERENCE = Report.load(REFERENCES / "report.json")


def point(revision: str, loss: float, **metrics: float) -> TrajectoryPoint:
    model = replace(REFERENCE.model, revision=revision, commit=f"{revision:0<40}")
    changed = {name: MetricValue(value, value / 10) for name, value in metrics.items()}
    report = replace(REFERENCE, model=model, loss=loss, metrics={**REFERENCE.metrics, **changed})
    return TrajectoryPoint(revision, f"{revision:0<40}", report)


@pytest.fixture
def course() -> Trajectory:
    points = [point("step0", 6.5, nc1_cdnv=math.inf), point("step1000", 1 / 3, nc1_cdnv=0.1 + 0.2)]
    return Trajectory("owner/model", points, [TrajectoryFailure("step2000", "f" * 40, "it has no weights: add some.")])


def shown(course: Trajectory, columns: int) -> str:
    console = Console(width=columns, file=io.StringIO(), color_system=None)
    console.print(course.to_table())
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_json_gives_back_what_was_saved(course: Trajectory, tmp_path: Path) -> None:
    course.save(tmp_path / "course.json")
    assert Trajectory.load(tmp_path / "course.json") == course
    assert "Infinity" not in (tmp_path / "course.json").read_text(encoding="utf-8")


def test_rows_frame_and_csv_say_the_same(course: Trajectory) -> None:
    rows = course.rows()
    assert [row["revision"] for row in rows] == ["step0", "step1000"]
    assert (rows[1]["step"], rows[1]["loss"], rows[1]["nc1_cdnv"]) == (1000, 1 / 3, 0.1 + 0.2)
    assert rows[1]["nc1_cdnv_stderr"] == (0.1 + 0.2) / 10
    frame = course.to_frame()
    assert frame["nc1_cdnv"].tolist() == [math.inf, 0.1 + 0.2]
    assert list(frame.columns[:5]) == ["revision", "commit", "step", "tokens", "loss"]
    read = list(csv.DictReader(io.StringIO(course.to_csv())))
    assert [float(row["nc1_cdnv"]) for row in read] == frame["nc1_cdnv"].tolist()
    assert [float(row["loss"]) for row in read] == frame["loss"].tolist()


def test_a_revision_without_a_step_or_metric_leaves_them_empty(course: Trajectory) -> None:
    last = course.points[1]
    bare = replace(last.report, metrics={"nc2_cos_std": MetricValue(0.5)})
    mixed = replace(course, points=[last, TrajectoryPoint("main", last.commit, bare)])
    frame = mixed.to_frame()
    assert frame["step"].isna().tolist() == [False, True]
    assert frame["nc1_cdnv"].isna().tolist() == [False, True]
    assert frame["nc2_cos_std_stderr"].isna().tolist()[1]
    assert pd.api.types.is_integer_dtype(frame["step"])
    assert mixed.to_csv().splitlines()[2].startswith(f"main,{last.commit},,")


def test_the_terminal_shows_every_value_where_they_fit_and_curves_where_not(course: Trajectory) -> None:
    few = shown(course, 80)
    assert "step1000" in few
    assert "0.3333" in few
    assert "∞" in few
    assert "it has no weights" in few
    many = replace(course, points=[point(f"step{step}000", 9 - step / 20) for step in range(150)])
    text = shown(many, 80)
    assert "step0000" in text
    assert "step149000" in text
    (loss,) = (line for line in text.splitlines() if line.strip().startswith("loss"))
    assert loss.split()[2] == "9.000"
    assert loss.split()[4] == "1.550"
    heights = ["▁▂▃▄▅▆▇█".index(bar) for bar in loss.split()[3]]
    assert heights == sorted(heights, reverse=True)
    assert (heights[0], heights[-1]) == (7, 0)
    assert max(map(len, text.splitlines())) <= 80


def test_the_terminal_shows_standard_errors_or_marks_values_that_they_exceed(course: Trajectory) -> None:
    last = course.points[1].report
    wild = replace(last, metrics={**last.metrics, "nc1_cdnv": MetricValue(2.107, 138.2)})

    def line(points: int, columns: int, begin: str) -> str:
        several = [replace(course.points[1], revision=f"step{step}", report=wild) for step in range(points)]
        text = shown(replace(course, points=several, failures=[]), columns)
        return next(" ".join(line.split()) for line in text.splitlines() if line.strip().startswith(begin))

    assert line(2, 80, "nc1_cdnv ") == "nc1_cdnv ↓ 2 ± 140 2 ± 140"
    assert line(2, 80, "±") == "± one standard error"
    assert line(3, 70, "nc1_cdnv ") == "nc1_cdnv ↓ 2.107 ? 2.107 ? 2.107 ?"
    assert "?" not in line(3, 70, "nc2_cos_std ")
    assert line(3, 70, "?") == "? its standard error exceeds it"
    assert line(30, 80, "The standard") == "The standard error exceeds the value: nc1_cdnv at 30 of 30 revisions."
    assert line(30, 80, "Standard errors are left out")


def test_points_on_different_text_are_not_one_course(course: Trajectory) -> None:
    assert course.warnings == ()
    other = course.points[1].report
    strange = replace(other, corpus=replace(other.corpus, fingerprint="0" * 64))
    mixed = replace(course, points=[course.points[0], replace(course.points[1], report=strange)])
    assert "corpus differs" in mixed.warnings[0]
    assert "Not comparable" in mixed.to_markdown()
    assert "Not comparable" in shown(mixed, 80)


def test_markdown_is_safe_from_names(course: Trajectory) -> None:
    names = replace(
        course,
        model="owner/<b>`model`",
        failures=[TrajectoryFailure("a|b`", "0" * 40, "<img src=x onerror=alert(1)> | [link](http://x): stop.")],
    )
    text = names.to_markdown()
    assert "<img" not in text.replace("\\<", "")
    assert "[link]" not in text.replace("\\[link\\]", "")
    assert "`a|b`" in text
    assert "`owner/<b>model`" in text  # a code span holds no markup
    cells = [line.count(" | ") for line in text.splitlines() if line.startswith("| `step")]
    assert set(cells) == {text.splitlines()[2].count(" | ")}


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


def test_one_error_beyond_measure_does_not_flatten_the_course(course: Trajectory) -> None:
    points = [point(f"step{step}", 6.0 - step, nc2_cos_std=0.5 - step / 100) for step in range(5)]
    wild = points[2].report
    metrics = {**wild.metrics, "nc2_cos_std": MetricValue(0.48, 140.0)}
    points[2] = replace(points[2], report=replace(wild, metrics=metrics))
    figure = trajectory_figure(replace(course, points=points))
    (axes,) = (axes for axes in figure.axes if axes.get_ylabel().startswith("nc2_cos_std"))
    low, high = axes.get_ylim()
    room = 3 * 0.049  # three times the median error
    assert (low, high) == (pytest.approx(0.46 - room, abs=1e-3), pytest.approx(0.5 + room, abs=1e-3))
