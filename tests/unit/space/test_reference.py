"""Where a value ranks among reference models."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nc_hf.report import Report
from nc_hf.space.reference import REFERENCE, published_share, ranks
from tests.paths import ROOT
from tests.varied_reports import report as report
from tests.varied_reports import with_values


def test_the_reference_is_what_the_command_makes_of_the_published_files(shared_data: Path) -> None:
    sys.path.insert(0, str(ROOT / "docs"))
    from space_reference import reference

    assert reference(str(shared_data / "published")) == REFERENCE


def test_a_value_is_ranked_by_the_quantiles_in_the_metric_s_direction(report: Report) -> None:
    up, down = REFERENCE["quantiles"]["nc4_agreement"], REFERENCE["quantiles"]["nc2_cos_std"]
    assert published_share("nc4_agreement", up[10]) == pytest.approx(0.5)
    assert published_share("nc2_cos_std", down[5]) == pytest.approx(0.75)
    assert published_share("nc4_agreement", (up[4] + up[5]) / 2) == pytest.approx(0.225)
    assert published_share("nc2_cos_std", 0.0) == 1.0
    assert published_share("nc1_cdnv_paper", 0.001) is None, "the published CDNV is comparable with nothing else"
    mine = with_values(report, nc1_trace_ratio=0.5, nc2_cos_mean=0.0, nc4_agreement=0.3)
    others = [with_values(report, nc1_trace_ratio=value) for value in (0.4, 0.6, 0.7)]
    found = ranks(mine, others)
    assert (found["nc1_trace_ratio"].kept, found["nc1_trace_ratio"].among) == (2, 3)
    assert found["nc4_agreement"].among == 0
    assert "nc2_cos_mean" not in found, "it has no direction"
