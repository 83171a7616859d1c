"""What makes the numbers of reports not comparable."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from nc_hf.report import AgreementRecord, Report, compare
from tests.reports import printed


class TestCompare:
    def test_same_circumstances_give_no_warning(self, report: Report) -> None:
        assert compare([report, replace(report, loss=1.0)]).warnings == ()

    @pytest.mark.parametrize(
        ("what", "change"),
        [
            ("corpus", lambda r: replace(r, corpus=replace(r.corpus, fingerprint="other"))),
            ("number of tokens", lambda r: replace(r, tokens=1)),
            ("min_count", lambda r: replace(r, classes=replace(r.classes, min_count=1))),
            ("packing", lambda r: replace(r, corpus=replace(r.corpus, packing="paper"))),
            ("shard", lambda r: replace(r, corpus=replace(r.corpus, shard="0/4"))),
            ("preset", lambda r: replace(r, preset="paper")),
            ("dtype", lambda r: replace(r, model=replace(r.model, dtype="bfloat16"))),
            ("the definition of nc1_cdnv", lambda r: replace(r, definitions={**r.definitions, "nc1_cdnv": "x"})),
            ("NC4", lambda r: replace(r, agreement=AgreementRecord(10, leave_one_out=False))),
        ],
    )
    def test_warns_of_what_makes_numbers_not_comparable(self, report: Report, what: str, change) -> None:
        comparison = compare([report, report, change(report)])
        (warning,) = comparison.warnings
        assert warning.startswith(f"{what} differs")
        shown = re.sub(r"\s+", " ", printed(comparison.to_table(), 80))
        assert warning in shown
        assert f"{what} differs" in comparison.to_markdown()
        assert comparison.to_dict()["warnings"] == [warning]
