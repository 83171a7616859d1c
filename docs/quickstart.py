"""Run docs/quickstart.ipynb from top to bottom, and keep in it what it prints."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).with_suffix(".ipynb")


def executed() -> nbformat.NotebookNode:
    """Return the notebook as it is after a run, without warnings and what differs from run to run.

    Raises:
        CellExecutionError: a cell failed.
    """
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    # Its plain form leaves an event loop that nobody closes.
    asyncio.run(NotebookClient(notebook, timeout=600, kernel_name="python3").async_execute())
    for cell in notebook.cells:
        cell.metadata.clear()
        if cell.cell_type == "code":
            cell.outputs = [each for each in cell.outputs if each.get("name") != "stderr"]
    notebook.metadata.language_info = {"name": "python"}
    return notebook


def main() -> None:
    """Renew the notebook."""
    nbformat.write(executed(), NOTEBOOK)
    print(f"docs/{NOTEBOOK.name} is up to date", file=sys.stderr)


if __name__ == "__main__":
    main()
