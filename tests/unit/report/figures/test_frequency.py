"""Figures over the frequency of tokens show the report's own numbers."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from nc_hf.errors import InputError
from nc_hf.report import Report
from nc_hf.report.figures import agreement_figure, norms_figure, variability_figure
from tests.drawn import levels, panel


class TestTokens:
    def test_every_token_is_a_point(self, report: Report) -> None:
        assert report.token_table is not None
        columns = report.token_table.columns
        for axes, values in (
            (variability_figure(report).axes[0], columns.variability),
            (norms_figure(report).axes[0], columns.norm),
            (norms_figure(report).axes[1], columns.duality),
        ):
            points = axes.collections[0].get_offsets()
            assert np.allclose(points, np.column_stack([columns.counts, values]))

    def test_every_used_bin_is_a_level_at_its_value(self, report: Report) -> None:
        used = [stratum for stratum in report.strata if stratum.used]
        drawn = levels(panel(variability_figure(report), "nc1_cdnv"))
        assert [height for _, height in drawn] == [stratum.metrics["nc1_cdnv"] for stratum in used]
        for (middle, _), stratum in zip(drawn, used, strict=True):
            assert stratum.low < middle < stratum.high

    def test_median_of_a_bin_is_that_of_its_points(self, report: Report) -> None:
        axes = norms_figure(report).axes[0]
        points = axes.collections[0].get_offsets()
        for middle, height in levels(axes):
            (stratum,) = [s for s in report.strata if s.low <= middle <= s.high]
            inside = (points[:, 0] >= stratum.low) & (points[:, 0] <= stratum.high)
            assert inside.sum() >= 3
            assert height == pytest.approx(np.median(np.ma.getdata(points)[inside, 1]))

    def test_agreement_has_a_level_for_rare_tokens_too_and_its_error(self, report: Report) -> None:
        axes = agreement_figure(report).axes[1]
        heights = [height for _, height in levels(axes)]
        assert heights == [stratum.metrics["nc4_agreement"] for stratum in report.strata]
        bars = axes.collections[0].get_segments()
        for bar, stratum in zip(bars, report.strata, strict=True):
            share = stratum.metrics["nc4_agreement"]
            error = math.sqrt(share * (1 - share) / stratum.agreement_tokens)
            assert np.ptp(bar[:, 1]) == pytest.approx(2 * error)

    def test_share_of_a_token_that_was_hardly_sampled_is_not_drawn(self, report: Report) -> None:
        assert report.token_table is not None
        columns = report.token_table.columns
        points = agreement_figure(report).axes[0].collections[0].get_offsets()
        drawn = [not hidden for hidden in np.ma.getmaskarray(points)[:, 1]]
        drawn = [shown and np.isfinite(y) for shown, y in zip(drawn, np.ma.getdata(points)[:, 1], strict=True)]
        assert drawn == [sampled >= 10 for sampled in columns.sampled]

    def test_report_without_the_metric_says_what_to_measure(self, report: Report) -> None:
        bare = replace(
            report,
            metrics={"nc2_cos_std": report.metrics["nc2_cos_std"]},
            strata=[replace(stratum, metrics={}) for stratum in report.strata],
        )
        with pytest.raises(InputError, match="no NC4: measure with"):
            agreement_figure(bare)
        with pytest.raises(InputError, match="no metric of NC1: measure with"):
            variability_figure(bare)
