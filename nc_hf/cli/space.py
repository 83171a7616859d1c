"""``nc-hf space``: the collapse meter on this machine, or it or the measurement's page as a Space on the Hub."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from nc_hf.errors import FileError, InputError

_PACKAGE = Path(__file__).parents[1]
_FOLDERS = (_PACKAGE / "spaces", _PACKAGE.parent / "spaces")
Page = Literal["collapse_meter", "neural_collapse"]


def space_command(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where the page is served.")] = 7860,
    host: Annotated[str, typer.Option(help="Interface; 0.0.0.0 opens the page to the network.")] = "127.0.0.1",
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page.")] = True,
    deploy: Annotated[
        str | None,
        typer.Option(metavar="OWNER/NAME", help="Create or update this Space on the Hub instead of starting here."),
    ] = None,
    page: Annotated[
        Page, typer.Option(help="With --deploy: the collapse meter, or the page of the evaluate measurement.")
    ] = "collapse_meter",
    private: Annotated[bool, typer.Option("--private", help="With --deploy: for you alone.")] = False,
) -> None:
    """Ask the question on a page: the collapse meter, here or as a Space on the Hub.

    Results are kept in NC_HF_SPACE_FOLDER; see docs/space.md for the other settings.
    """
    if deploy is not None:
        from nc_hf.hub.deployment import deploy_space

        typer.echo(deploy_space(deploy, space_folder(page), private=private))
        return
    if page != "collapse_meter":
        raise InputError(f"Here only the collapse meter is started: add --deploy OWNER/NAME to the page {page}.")
    start(host, port, browser)


def space_folder(page: Page) -> Path:
    """Find a page's files: within the installed package, or beside it in a checkout.

    Raises:
        FileError: they are in neither place.
    """
    for folder in (parent / page for parent in _FOLDERS):
        if (folder / "app.py").is_file():
            return folder
    raise FileError("The files of the page are missing: install nc_hf anew, with pip install 'nc_hf[space]'.")


def start(host: str, port: int, browser: bool) -> None:
    """Serve the page until it is interrupted.

    Raises:
        InputError: the extra is missing, or the port is taken.
    """
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    from nc_hf.space.page import serve
    from nc_hf.space.settings import Settings

    settings = Settings.from_environment()
    try:
        serve(settings, server_name=host, server_port=port, inbrowser=browser)
    except OSError as fault:
        raise InputError(f"The page cannot be served at {host}:{port} ({fault}): choose another --port.") from None
