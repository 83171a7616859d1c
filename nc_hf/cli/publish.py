"""``nc-hf publish``: a report proposed to the model's repository."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from nc_hf.errors import CancelledError, InputError

if TYPE_CHECKING:
    from nc_hf.report.publishing import FileChange, Publication

_COLOURS = {"+": "green", "-": "red", "@": "cyan"}
_UNSEEN = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")  # with these a README could steer the terminal


def publish_command(
    report: Annotated[Path, typer.Argument(metavar="REPORT.json", help="What `nc-hf measure --output` wrote.")],
    to: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Another repository with the measured commit, such as a copy.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be proposed.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON; with --yes or --dry-run, since nothing is asked.")
    ] = False,
) -> None:
    """Propose a report to the repository of its model, as one pull request.

    It adds the values to the model-index of README.md and the report as nc_report.json. What would change is shown
    first, and nothing is written without a yes. Takes a token with write access (HF_TOKEN or `hf auth login`).
    """
    if as_json and not (yes or dry_run):
        raise InputError("--json prints only JSON and so cannot ask: add --yes or --dry-run.")

    from nc_hf.report import Report
    from nc_hf.report.publishing import check_report, check_token, prepare, publish
    from nc_hf.runtime.files import read_json
    from nc_hf.runtime.seal import SEAL

    measured = Report.load(report)
    if SEAL not in cast(dict[str, object], read_json(report)):
        typer.echo(f"{report} carries no seal, so nobody can tell if it was edited: measure anew for one.", err=True)
    check_report(measured)
    if not dry_run:
        check_token()
    publication = prepare(measured, to)
    if not as_json:
        _preview(publication)
    if not (yes or dry_run):
        _ask(publication)
    address = None if dry_run else publish(publication)
    if as_json:
        files = {change.path: {"new": change.before is None, "diff": change.diff()} for change in publication.changes}
        told = {"repository": publication.repository, "title": publication.title, "pull_request": address}
        typer.echo(json.dumps({**told, "files": files}, indent=2, ensure_ascii=False))
    elif address is not None:
        typer.echo(address)


def _preview(publication: Publication) -> None:
    """Show the pull request: its title, and what would change."""
    typer.secho(f"A pull request to {publication.repository}: {publication.title}", bold=True)
    for change in publication.changes:
        _show(change)
        typer.echo()


def _show(change: FileChange) -> None:
    """Print the lines that change, as they are; of the report, which is long and of one piece, its size."""
    from nc_hf.report.publishing import REPORT

    if change.path == REPORT:
        size = f"{len(change.after.encode()):,} bytes"
        typer.secho(f"{change.path}: {'a new file' if change.before is None else 'replaced'}, {size}", bold=True)
        return
    for line in change.diff().splitlines():
        typer.secho(_UNSEEN.sub("\N{REPLACEMENT CHARACTER}", line), fg=_COLOURS.get(line[:1]))


def _ask(publication: Publication) -> None:
    """Go on only with a yes.

    Raises:
        CancelledError: there was none.
    """
    try:
        agreed = typer.confirm(f"Open this pull request on {publication.repository}?", err=True)
    except typer.Abort:
        typer.echo(err=True)
        agreed = False
    if not agreed:
        raise CancelledError("Nothing was published: run it again and answer y, or pass --yes.")
