"""Several reports on a terminal, as many as its width holds."""

from __future__ import annotations

import pytest

from nc_hf.report import MetricValue, Report, compare
from tests.reports import printed, with_metrics


class TestCompare:
    @pytest.mark.parametrize("width", [80, 120])
    def test_many_reports_fit_the_terminal(self, report: Report, width: int) -> None:
        reports = [with_metrics(report, nc1_cdnv=MetricValue(0.1 * n + 0.1234, 0.00012)) for n in range(7)]
        text = printed(compare(reports).to_table(), width)
        assert max(map(len, text.splitlines())) <= width
        for n in range(7):
            assert f"{0.1 * n + 0.1234:.5f} ± 0.00012" in text
        assert text.count("●") == 2  # the winner and the legend
