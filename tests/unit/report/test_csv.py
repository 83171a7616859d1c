"""Reports and trajectories as CSV: every bit."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import replace

import pandas as pd

from nc_hf import Trajectory
from nc_hf.report import MetricValue, Report
from nc_hf.report.trajectory import TrajectoryPoint
from nc_hf.runtime.cells import from_cell
from tests.reports import SCHEMA_6


class TestViews:
    def test_csv_keeps_every_bit(self, report: Report) -> None:
        (row,) = csv.DictReader(io.StringIO(report.to_csv()))
        assert row["model"] == report.model.id
        assert float(row["loss"]) == report.loss
        for name, metric in report.metrics.items():
            assert float(row[name]) == metric.value
            assert row[f"{name}_stderr"] == ("" if metric.stderr is None else repr(metric.stderr))

    def test_csv_tells_lists_of_classes_apart(self) -> None:
        report = Report.load(SCHEMA_6)
        other = replace(report, classes=replace(report.classes, rule="words.txt", hash="0123456789abcdef"))
        for each in (report, other):
            (row,) = csv.DictReader(io.StringIO(each.to_csv()))
            assert (row["classes"], row["classes_hash"]) == (each.classes.rule, each.classes.hash)
            assert (int(row["classes_used"]), float(row["coverage"])) == (each.classes.used, each.classes.coverage)


def test_rows_frame_and_csv_say_the_same(course: Trajectory) -> None:
    rows = course.rows()
    assert [row["revision"] for row in rows] == ["step0", "step1000"]
    assert (rows[1]["step"], rows[1]["loss"], rows[1]["nc1_cdnv"]) == (1000, 1 / 3, 0.1 + 0.2)
    assert rows[1]["nc1_cdnv_stderr"] == (0.1 + 0.2) / 10
    frame = course.to_frame()
    assert frame["nc1_cdnv"].tolist() == [math.inf, 0.1 + 0.2]
    assert list(frame.columns[:6]) == ["revision", "commit", "step", "same_as", "tokens", "loss"]
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


def test_no_name_is_taken_for_a_formula_and_numbers_stay(course: Trajectory) -> None:
    named = replace(course, points=[replace(course.points[0], revision="=cmd|' /C calc'!A0"), course.points[1]])
    first, second = csv.DictReader(io.StringIO(named.to_csv()))
    assert first["revision"] == "'=cmd|' /C calc'!A0"
    assert from_cell(first["revision"]) == "=cmd|' /C calc'!A0"
    assert second["revision"] == "step1000"
    report = replace(course.points[0].report, loss=-0.5)
    assert next(csv.DictReader(io.StringIO(report.to_csv())))["loss"] == "-0.5"
