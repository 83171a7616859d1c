"""A course: loss and metrics over steps or revisions, with their intervals."""

from __future__ import annotations

from nc_hf.report import Report
from nc_hf.report.charts.course import course_chart, steps_of
from tests.drawn import trajectory


def test_states_stand_at_their_steps(report: Report) -> None:
    chart = course_chart(trajectory(report, ["step0", "main", "step10", "step2000"]))
    loss, *metrics = chart.panels
    assert loss["title"] == "loss, nats a token"
    assert [row["step"] for row in loss["data"]["values"]] == [0, 10, 2000]
    assert [row["value"] for row in loss["data"]["values"]] == [3.0, 1 + 2 / 3, 1.5]
    assert "names tell no step: main." in chart.note
    titles = [panel["title"] for panel in metrics]
    assert any(title.startswith("nc1_cdnv ") for title in titles)
    assert len(titles) == len(set(titles))


def test_steps_over_decades_stand_on_an_axis_that_has_room_for_0(report: Report) -> None:
    panel = course_chart(trajectory(report, ["step0", "step1", "step10", "step100", "step1000"])).panels[0]
    x = panel["layer"][1]["encoding"]["x"]
    assert x["scale"] == {"type": "symlog", "constant": 1}
    assert x["axis"]["values"] == [0, 1, 10, 100, 1000]
    panel = course_chart(trajectory(report, ["step100", "step200", "step300"])).panels[0]
    assert panel["layer"][1]["encoding"]["x"]["scale"] == {"zero": False}


def test_stages_that_begin_anew_stand_in_their_order(report: Report) -> None:
    names = ["stage1-step10", "stage1-step20", "stage2-step10"]
    course = trajectory(report, names)
    assert steps_of(list(course.points)) == []
    x = course_chart(course).panels[0]["layer"][1]["encoding"]["x"]
    assert (x["field"], x["sort"]) == ("revision", names)


def test_one_state_is_no_course(report: Report) -> None:
    chart = course_chart(trajectory(report, ["step0"]))
    assert chart.panels == ()
    assert "two saved states" in chart.note
