"""Words and digits in which every form of a report speaks."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from nc_hf.metrics import METRICS
from nc_hf.metrics.table import FAMILIES
from nc_hf.report import AgreementRecord, MetricValue, Report
from nc_hf.report.detail import StratumRecord
from nc_hf.report.record import BaseRecord
from nc_hf.report.words import by_family, circumstances, number, short_commit, stratum_note, value_and_error
from tests.reports import SCHEMA_6


class TestWords:
    @pytest.mark.parametrize(
        ("value", "stderr", "shown"),
        [
            (0.123456, 0.00321, ("0.1235", "0.0032")),
            (123.456, 45.6, ("123", "46")),
            (0.5, 0.0996, ("0.500", "0.100")),
            (1.5, None, ("1.500", "")),
            (123456.0, 2345.0, ("123456", "2300")),
            (2.107, 138.2, ("2", "140")),
            (2.107, 2e6, ("2.107", "2.0e+06")),
            (2e7, 0.5, ("2.000e+07", "0.50")),
            (0.5, 0.0, ("0.5000", "0")),
            (math.nan, 0.1, ("undefined", "0.10")),
            (math.inf, None, ("∞", "")),
            (0.5, math.nan, ("0.5000", "undefined")),
        ],
    )
    def test_value_is_rounded_to_its_error(self, value: float, stderr: float | None, shown: tuple[str, str]) -> None:
        assert value_and_error(MetricValue(value, stderr)) == shown

    def test_numbers_keep_their_significant_digits(self) -> None:
        assert [number(x) for x in (0.0, 1234.0, 0.00001234, -2.5)] == ["0", "1234", "1.234e-05", "-2.500"]

    def test_every_metric_has_a_family_in_words(self) -> None:
        assert {metric.family for metric in METRICS.values()} == set(FAMILIES)
        assert by_family(["from_the_future", "nc4_agreement", "nc1_cdnv"]) == {
            "NC1": ["nc1_cdnv"],
            "NC4": ["nc4_agreement"],
            "other": ["from_the_future"],
        }


class TestCircumstances:
    REPORT = Report.load(SCHEMA_6)

    def said(self, report: Report) -> str:
        return "\n".join(f"{heading}: {phrase}" for heading, phrase in circumstances(report))

    def of_classes(self, **changes: object) -> Report:
        return replace(self.REPORT, classes=replace(self.REPORT.classes, **changes))  # type: ignore[arg-type]

    def test_an_adapter_is_said_to_be_over_its_base(self) -> None:
        base = BaseRecord("owner/base", "v1", "c" * 40, "LORA")
        report = replace(self.REPORT, model=replace(self.REPORT.model, base=base))
        assert f"adapter: LORA, merged into its base owner/base@v1 ({'c' * 40})" in self.said(report)
        assert "adapter" not in self.said(self.REPORT)
        assert short_commit("c" * 40) == "c" * 7
        assert short_commit("") == ""

    def test_which_classes_count_and_what_was_read_of_them(self) -> None:
        said = self.said(
            self.of_classes(listed=1_300, used=1_299, fewest=2, seen=2_000, coverage=0.987, vocab_size=9_000)
        )
        description = self.of_classes(listed=1_300).classes.description
        assert f"classes: {description}, 98.70% of all tokens\n" in said
        assert (
            ": 2 tokens or more of each, 1 too rare here to be measured; 2,000 seen of a vocabulary of 9,000\n" in said
        )
        whole = self.said(self.of_classes(listed=300, used=300, fewest=1_042))
        assert ": 1,042 tokens or more of each; " in whole
        assert "too rare" not in whole

    def test_whether_the_text_was_read_in_parts(self) -> None:
        for seed, told in ((0, " (seed 0)"), (12, " (seed 12)"), (None, None)):
            said = self.said(replace(self.REPORT, corpus=replace(self.REPORT.corpus, seed=seed)))
            (line,) = (line for line in said.splitlines() if line.startswith("tokens: "))
            end = "documents" if told is None else f"documents, in blocks spread over what was read{told}"
            assert line.endswith(end)

    @pytest.mark.parametrize(
        ("agreement", "said"),
        [
            (AgreementRecord(5_000, True, "listed"), "decided among the classes that count, own token left out"),
            (AgreementRecord(5_000, False, "seen"), "decided among every class, centres from other tokens"),
        ],
        ids=["listed", "seen"],
    )
    def test_among_which_classes_nc4_was_decided(self, agreement: AgreementRecord, said: str) -> None:
        assert f"NC4: 5,000 tokens {said}" in self.said(replace(self.REPORT, agreement=agreement))


def test_a_stratum_that_is_blank_is_said_not_to_count() -> None:
    counting = StratumRecord(
        low=1, high=3, used=True, classes=1, tokens=1, share=1.0, norm=1.0, duality=1.0, agreement_tokens=0, metrics={}
    )
    assert "blank" not in stratum_note([counting])
    assert stratum_note([replace(counting, used=False), counting]).endswith("blank: does not count")
