"""Each test of a fault says what came of it; at the end the table of them is printed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.outcomes import CRASHED, HUNG, WRONG, table

Meet = Callable[[str, str, str, str], None]


@pytest.fixture
def meet(request: pytest.FixtureRequest) -> Meet:
    """Note what came of a fault, and fail where it is what must never be."""

    def note(kind: str, fault: str, outcome: str, seen: str = "") -> None:
        request.node.user_properties.append(("fault", (kind, fault, outcome)))
        assert outcome not in (WRONG, CRASHED, HUNG), f"{kind}, {fault}: {outcome}: {seen}"

    return note


def pytest_terminal_summary(terminalreporter: Any) -> None:
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)]
    met = [tuple(value) for report in reports for name, value in report.user_properties if name == "fault"]
    if met:
        terminalreporter.section("faults")
        for line in table(met):
            terminalreporter.write_line(line)
