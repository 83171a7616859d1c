"""Results as a Space keeps them, made from a report without a measurement."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from nc_hf.report import MetricValue, Report
from nc_hf.space.request import Request
from nc_hf.space.store import Store, StoredResult


def kept_result(
    report: Report,
    number: int,
    *,
    model: str = "",
    revision: str | None = None,
    corpus: str = "builtin",
    budget: int = 50_000,
    preset: str = "core",
    **values: float,
) -> StoredResult:
    """A result whose key and commit follow from its number.

    Args:
        report: whose other entries it has.
        number: in the key.
        model: id; by the number where none is named.
        revision: that was asked for.
        corpus: that was asked for, and read.
        budget: of tokens.
        preset: that was asked for.
        **values: of metrics, each with an error of a hundredth of it, and of ``loss``.
    """
    name = model or f"owner/model-{number}"
    loss = values.pop("loss", report.loss)
    changed = {metric: MetricValue(value, abs(value) / 100) for metric, value in values.items()}
    found = dataclasses.replace(
        report,
        model=dataclasses.replace(report.model, id=name, revision=revision, commit=f"{number:040x}", weights=None),
        corpus=dataclasses.replace(report.corpus, source=corpus),
        loss=loss,
        metrics={**report.metrics, **changed},
        created=f"2026-{1 + number // 28 % 12:02}-{1 + number % 28:02}T00:00:00Z",
    )
    return StoredResult(f"{number:032x}", Request(name, revision, corpus, budget, preset), found)


def keep_many(folder: Path, report: Report, count: int) -> list[StoredResult]:
    """Keep many results of two texts and two budgets in a folder, the better the higher the number, and return them."""
    store = Store(folder)
    kept = []
    for number in range(count):
        share = number / max(1, count - 1)
        kept.append(
            kept_result(
                report,
                number,
                revision=f"step{number}" if number % 3 == 0 else None,
                corpus="builtin" if number % 2 else "tinystories",
                budget=50_000 if number % 4 < 2 else 200_000,
                loss=6.0 - 4.0 * share,
                nc1_trace_ratio=5.0 - 4.9 * share,
                nc4_agreement=0.02 + 0.9 * share,
            )
        )
        store.keep(kept[-1])
    return kept
