"""A report as HTML, part by part for any page: classes for ``result.css``, roles for a reader; all text is escaped."""

from pathlib import Path

from nc_hf.report.html.comparison import html_comparison as html_comparison
from nc_hf.report.html.definitions import html_definitions as html_definitions
from nc_hf.report.html.definitions import html_formulas as html_formulas
from nc_hf.report.html.metrics import html_metrics as html_metrics
from nc_hf.report.html.metrics import html_values as html_values
from nc_hf.report.html.summary import html_summary as html_summary
from nc_hf.report.html.summary import html_verdict as html_verdict
from nc_hf.report.html.tables import html_circumstances as html_circumstances
from nc_hf.report.html.tables import html_tokens as html_tokens

RESULT_STYLE = Path(__file__).parent / "result.css"
"""The style sheet of every part, for a page to load before its own."""
