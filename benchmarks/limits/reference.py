"""The authors' library (rhubarbwu/neural-collapse), from a clone: the same quantities of the same means."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from timing import ratio

from limits.lines import Line, Settings, drawn_statistics
from nc_hf import compute_metrics

NAMES = ("nc1_cdnv_paper", "gnc2_log_cov_paper")


def run(settings: Settings) -> Iterator[Line]:
    """Yield a line, where a clone was named."""
    if settings.reference is None:
        return
    if not (settings.reference / "neural_collapse").is_dir():
        raise SystemExit(f"{settings.reference} is no clone of rhubarbwu/neural-collapse: pass the folder of one.")
    sys.path.insert(0, str(settings.reference))
    measure: Any = import_module("neural_collapse.measure")
    kernels: Any = import_module("neural_collapse.kernels")
    classes, dim = settings.size(1_024, 100), settings.size(768, 32)  # theirs holds the differences of a tile's pairs
    stats = drawn_statistics(classes, dim, settings.size(1_000, 50))
    means, variances = stats.means.float(), (stats.scatter / stats.counts).float()

    def theirs() -> None:
        measure.variability_cdnv(variances, means, dist_exp=2.0, tile_size=64)
        kernels.kernel_stats(means, kernel=kernels.log_kernel, tile_size=64)

    times, seconds, limit = ratio(theirs, lambda: compute_metrics(stats, None, NAMES, 1), pairs=settings.size(3, 1))
    yield Line(
        f"the authors' CDNV and log kernel, K = {classes:,}, D = {dim}", "the same here", times,
        note=f"{seconds:.1f} s, {limit:.2f} s",
    )  # fmt: skip
