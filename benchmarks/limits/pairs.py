"""Pairs of class means: a sweep with all its kernels against the half Gram matrix of the same tiles, and memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from timing import ratio

from limits.lines import Line, Settings, drawn_statistics
from nc_hf import PRESETS, ClassStatistics, compute_metrics
from nc_hf.metrics import pairwise
from nc_hf.metrics.inputs import MetricInputs
from nc_hf.metrics.table import METRICS
from nc_hf.runtime.precision import full_float32

TARGETS = {"core": 2.0, "full": 4.0}


def run(settings: Settings) -> Iterator[Line]:
    """Yield the lines."""
    classes, dim = settings.size(16_384, 2_100), settings.size(768, 32)
    stats = drawn_statistics(classes, dim, settings.size(4_000, 50), settings.device)
    gram = settings.timed(half_gram(stats))
    for preset, target in TARGETS.items():
        sweep = settings.timed(lambda preset=preset: sweep_of(stats, preset))
        times, seconds, limit = ratio(sweep, gram, pairs=settings.size(5, 1))
        yield Line(
            f"pairs of `{preset}`, K = {classes:,}, D = {dim}", "float32 half-Gram of the same tiles", times, target,
            note=f"{seconds:.2f} s, {limit:.2f} s",
        )  # fmt: skip
    if settings.device == "cpu" and Path("/proc/self/clear_refs").exists():
        for preset in TARGETS:
            means = classes * dim * 8 / 1e6
            extra = peak(lambda preset=preset: compute_metrics(stats, None, preset, 10)) - means
            yield Line(
                f"memory of `{preset}`", "the class means in float64", extra, 64.0, "MB", f"beyond {means:.0f} MB"
            )


def half_gram(stats: ClassStatistics) -> Callable[[], None]:
    """Return the bare products of the tiles of a sweep, each pair once."""
    rows = stats.means
    rows = (rows - rows.mean(dim=0)).float()
    size = pairwise.TILE if rows.device.type == "cpu" else pairwise.TILE * pairwise._TILES_OF_A_GPU
    blocks = torch.split(rows, size)
    memory = torch.empty(size * size, device=rows.device)

    def products() -> None:
        with full_float32():
            for number, top in enumerate(blocks):
                for left in blocks[number:]:
                    torch.mm(top, left.T, out=memory[: len(top) * len(left)].view(len(top), len(left)))

    return products


def sweep_of(stats: ClassStatistics, preset: str) -> None:
    """Sweep with the kernels that a preset reads, the centred means among it."""
    kinds = {METRICS[name].pairs for name in PRESETS[preset]} - {None}
    inputs = MetricInputs(stats, None, 10, None, None, kinds)
    for kind in kinds:
        getattr(inputs, kind)


def peak(work: Callable[[], object]) -> float:
    """Return by how many MB a call raises the memory of this process at its peak; Linux alone tells."""
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
    work()
    status = Path("/proc/self/status").read_text()
    highest = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(highest.split()[1]) * 1024 / 1e6 - resident
