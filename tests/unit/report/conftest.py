"""The report that tests change, compare and show."""

from __future__ import annotations

import pytest

from nc_hf.report import Report
from tests.reports import REFERENCE


@pytest.fixture
def report() -> Report:
    return Report.load(REFERENCE)
