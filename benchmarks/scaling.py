"""How the work grows with tokens, classes, width and layers: seconds, and each over the row before it.

::

    python benchmarks/scaling.py --threads 1
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from limits.lines import Settings, drawn_statistics
from limits.pairs import sweep_of
from limits.passes import drawn
from timing import machine
from transformers import GPTNeoConfig, GPTNeoForCausalLM

from nc_hf import ClassStatistics, measure

Rows = Iterator[tuple[int, float]]


def main(arguments: list[str] | None = None) -> None:
    """Print a table for each of what grows."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--small", action="store_true", help="everything small, to see that it runs")
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    settings = Settings(given.small)
    print(machine())
    for what, rows in GROWTH.items():
        print(f"\n| {what} | seconds | over the row before |\n|--:|--:|--:|", flush=True)
        before: float | None = None
        for size, seconds in rows(settings):
            grown = "" if before is None else f"{seconds / before:.2f} x"
            print(f"| {size:,} | {seconds:.3f} | {grown} |", flush=True)
            before = seconds


def tokens(settings: Settings) -> Rows:
    """Statistics of 4,096 classes in 256 dimensions."""
    classes, dim = settings.size(4_096, 64), 256
    features, labels = torch.randn(4_096, dim), torch.randint(classes, (4_096,))
    for size in settings.sizes((65_536, 262_144, 1_048_576), (4_096, 8_192)):
        stats = ClassStatistics(dim)
        stats.update(features, labels)
        yield size, best(lambda size=size, stats=stats: [stats.update(features, labels) for _ in range(size // 4_096)])


def classes(settings: Settings) -> Rows:
    """The pairs of `core` in 256 dimensions."""
    for size in settings.sizes((2_048, 4_096, 8_192, 16_384), (100, 200)):
        stats = drawn_statistics(size, 256, 100)
        yield size, best(lambda stats=stats: sweep_of(stats, "core"))


def width(settings: Settings) -> Rows:
    """The pairs of `core` among 4,096 classes."""
    for size in settings.sizes((128, 256, 512, 1_024, 2_048), (8, 16)):
        stats = drawn_statistics(settings.size(4_096, 100), size, 20)
        yield size, best(lambda stats=stats: sweep_of(stats, "core"))


def layers(settings: Settings) -> Rows:
    """A measurement of all layers of a GPT-Neo of width 128 and vocabulary 4,096 on 16,384 tokens, with its pass."""
    vocabulary = settings.size(4_096, 300)
    blocks = drawn(vocabulary, settings.size(16_384, 2_048))
    for depth in settings.sizes((2, 4, 8), (1, 2)):
        config = GPTNeoConfig(
            vocab_size=vocabulary, hidden_size=128, num_layers=depth, num_heads=4, max_position_embeddings=512,
            attention_types=[[["global"], depth]], bos_token_id=0, eos_token_id=0,
        )  # fmt: skip
        model: Any = GPTNeoForCausalLM(config).eval()
        yield (
            depth,
            best(
                lambda model=model: measure(
                    model,
                    blocks,
                    layers="all",
                    max_tokens=None,
                    progress=False,
                    device="cpu",
                    classes="all",
                )
            ),
        )


def best(work: Callable[[], object], times: int = 3) -> float:
    """Return the least CPU time of a few runs: on a busy machine the clock on the wall measures the neighbours."""
    spent = []
    for _ in range(times):
        started = time.process_time()
        work()
        spent.append(time.process_time() - started)
    return min(spent)


GROWTH = {"tokens": tokens, "classes": classes, "width": width, "layers": layers}

if __name__ == "__main__":
    main()
