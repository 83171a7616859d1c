"""The records are plain data: a changed copy keeps its type, equal ones are equal, and they can be pickled."""

from __future__ import annotations

import dataclasses
import pickle

import pytest

from nc_hf.report import MetricValue, Report
from nc_hf.report.record import ReportRecord


def test_a_changed_copy_of_a_report_is_a_report(report: Report) -> None:
    changed = dataclasses.replace(report, loss=1.0)
    assert type(changed) is Report
    assert changed != report
    assert dataclasses.replace(changed, loss=report.loss) == report


def test_a_report_survives_pickling(report: Report) -> None:
    again = pickle.loads(pickle.dumps(report))
    assert type(again) is Report
    assert again == report


def test_a_report_has_the_entries_of_its_record_and_no_other(report: Report) -> None:
    names = [field.name for field in dataclasses.fields(ReportRecord)]
    assert [field.name for field in dataclasses.fields(Report)] == names
    assert list(report.to_dict()) == [*names, "undefined", "verdict"]


def test_a_record_does_not_change(report: Report) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        report.loss = 1.0  # type: ignore[misc]


def test_name_has_the_revision_where_one_was_asked_for(report: Report) -> None:
    model = dataclasses.replace(report.model, id="owner/model", revision=None)
    assert dataclasses.replace(report, model=model).name == "owner/model"
    model = dataclasses.replace(model, revision="step1000")
    assert dataclasses.replace(report, model=model).name == "owner/model@step1000"


def test_layers_hold_values_with_their_errors(report: Report) -> None:
    assert list(report.layers)[-1] == "final"
    assert all(isinstance(metric, MetricValue) for layer in report.layers.values() for metric in layer.values())
