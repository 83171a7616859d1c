"""Write the metric tables of README.md and docs/metrics.md from the metrics themselves."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from nc_hf.metrics import METRICS
from nc_hf.metrics.table import FAMILIES
from nc_hf.report.words import ARROWS, by_family

ROOT = Path(__file__).resolve().parents[1]
START, END = "<!-- metrics: written by docs/metrics.py -->", "<!-- metrics: end -->"


def overview() -> str:
    """Return the metrics of the named presets, one a row."""
    rows = ["| metric | collapse | what it is | preset |", "|---|:-:|---|---|"]
    for name, metric in METRICS.items():
        if presets := ", ".join(metric.presets):
            rows.append(f"| `{name}` | {ARROWS[metric.direction]} | {metric.family}: {metric.title} | {presets} |")
    return "\n".join(rows)


def definitions() -> str:
    """Return every metric with formula and source, by family."""
    sections = []
    for family, names in by_family(METRICS).items():
        title, meaning = FAMILIES[family].title, FAMILIES[family].meaning
        rows = ["| metric | collapse | formula | changed by | source |", "|---|:-:|---|---|---|"]
        for metric in map(METRICS.__getitem__, names):
            formula = metric.formula.replace("|", "\\|")
            changed = ", ".join(change.replace("_", " ") for change in metric.changed_by)
            name = f"`{metric.name}`{' †' if metric.debiased else ''}"
            cells = (name, ARROWS[metric.direction], f"`{formula}`", changed, metric.source)
            rows.append(f"| {' | '.join(cells)} |")
        sections.append(f"### {family}: {title}\n\n{meaning[0].upper()}{meaning[1:]}.\n\n" + "\n".join(rows))
    return "\n\n".join(sections)


TABLES: dict[str, Callable[[], str]] = {"README.md": overview, "docs/metrics.md": definitions}


def renewed(document: str) -> str:
    """Return the text of a document with its table as the metrics are now."""
    text = (ROOT / document).read_text(encoding="utf-8")
    before, rest = text.split(START)
    _, after = rest.split(END)
    return f"{before}{START}\n\n{TABLES[document]()}\n\n{END}{after}"


def main() -> None:
    """Renew both documents."""
    for document in TABLES:
        (ROOT / document).write_text(renewed(document), encoding="utf-8")
        print(f"{document} is up to date", file=sys.stderr)


if __name__ == "__main__":
    main()
