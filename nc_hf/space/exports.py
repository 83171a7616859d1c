"""A report as something to download, without a file on this machine's disk: the bytes travel within the link."""

from __future__ import annotations

import base64
import io
import json
import re
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from html import escape
from typing import Literal, get_args

from nc_hf.errors import InputError
from nc_hf.report import Comparison, Report
from nc_hf.report.trajectory import Trajectory

Form = Literal["json", "markdown", "csv"]
Figure = Literal["variability", "agreement", "norms", "cosines"]
FIGURES: tuple[Figure, ...] = get_args(Figure)
ENDINGS: Mapping[Form, tuple[str, str, str]] = {
    "json": ("JSON", "json", "application/json"),
    "markdown": ("Markdown", "md", "text/markdown"),
    "csv": ("CSV", "csv", "text/csv"),
}
_DRAWING = threading.Lock()  # matplotlib's fonts and settings are those of the whole process


def as_text(report: Report, form: Form) -> str:
    """Return a report as text, with the very digits of `nc-hf measure`."""
    return {"json": report.to_json, "markdown": report.to_markdown, "csv": report.to_csv}[form]()


def as_png(report: Report, figures: Sequence[Figure] = FIGURES) -> bytes:
    """Draw a report: the figures that it holds what is needed for, one below the other.

    Raises:
        InputError: it holds what is needed for none.
    """
    from nc_hf.report import figures as plots

    draw = {
        "variability": plots.variability_figure,
        "agreement": plots.agreement_figure,
        "norms": plots.norms_figure,
        "cosines": plots.cosine_figure,
    }
    drawn = []
    for name in figures:
        content = io.BytesIO()
        with _DRAWING, suppress(InputError):
            draw[name](report).savefig(content, format="png", dpi=120)
            drawn.append(content)
    if not drawn:
        raise InputError(f"The report of {report.name} holds nothing to draw: measure with the preset core.")
    return drawn[0].getvalue() if len(drawn) == 1 else _stacked(drawn)


def download_links(report: Report, *, figure: bool) -> str:
    """Return the links that download a report, with or without its figure, which takes a moment to draw."""
    links = [
        link(label, file_name(report.name, ending), kind, as_text(report, form).encode())
        for form, (label, ending, kind) in ENDINGS.items()
    ]
    if figure and report.token_table is not None:
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


def course_links(trajectory: Trajectory) -> str:
    """Return the links that download a course over revisions."""
    links = [
        link("JSON", "nc_trajectory.json", "application/json", trajectory.to_json().encode()),
        link("Markdown", "nc_trajectory.md", "text/markdown", trajectory.to_markdown().encode()),
        link("CSV", "nc_trajectory.csv", "text/csv", trajectory.to_csv().encode()),
    ]
    return f"<div class='downloads' role='group' aria-label='Download the course'>{''.join(links)}</div>"


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


def _stacked(pictures: Sequence[io.BytesIO]) -> bytes:
    """Put pictures one below the other, centred on white."""
    from PIL import Image

    opened = [Image.open(picture).convert("RGB") for picture in pictures]
    width = max(picture.width for picture in opened)
    whole = Image.new("RGB", (width, sum(picture.height for picture in opened)), "white")
    top = 0
    for picture in opened:
        whole.paste(picture, ((width - picture.width) // 2, top))
        top += picture.height
    content = io.BytesIO()
    whole.save(content, format="png", optimize=True)
    return content.getvalue()
