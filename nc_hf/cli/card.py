"""``nc-hf card``: reports as Markdown for a model card, or one as a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nc_hf.cli.arguments import check_writable
from nc_hf.cli.written import tell_written
from nc_hf.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from nc_hf.report import Report


def card_command(
    reports: Annotated[
        list[Path], typer.Argument(metavar="REPORT.json ...", help="What `nc-hf measure --output` wrote.")
    ],
    output: Annotated[
        Path | None, typer.Option(metavar="CARD.md", help="Write the card here instead of printing it.")
    ] = None,
    figure: Annotated[
        bool, typer.Option("--figure", help="Draw figures beside CARD.md, as PNG and SVG, and show them in it.")
    ] = False,
    html: Annotated[
        Path | None,
        typer.Option(metavar="PAGE.html", help="Write one report as a page with pictures instead."),
    ] = None,
) -> None:
    """Write reports as Markdown for a model card: of several, their comparison first."""
    if html is not None and (len(reports) > 1 or output is not None or figure):
        raise InputError("--html writes one report and nothing else: name one, without --output and --figure.")
    if figure and output is None:
        raise InputError("--figure draws beside the card: say with --output where that is.")
    check_writable(output, html)

    from nc_hf.report import Report
    from nc_hf.runtime.files import write_text

    loaded = [Report.load(path) for path in reports]
    if html is not None:
        write_text(html, loaded[0].to_html())
    elif output is None:
        typer.echo(_card(loaded, {}), nl=False)
    else:
        write_text(output, _card(loaded, _draw(loaded, output) if figure else {}))
        tell_written(output)


def _card(reports: Sequence[Report], pictures: Mapping[int | None, str]) -> str:
    """Return the comparison, where there is something to compare, then each report."""
    from nc_hf.report import compare

    parts = []
    if len(reports) > 1:
        parts.append(compare(reports).to_markdown())
        parts += [f"{pictures[None]}\n"] if pictures else []
    parts += [report.to_markdown(pictures.get(place)) for place, report in enumerate(reports)]
    return "\n".join(parts)


def _draw(reports: Sequence[Report], card: Path) -> dict[int | None, str]:
    """Save a figure of each report, and under None one of their comparison; return the Markdown that shows each."""
    from urllib.parse import quote

    from nc_hf.report.figures import comparison_figure, save_figure, variability_figure
    from nc_hf.report.markdown import plain

    drawn: dict[int | None, tuple[str, Figure]] = {
        place: (f"Variability by token frequency of {report.name}", variability_figure(report))
        for place, report in enumerate(reports)
    }
    if len(reports) > 1:
        drawn[None] = ("Neural collapse compared", comparison_figure(reports))
    pictures = {}
    for place, (what, figure) in drawn.items():
        name = f"{card.stem}-{place + 1}" if len(reports) > 1 and place is not None else card.stem
        png, svg = save_figure(figure, card.parent, name)
        tell_written(png, svg)
        pictures[place] = f"![{plain(what)}]({quote(png.name)})"
    return pictures
