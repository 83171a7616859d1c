"""A report as something to download, without a file on this machine's disk: the bytes travel within the link."""

from __future__ import annotations

import base64
import io
import json
import re
import threading
from collections.abc import Mapping
from html import escape
from typing import Literal

from nc_hf.report import Comparison, Report

Form = Literal["json", "markdown", "csv"]

ENDINGS: Mapping[Form, tuple[str, str, str]] = {
    "json": ("JSON", "json", "application/json"),
    "markdown": ("Markdown", "md", "text/markdown"),
    "csv": ("CSV", "csv", "text/csv"),
}
_DRAWING = threading.Lock()  # matplotlib keeps its figures in one place for the whole process


def as_text(report: Report, form: Form) -> str:
    """Return a report as text, with the very digits of `nc-hf measure`."""
    return {"json": report.to_json, "markdown": report.to_markdown, "csv": report.to_csv}[form]()


def as_png(report: Report) -> bytes:
    """Return the figure of a report: variability and NC4 by token frequency."""
    from nc_hf.plots import variability_figure

    content = io.BytesIO()
    with _DRAWING:
        variability_figure(report).savefig(content, format="png", dpi=200)
    return content.getvalue()


def download_links(report: Report, *, figure: bool) -> str:
    """Return the links that download a report, with or without its figure, which takes a moment to draw."""
    links = [
        link(label, file_name(report.name, ending), kind, as_text(report, form).encode())
        for form, (label, ending, kind) in ENDINGS.items()
    ]
    if figure:
        links.append(link("PNG", file_name(report.name, "png"), "image/png", as_png(report)))
    return f"<div class='downloads' role='group' aria-label='Download the report'>{''.join(links)}</div>"


def comparison_links(comparison: Comparison) -> str:
    """Return the links that download a comparison."""
    document = json.dumps(comparison.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
    links = [
        link("JSON", "nc_comparison.json", "application/json", document.encode()),
        link("Markdown", "nc_comparison.md", "text/markdown", comparison.to_markdown().encode()),
    ]
    return f"<div class='downloads' role='group' aria-label='Download the comparison'>{''.join(links)}</div>"


def link(label: str, name: str, kind: str, content: bytes) -> str:
    """Return a link that carries its content."""
    data = base64.b64encode(content).decode()
    return (
        f"<a class='download' download='{escape(name, quote=True)}' href='data:{kind};base64,{data}' "
        f"aria-label='Download as {escape(label)}'>{escape(label)}</a>"
    )


def file_name(name: str, ending: str) -> str:
    """Return a name for a download that says what it is.

    >>> file_name("a/b@main", "json")
    'nc_report-a-b-main.json'
    """
    return f"nc_report-{re.sub(r'[^A-Za-z0-9.]+', '-', name).strip('-.')[:80]}.{ending}"
