"""The documents say what the code does: metric tables as registered, links that lead somewhere, code that parses."""

from __future__ import annotations

import ast
import re
from types import ModuleType

import pytest

from tests.paths import ROOT
from tests.scripts import load_script

DOCUMENTS = sorted(
    str(path.relative_to(ROOT)) for folder in ("", "docs", "recipes") for path in (ROOT / folder).glob("*.md")
)


@pytest.fixture(scope="module")
def tables() -> ModuleType:
    """The script that writes the metric tables."""
    return load_script(ROOT / "docs" / "metrics.py")


@pytest.mark.parametrize("document", ["README.md", "docs/metrics.md"])
def test_the_metric_table_is_that_of_the_code(tables: ModuleType, document: str) -> None:
    written = (ROOT / document).read_text(encoding="utf-8")
    assert written == tables.renewed(document), "run: python docs/metrics.py"


def test_every_metric_is_defined(tables: ModuleType) -> None:
    from nc_hf.metrics import METRICS

    documented = re.findall(r"^\| `(\w+)`(?: †)? \|", tables.definitions(), flags=re.MULTILINE)
    assert sorted(documented) == sorted(METRICS)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_to_files(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    targets = [link.partition("#")[0] for link in re.findall(r"\]\((?!https?://|#)([^)\s]+)\)", text)]
    assert [target for target in targets if not ((ROOT / document).parent / target).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_python_in_documents_parses(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    for block in re.findall(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL):
        ast.parse(block)


def test_the_readme_names_only_targets_and_commands_that_exist() -> None:
    from nc_hf.cli import app

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, flags=re.MULTILINE))
    commands = {entry.name for entry in (*app.registered_commands, *app.registered_groups)}
    assert {"demo", "test"} <= set(re.findall(r"^make (\w+)", text, flags=re.MULTILINE)) <= targets
    assert "measure" in set(re.findall(r"^nc-hf (\w+)", text, flags=re.MULTILINE)) <= commands
