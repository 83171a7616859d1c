"""What tables of HTML share."""

from __future__ import annotations

import subprocess
import sys

import pytest

from nc_hf.report import MetricValue
from nc_hf.report.html.parts import metric_name, scrolling, value
from tests.html_text import text_of


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nc1_cdnv", "↓smaller is more collapsed"),
        ("nc4_agreement", "↑larger is more collapsed"),
        ("nc2_cos_mean", "—has no direction"),
    ],
)
def test_the_direction_is_said_in_words_too(name: str, said: str) -> None:
    assert f"{name}{said}" in text_of(metric_name(name))


def test_a_value_without_an_error_stands_alone() -> None:
    assert value(MetricValue(0.5)) == "<b>0.5000</b>"
    assert text_of(value(MetricValue(0.5, 0.01))) == "0.500 ± 0.010"


def test_a_wide_table_is_reached_by_the_keyboard() -> None:
    assert "tabindex='0' role='region' aria-label='a &#x27;b&#x27;'" in scrolling("a 'b'", "")


def test_it_needs_no_page() -> None:
    code = (
        "import sys; import nc_hf.report.html;"
        "print([name for name in ('torch', 'transformers', 'gradio', 'rich', 'nc_hf.space') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
