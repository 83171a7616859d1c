"""A comparison: differences with their errors, and the more collapsed one."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from nc_hf.errors import InputError
from nc_hf.metrics.jackknife import jackknife_error, t_quantile
from nc_hf.report import MetricValue, Report, compare
from nc_hf.report.comparison import difference, is_clear
from nc_hf.report.html import html_comparison
from nc_hf.report.record import ErrorRecord
from nc_hf.report.words import value_and_error
from tests.reports import printed, with_metrics


class TestCompare:
    def test_difference_has_the_error_of_both(self, report: Report) -> None:
        first = with_metrics(report, nc1_cdnv=MetricValue(2.0, 0.3), nc2_cos_std=MetricValue(0.5))
        second = with_metrics(report, nc1_cdnv=MetricValue(1.0, 0.4), nc2_cos_std=MetricValue(0.75, 0.1))
        cdnv, cosine = compare([first, second]).metrics
        assert cdnv.differences == (None, MetricValue(-1.0, 0.5))
        assert cosine.differences == (None, MetricValue(0.25, None))

    @pytest.mark.parametrize(
        ("name", "values", "most"),
        [
            ("nc1_cdnv", (2.0, 1.0, 3.0), 1),
            ("nc4_agreement", (0.2, 0.1, 0.3), 2),
            ("nc2_cos_mean", (0.2, 0.1, 0.3), None),
            ("nc1_cdnv", (1.0, 1.0, 3.0), None),
            ("nc1_cdnv", (2.0, math.nan, 1.0), 2),
            ("nc1_cdnv", (2.0, math.nan, math.nan), None),
            ("nc1_cdnv", (math.inf, 5.0, math.inf), 1),
            ("nc1_cdnv", (1.0, 1.0 - 1e-15, 3.0), None),
        ],
    )
    def test_most_collapsed_follows_the_direction(
        self, report: Report, name: str, values: tuple[float, ...], most: int | None
    ) -> None:
        (metric,) = compare([with_metrics(report, **{name: MetricValue(value)}) for value in values]).metrics
        assert metric.most_collapsed == most

    @pytest.mark.parametrize(
        ("second", "clear", "mark"),
        [(MetricValue(0.5, 0.1), True, "●"), (MetricValue(0.8, 0.1), False, "○"), (MetricValue(0.5), None, "●")],
    )
    def test_lead_within_two_standard_errors_is_marked_as_such(
        self, report: Report, second: MetricValue, clear: bool | None, mark: str
    ) -> None:
        comparison = compare([with_metrics(report, nc1_cdnv=metric) for metric in (MetricValue(1.0, 0.1), second)])
        assert comparison.metrics[0].clear is clear
        for text in (comparison.to_markdown(), printed(comparison.to_table(), 80)):
            (row,) = (line for line in text.splitlines() if "nc1_cdnv" in line)
            assert f"{mark} {'  '.join(value_and_error(second)).strip().replace('  ', ' ± ')}" in row
        assert comparison.to_dict()["metrics"]["nc1_cdnv"]["clear"] is clear

    def test_difference_that_rounds_to_nothing_has_no_minus(self, report: Report) -> None:
        pair = [with_metrics(report, nc2_cos_std=MetricValue(value, 0.1)) for value in (0.5, 0.5 - 1e-12)]
        assert "Δ +0.00 ± 0.14" in compare(pair).to_markdown()

    def test_metric_that_one_report_lacks_stays_empty(self, report: Report) -> None:
        other = with_metrics(report, nc1_pinv=MetricValue(1.0))
        comparison = compare([report, other])
        pinv = next(metric for metric in comparison.metrics if metric.name == "nc1_pinv")
        assert pinv.values == (None, MetricValue(1.0))
        assert pinv.differences == (None, None)
        assert pinv.most_collapsed is None
        assert "nc1_pinv" in printed(comparison.to_table(), 80)

    def test_names_are_told_apart(self, report: Report) -> None:
        assert compare([report, report]).names == (f"{report.name} (1)", f"{report.name} (2)")

    def test_takes_two_reports(self, report: Report) -> None:
        with pytest.raises(InputError, match="two reports or more, not 1"):
            compare([report])

    def test_dict_is_strict_json(self, report: Report) -> None:
        odd = with_metrics(replace(report, loss=math.nan), nc1_cdnv=MetricValue(math.inf, 0.1))
        other = replace(odd, model=replace(report.model, id="other", revision=None))
        document = compare([odd, other]).to_dict()
        assert json.loads(json.dumps(document, allow_nan=False)) == document
        assert document["metrics"]["nc1_cdnv"]["values"]["other"] == {"value": None, "stderr": 0.1, "bound": None}
        assert document["undefined"]["metrics/nc1_cdnv/values/other/value"] == "inf"


def with_replicates(report: Report, value: float, replicates: list[float], **corpus: str) -> Report:
    """A report in which one metric, and the loss alike, has this value and these replicates."""
    error = jackknife_error(replicates)
    known = {"loss": replicates, "nc2_cos_std": replicates}
    changed = with_metrics(report, nc2_cos_std=MetricValue(value, error))
    return replace(
        changed,
        loss=value,
        corpus=replace(report.corpus, **corpus),
        errors=ErrorRecord(len(replicates), "held", known),
    )


class TestBytes:
    """The loss by bytes of text: of any tokenizer, where every report knows them."""

    def of_bytes(self, report: Report, loss: float, count: int | None) -> Report:
        return replace(report, loss=loss, tokens=1000, corpus=replace(report.corpus, bytes=count))

    def test_bits_per_byte_are_the_loss_in_another_unit(self, report: Report) -> None:
        assert self.of_bytes(report, 2 * math.log(2), 4000).bits_per_byte == pytest.approx(0.5)
        assert self.of_bytes(report, 2.0, None).bits_per_byte is self.of_bytes(report, 2.0, 0).bits_per_byte is None

    def test_they_stand_beside_the_loss_where_all_know_them(self, report: Report) -> None:
        known, other = self.of_bytes(report, 2 * math.log(2), 4000), self.of_bytes(report, 3 * math.log(2), 3000)
        both, one = compare([known, other]), compare([known, self.of_bytes(report, 2.0, None)])
        assert both.outcomes[1] == ("bits a byte", ["0.5000", "1.0000"])
        for text in (both.to_markdown(), printed(both.to_table(), 200), html_comparison(both)):
            assert "bits a byte" in text
            assert "0.5000" in text
        for text in (one.to_markdown(), printed(one.to_table(), 200), html_comparison(one)):
            assert "bits a byte" not in text
        assert list(one.to_dict()["bits_per_byte"].values()) == [known.bits_per_byte, None]


class TestNoVerdict:
    def test_a_report_that_leaves_no_verdict_is_never_the_most_collapsed(self, report: Report) -> None:
        first, second = (with_metrics(report, nc4_agreement=MetricValue(value, 0.01)) for value in (0.3, 0.5))
        unread = replace(
            with_metrics(report, nc4_agreement=MetricValue(1.0, 0.0)),
            loss=9.0,
            model=replace(report.model, id="random", weights=None, commit=None),
        )
        comparison = compare([first, second, unread])
        assert comparison.metrics[0].most_collapsed == 1
        assert "random has no verdict: the model does not read this text." in comparison.notes
        assert compare([first, unread]).metrics[0].most_collapsed is None


class TestDifference:
    """Two models whose values move together from group to group: the difference is known better than either."""

    COMMON = (0.3, -0.2, 0.1, 0.4, -0.5, 0.2)
    OWN = (0.01, -0.01, 0.02, 0.0, -0.02, 0.01)

    def models(self, report: Report, **corpus: str) -> tuple[Report, Report]:
        first = [1.0 + each for each in self.COMMON]
        second = [1.1 + each + own for each, own in zip(self.COMMON, self.OWN, strict=True)]
        other = replace(with_replicates(report, 1.1, second, **corpus), model=replace(report.model, id="other"))
        return with_replicates(report, 1.0, first), other

    def test_reports_of_one_text_are_paired_group_by_group(self, report: Report) -> None:
        first, second = self.models(report)
        for name in ("nc2_cos_std", "loss"):
            found = difference(name, second, first)
            assert found is not None
            assert found.value == pytest.approx(0.1)
            assert found.stderr == pytest.approx(jackknife_error([0.1 + own for own in self.OWN]))
        compared = next(each for each in compare([first, second]).metrics if each.name == "nc2_cos_std")
        assert compared.differences[1] == difference("nc2_cos_std", second, first)
        assert (compared.most_collapsed, compared.clear) == (0, True)

    def test_of_a_median_the_groups_are_not_paired(self, report: Report) -> None:
        """The jackknife of its differences is far too small, so that nearly every lead would be called clear."""
        first, second = self.models(report)
        reports = []
        for each in (first, second):
            assert each.errors is not None
            again = {"nc1_cdnv_median": each.errors.replicates["nc2_cos_std"]}
            metrics = {"nc1_cdnv_median": each.metrics["nc2_cos_std"]}
            reports.append(replace(each, metrics=each.metrics | metrics, errors=replace(each.errors, replicates=again)))
        found = difference("nc1_cdnv_median", reports[1], reports[0])
        errors = [each.metrics["nc1_cdnv_median"].stderr for each in reports]
        assert found is not None
        assert found.stderr == pytest.approx(math.hypot(*errors))

    @pytest.mark.parametrize("entry", ["fingerprint", "shard"])
    def test_reports_of_other_text_are_independent(self, report: Report, entry: str) -> None:
        first, second = self.models(report, **{entry: "1/2"})
        found = difference("nc2_cos_std", second, first)
        errors = first.metrics["nc2_cos_std"].stderr, second.metrics["nc2_cos_std"].stderr
        assert found is not None
        assert errors[0] is not None
        assert errors[1] is not None
        assert found.stderr == pytest.approx(math.hypot(errors[0], errors[1]))
        assert is_clear(found, second, first) is False
        compared = next(each for each in compare([first, second]).metrics if each.name == "nc2_cos_std")
        assert compared.differences[1] == found
        assert (compared.most_collapsed, compared.clear) == (None, None), "they are not comparable"

    def test_other_numbers_of_groups_are_not_paired(self, report: Report) -> None:
        first, second = self.models(report)
        assert second.errors is not None
        fewer = replace(second, errors=replace(second.errors, groups=5, replicates={"nc2_cos_std": [1.0] * 5}))
        found = difference("nc2_cos_std", fewer, first)
        assert found is not None
        assert found.stderr is not None
        assert found.stderr > 0.3

    def test_clear_is_what_student_s_interval_says(self, report: Report) -> None:
        first, _ = self.models(report)
        reach = t_quantile(6)
        assert 2.5 < reach < 2.6
        assert is_clear(MetricValue(1.01 * reach, 1.0), first, first) is True
        assert is_clear(MetricValue(0.99 * reach, 1.0), first, first) is False
        assert is_clear(MetricValue(9.0, None), first, first) is None
        assert is_clear(MetricValue(9.0, math.nan), first, first) is None
        older = replace(first, errors=None)  # of ten groups, as all were
        assert is_clear(MetricValue(1.01 * t_quantile(10), 1.0), older, older) is True
