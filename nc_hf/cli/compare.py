"""``nc-hf compare``: reports side by side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from nc_hf.cli.arguments import check_writable


def compare_command(
    reports: Annotated[
        list[Path], typer.Argument(metavar="A.json B.json ...", help="What `nc-hf measure --output` wrote.")
    ],
    markdown: Annotated[Path | None, typer.Option(help="Write the comparison as Markdown.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Compare reports: differences to the first, the more collapsed one, and what makes them not comparable."""
    check_writable(markdown)

    from rich.console import Console

    from nc_hf.files import write_text
    from nc_hf.report import Report, compare

    comparison = compare([Report.load(path) for path in reports])
    if markdown is not None:
        write_text(markdown, comparison.to_markdown())
    if as_json:
        typer.echo(json.dumps(comparison.to_dict(), indent=2, ensure_ascii=False, allow_nan=False))
    else:
        Console().print(comparison.to_table())
