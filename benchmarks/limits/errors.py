"""Standard errors: what they cost beside the values, and a whole pass with them beside float64 means alone."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence

import torch
from timing import ratio

from limits.lines import Line, Settings, batches, drawn_groups
from nc_hf import PRESETS, ClassStatistics, compute_metrics
from nc_hf.metrics.changes import Measured, without_groups
from nc_hf.metrics.compute import compute_by_draw
from nc_hf.metrics.drawing import Draws
from nc_hf.metrics.jackknife import GROUPS
from nc_hf.metrics.table import METRICS

NAMES = tuple(name for name in PRESETS["core"] if not METRICS[name].needs)


def run(settings: Settings) -> Iterator[Line]:
    """Yield the lines."""
    classes, dim = settings.size(16_384, 2_100), settings.size(768, 32)
    groups = drawn_groups(classes, dim, settings.size(4_000, 50), GROUPS)
    whole = ClassStatistics(dim)
    for group in groups:
        whole.merge(group)
    values = compute_metrics(whole, None, NAMES, 2)
    times, seconds, limit = ratio(
        lambda: errors(groups, whole, values),
        lambda: compute_metrics(whole, None, NAMES, 2),
        pairs=settings.size(1, 1),
    )
    yield Line(
        f"errors of `core`, K = {classes:,}, D = {dim}",
        "the values",
        times,
        2.0,
        note=f"{seconds:.1f} s, {limit:.1f} s",
    )
    yield from one_pass(settings)


def errors(groups: Sequence[ClassStatistics], whole: ClassStatistics, values: Mapping[str, float]) -> None:
    """Take replicates and bias as a report does."""

    def measure(part: ClassStatistics, names: Sequence[str], _: int | None, draws: Draws | None) -> Measured:
        if draws is not None:
            return compute_by_draw(part, None, names, 1, None, classes=whole.class_ids, draws=draws)
        return compute_metrics(part, None, names, 1, classes=whole.class_ids), ()

    without_groups(values, whole, groups, measure, whole.class_ids)


def one_pass(settings: Settings) -> Iterator[Line]:
    """Yield the cost of ten groups of statistics of a wide model with a large vocabulary, over float64 means alone."""
    classes, dim = settings.size(65_536, 300), settings.size(2_304, 32)
    stats = [ClassStatistics(dim) for _ in range(GROUPS)]
    sums = torch.zeros(classes, dim, dtype=torch.float64)
    counts = torch.zeros(classes, dtype=torch.int64)
    spent = {"update": 0.0, "means": 0.0}
    most = settings.size(60, 8)
    for number, (features, labels) in enumerate(batches(classes, dim, 1, 0)):
        if number == most:
            break
        started = time.perf_counter()
        sums.index_add_(0, labels, features.double())
        counts.index_add_(0, labels, torch.ones_like(labels))
        between = time.perf_counter()
        stats[number * GROUPS // most].update(features, labels)
        spent["update"] += time.perf_counter() - between
        spent["means"] += between - started
    yield Line(
        f"a pass with ten groups, K = {classes:,} of V = 262,144, D = {dim}", "float64 means alone",
        spent["update"] / spent["means"], 3.0, note=f"{most * 4096:,} tokens; {spent['update']:.1f} s",
    )  # fmt: skip
