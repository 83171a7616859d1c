"""docs/quickstart.ipynb runs as it stands, in under a minute of computing, and holds small outputs."""

from __future__ import annotations

import ast
from types import ModuleType

import nbformat
import pytest

from tests.paths import ROOT
from tests.scripts import load_script

NOTEBOOK = ROOT / "docs" / "quickstart.ipynb"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """The script that runs it."""
    return load_script(ROOT / "docs" / "quickstart.py")


def printed(notebook: nbformat.NotebookNode) -> list[str]:
    """What each cell of code shows: text, or Markdown."""
    return [
        "".join(each.get("text") or each.data.get("text/markdown", "") for each in cell.outputs)
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def test_it_is_whole_and_small() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    assert NOTEBOOK.stat().st_size < 20_000
    _, measured, trained, compared = printed(notebook)
    assert "nc4_agreement" in measured
    assert trained.count("'loss'") == 2
    assert "| `nc1_trace_ratio` |" in compared
    for cell in notebook.cells:
        if cell.cell_type == "code":
            ast.parse(cell.source)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_it_runs_offline(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    _, measured, trained, compared = printed(script.executed())
    assert measured.startswith("No verdict: the model does not read this text.")
    losses = [ast.literal_eval(line)["loss"] for line in trained.splitlines()]
    assert losses[1] < losses[0] < 6
    assert "collapsed" in compared.lower()
