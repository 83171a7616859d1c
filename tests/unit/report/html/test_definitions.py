"""Definitions: every formula that was used, set so that it can be read, and said unchanged."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from nc_hf.metrics import METRICS
from nc_hf.report import Report
from nc_hf.report.html import html_definitions
from nc_hf.report.html.definitions import formula
from tests.html_text import text_of

_PLAIN = {
    "μ": "mu",
    "Σ": "Sigma",
    "∑": "sum",
    "√": "sqrt",
    "‖": "||",
    "≤": "<=",
    "\u00d7": "x",
    "\u2212": "-",
    "\u2032": "'",
}


def as_written(html: str) -> str:
    """The formula as the table of metrics has it, out of its setting."""
    html = html.replace("<sup>2</sup><sub>", "2_").replace("<sub>", "_").replace("<sup>", "^")
    text = text_of(html).replace("\u0303", "~")
    return "".join(_PLAIN.get(letter, letter) for letter in text)


@pytest.mark.parametrize("name", METRICS)
def test_a_formula_loses_nothing_by_being_set(name: str) -> None:
    written = METRICS[name].formula
    html = formula(written)
    # Squares of one letter are set as powers: d2 is d².
    assert as_written(html).replace("^", "") == written.replace("^", "")
    assert not re.search(r"[A-Za-z]_[A-Za-z]", re.sub(r"<code>.*?</code>", "", html)), "an index is set low"


@pytest.mark.parametrize(
    ("written", "html"),
    [
        ("n_c'", "<var>n</var><sub>c\u2032</sub>"),
        ("s2_c", "<var>s</var><sup>2</sup><sub>c</sub>"),
        ("w~_c", "<var>w\u0303</var><sub>c</sub>"),
        ("||W||_F^2", "‖<var>W</var>‖<sub>F</sub><sup>2</sup>"),
        ("share of the sum", "share of the sum"),
        ("<b> & a", "&lt;<var>b</var>&gt; &amp; a"),
    ],
)
def test_what_is_set_low_and_high(written: str, html: str) -> None:
    assert formula(written) == html


def test_every_metric_has_its_formula_and_its_source(report: Report) -> None:
    html = html_definitions(report)
    for name, written in report.definitions.items():
        assert formula(written) in html
        assert METRICS[name].source in text_of(html)
    assert "how tightly the contexts" in html


def test_markup_in_a_formula_is_shown(report: Report) -> None:
    evil = replace(report, definitions=dict.fromkeys(report.definitions, "<script>alert(1)</script>"))
    assert "<script" not in html_definitions(evil)
