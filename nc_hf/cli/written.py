"""What a command says of the files that it wrote."""

from __future__ import annotations

from pathlib import Path

import typer


def tell_written(*paths: Path | None) -> None:
    """Say on standard error where each file is and how large; None is a file that was not asked for."""
    from rich.filesize import decimal

    for path in paths:
        if path is not None:
            typer.echo(f"wrote {path} ({decimal(path.stat().st_size)})", err=True)
