"""Words and digits in which every form of a report speaks."""

from __future__ import annotations

import math

import pytest

from nc_hf.metrics import METRICS
from nc_hf.metrics.table import FAMILIES
from nc_hf.report import MetricValue
from nc_hf.report.words import by_family, number, value_and_error


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
