"""``nc-hf metrics``: the table of metrics, as words and as JSON."""

from __future__ import annotations

import json

from nc_hf.metrics.table import FAMILIES, METRICS, PRESETS
from tests.command import refusal, run


def test_every_metric_has_its_direction_presets_and_formula() -> None:
    lines = run("metrics").splitlines()
    for metric in METRICS.values():
        mine = f"  [{', '.join(metric.presets)}]" if metric.presets else ""
        sign = {"down": "↓", "up": "↑", "none": "—"}[metric.direction]
        place = lines.index(f"  {sign} {metric.name}  {metric.title}{mine}")
        assert lines[place + 1] == f"      {metric.formula}"
    assert sum(line.startswith(tuple(FAMILIES)) for line in lines) == len({each.family for each in METRICS.values()})


def test_of_some_it_tells_more() -> None:
    said = run("metrics", "nc1_pinv", "paper")
    assert [line.split()[1] for line in said.splitlines() if line.startswith("  ") and line[2] != " "] == [
        name for name in METRICS if name in {"nc1_pinv", *PRESETS["paper"]}
    ]
    assert "source: Papyan 2020\n      needs, beyond the statistics: covariance" in said
    assert "source" not in run("metrics")


def test_json_has_every_column_of_the_table() -> None:
    found = json.loads(run("metrics", "--json"))
    assert [row["name"] for row in found] == list(METRICS)
    row = next(row for row in found if row["name"] == "nc4_agreement")
    assert row["presets"] == ["core", "paper"]
    assert row["direction"] == "up"
    assert row["formula"] == METRICS["nc4_agreement"].formula


def test_a_typo_is_asked_back() -> None:
    assert "(did you mean nc4_agreement?)" in refusal("metrics", "nc4_agrement", code=2)
    measured = refusal("measure", "no/such-model", "--metrics", "nc2_cos_sdt", code=2)
    assert "(did you mean nc2_cos_std?)" in measured
