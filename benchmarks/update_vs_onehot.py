"""ClassStatistics.update() against the one-hot product ``onehot.T @ features``: 2,048 x 768 over 29,233 classes."""

from __future__ import annotations

import torch
from timing import machine, ratio
from torch.nn.functional import one_hot

from nc_hf import ClassStatistics

TOKENS, DIM, CLASSES, REPEATS = 2048, 768, 29_233, 20


def main() -> None:
    """Print the ratio for labels as frequent as words (Zipf) and for uniform labels, in both precisions."""
    torch.manual_seed(0)
    print(f"update of {TOKENS} x {DIM} over {CLASSES} classes; {machine()}")
    features = torch.randn(TOKENS, DIM)
    zipf = torch.multinomial(1 / torch.arange(1.0, CLASSES + 1), TOKENS, replacement=True)
    for name, labels in (("Zipf", zipf), ("uniform", torch.randint(CLASSES, (TOKENS,)))):
        stats = ClassStatistics(DIM)
        stats.update(torch.zeros(CLASSES, DIM), torch.arange(CLASSES))
        for dtype in (torch.float64, torch.float32):
            onehot = torch.zeros(TOKENS, CLASSES, dtype=dtype)
            onehot[torch.arange(TOKENS), labels] = 1
            product = features.to(dtype)

            def update(stats: ClassStatistics = stats, labels: torch.Tensor = labels) -> None:
                for _ in range(REPEATS):
                    stats.update(features, labels)

            def multiply(onehot: torch.Tensor = onehot, product: torch.Tensor = product) -> torch.Tensor:
                return onehot.T @ product

            def make_and_multiply(
                labels: torch.Tensor = labels, product: torch.Tensor = product, dtype: torch.dtype = dtype
            ) -> torch.Tensor:
                return one_hot(labels, CLASSES).to(dtype).T @ product

            for what, work in (("the product alone", multiply), ("with the one-hot made", make_and_multiply)):
                times, slow, fast = ratio(work, update, pairs=7)
                print(
                    f"{name} labels, onehot.T @ features in {str(dtype).removeprefix('torch.')}, {what}: "
                    f"{slow * 1e3:.0f} ms; update() (float64 sums and scatter): {fast / REPEATS * 1e3:.2f} ms; "
                    f"{times * REPEATS:.0f} x"
                )


if __name__ == "__main__":
    main()
