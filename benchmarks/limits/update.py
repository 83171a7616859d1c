"""One batch of statistics against adding its rows, in float64, to the sums of their classes."""

from __future__ import annotations

from collections.abc import Iterator
from unittest.mock import patch

import torch
from timing import ratio

from limits.lines import Line, Settings
from nc_hf import ClassStatistics
from nc_hf.statistics import accumulation

REPEATS = 20


def run(settings: Settings) -> Iterator[Line]:
    """Yield a line for each loop there is."""
    tokens, classes, dim = settings.size(2_048, 256), settings.size(29_233, 300), settings.size(768, 32)
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(tokens, dim, generator=generator).to(settings.device)
    labels = torch.multinomial(1 / torch.arange(1.0, classes + 1), tokens, replacement=True, generator=generator)
    labels = labels.to(settings.device)
    sums = torch.zeros(classes, dim, dtype=torch.float64, device=settings.device)
    loops = {"numba": accumulation.fused_loop(), "torch": None}
    for name, loop in loops.items():
        if name == "numba" and (loop is None or settings.device != "cpu"):
            continue
        stats = ClassStatistics(dim, settings.device)
        stats.update(torch.zeros(classes, dim), torch.arange(classes))

        def add() -> None:
            for _ in range(REPEATS):
                sums.index_add_(0, labels, features.double())

        def update(stats: ClassStatistics = stats) -> None:
            for _ in range(REPEATS):
                stats.update(features, labels)

        with patch.object(accumulation, "fused_loop", lambda loop=loop: loop):
            times, seconds, _ = ratio(settings.timed(update), settings.timed(add), pairs=settings.size(7, 1))
        yield Line(
            f"`update()` of {tokens:,} x {dim} over {classes:,} classes, loop of {name}", "`index_add_` into float64",
            times, 2.0 if name == "torch" else 1.3, note=f"{seconds / REPEATS * 1e3:.2f} ms",
        )  # fmt: skip
