"""The report that tests change, compare and show."""

from __future__ import annotations

import math

import pytest

from nc_hf import Trajectory
from nc_hf.report import Report
from nc_hf.report.several import TrajectoryFailure
from tests.reports import REFERENCE, point


@pytest.fixture
def report() -> Report:
    return Report.load(REFERENCE)


@pytest.fixture
def course() -> Trajectory:
    points = [point("step0", 6.5, nc1_cdnv=math.inf), point("step1000", 1 / 3, nc1_cdnv=0.1 + 0.2)]
    return Trajectory("owner/model", points, [TrajectoryFailure("step2000", "f" * 40, "it has no weights: add some.")])
