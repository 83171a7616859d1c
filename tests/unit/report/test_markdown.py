"""Reports and trajectories in Markdown: whole tables, and names that are no markup."""

from __future__ import annotations

import re
from dataclasses import replace

from markdown_it import MarkdownIt

from nc_hf import Trajectory
from nc_hf.metrics import METRICS
from nc_hf.report import MetricValue, Report
from nc_hf.report.several import TrajectoryFailure
from nc_hf.report.summary import dials
from nc_hf.report.verdict import verdict
from nc_hf.report.words import ARROWS, value_and_error


class TestViews:
    def test_card_renders_as_whole_tables(self, report: Report) -> None:
        layered = replace(
            report,
            layers={
                "layer.0": {"nc1_cdnv": MetricValue(0.5)},
                "final": {"nc1_cdnv": MetricValue(0.25), "nc2_cos_std": MetricValue(0.125, 0.0321)},
            },
        )
        html = MarkdownIt("commonmark").enable("table").render(layered.to_markdown())
        tables = re.findall(r"<table>(.*?)</table>", html, re.DOTALL)
        rows = [re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL) for table in tables]
        assert all(len({row.count("<th>") + row.count("<td>") for row in table}) == 1 for table in rows)
        for name, metric in report.metrics.items():
            value, error = value_and_error(metric)
            assert any(name in row and f"{value} ± {error}" in row for row in rows[1])
            assert METRICS[name].formula in layered.to_markdown()
        assert any("0.2500" in row and "0.125 ± 0.032" in row for row in rows[-3 if report.diagnostics else -2])

    def test_what_was_found_stands_first_and_the_rest_is_folded_away(self, report: Report) -> None:
        text = report.to_markdown()
        parts = [report.created[:10], verdict(report).headline, "NC4 nearest centre", "| `nc4_agreement`", "### Tokens"]
        parts += ["<details>\n<summary>What the values mean", "<details>\n<summary>Circumstances"]
        assert [text.index(part) for part in parts] == sorted(text.index(part) for part in parts)
        assert text.count("<details>") == text.count("</details>") == 2 + bool(report.diagnostics)
        for dial in dials(report):
            assert f"| **{dial.title}** {ARROWS[dial.direction]} | {' | '.join(dial.row)} |" in text

    def test_the_tables_of_tokens_say_of_how_many_classes(self, report: Report) -> None:
        assert report.token_table is not None
        text = replace(report, token_table=replace(report.token_table, classes=1_234)).to_markdown()
        for end in ("Most", "Least"):
            assert f"{end} collapsed, of the 1,234 that count:" in text


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
