"""ClassStatistics.update() against the one-hot product ``onehot.T @ features``: 2,048 x 768 over 29,233 classes."""

from __future__ import annotations

from unittest.mock import patch

import torch
from timing import machine, ratio

from nc_hf import ClassStatistics
from nc_hf.statistics import accumulation

TOKENS, DIM, CLASSES, REPEATS = 2048, 768, 29_233, 20


def main() -> None:
    """Print the ratio for labels as frequent as words (Zipf) and for uniform labels, in both precisions."""
    torch.manual_seed(0)
    print(f"update of {TOKENS} x {DIM} over {CLASSES} classes; {machine()}")
    features = torch.randn(TOKENS, DIM)
    zipf = torch.multinomial(1 / torch.arange(1.0, CLASSES + 1), TOKENS, replacement=True)
    uniform = torch.randint(CLASSES, (TOKENS,))
    loops = {"numba": accumulation.fused_loop(), "torch": None}
    if loops["numba"] is None:
        print("numba is not installed (pip install 'nc_hf[fast]'): the loop of torch alone")
        del loops["numba"]
    for labels_are, labels in (("Zipf", zipf), ("uniform", uniform)):
        for dtype in (torch.float64, torch.float32):
            for name, loop in loops.items():
                with patch.object(accumulation, "fused_loop", lambda loop=loop: loop):
                    compare(f"{labels_are} labels, loop of {name}", features, labels, dtype)


def compare(what: str, features: torch.Tensor, labels: torch.Tensor, dtype: torch.dtype) -> None:
    """Print how many times as long as update() the product of this precision takes."""
    stats = ClassStatistics(DIM)
    stats.update(torch.zeros(CLASSES, DIM), torch.arange(CLASSES))
    onehot = torch.zeros(TOKENS, CLASSES, dtype=dtype)
    onehot[torch.arange(TOKENS), labels] = 1
    factor = features.to(dtype)

    def update() -> None:
        for _ in range(REPEATS):
            stats.update(features, labels)

    times, slow, fast = ratio(lambda: onehot.T @ factor, update, pairs=7)
    print(
        f"{what}: onehot.T @ features in {str(dtype).removeprefix('torch.')} {slow * 1e3:.0f} ms; "
        f"update(), float64 sums and scatter, {fast / REPEATS * 1e3:.2f} ms; {times * REPEATS:.0f} x"
    )


if __name__ == "__main__":
    main()
