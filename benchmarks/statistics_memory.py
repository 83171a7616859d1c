"""Memory of one pass's statistics with standard errors, against the float64 class means alone.

Ten groups of neighbouring rows, classes as frequent as words (Zipf): what `Layer` holds after the pass, and the most
that was held while it took tokens in, added up, and left each group out in turn.
"""

from __future__ import annotations

import argparse
import resource
from pathlib import Path

import torch
from timing import machine

from nc_hf.measurement.layer import Layer, TokenBatch
from nc_hf.metrics.uncertainty import replicates

GROUPS, BATCH = 10, 2048


class OneProcess:
    """This one."""

    num_processes = 1
    device = torch.device("cpu")


def resident() -> int:
    """Bytes that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def most() -> int:
    """The most bytes that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    """Print how many times the float64 means are held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vocabulary", type=int, default=262_144)
    parser.add_argument("--width", type=int, default=2304)
    parser.add_argument("--tokens", type=int, default=400_000)
    given = parser.parse_args()
    torch.manual_seed(0)
    frequency = 1 / torch.arange(1.0, given.vocabulary + 1)
    layer = Layer(given.width, torch.device("cpu"), groups=GROUPS)
    features, before = torch.randn(BATCH, given.width), resident()
    for start in range(0, given.tokens, BATCH):
        labels = torch.multinomial(frequency, BATCH, replacement=True)
        group = torch.full((BATCH,), start * GROUPS // given.tokens)
        layer.add(features, TokenBatch(labels, group, torch.arange(BATCH)))
    taken, held = most() - before, resident() - before
    layer.reduce(OneProcess())
    classes = layer.statistics.num_classes
    rows = sum(group.num_classes for group in layer.groups)
    means = classes * given.width * 8
    replicates(layer.groups, lambda rest, _: {"spread": float(rest.means.square_().sum())})
    print(
        f"{given.tokens} tokens, {classes} of {given.vocabulary} classes, width {given.width}: means "
        f"{means / 1e9:.2f} GB; rows of the groups {rows / classes:.2f} x, after the pass {held / means:.2f} x, "
        f"most in the pass {taken / means:.2f} x, most in all {(most() - before) / means:.2f} x; {machine()}"
    )


if __name__ == "__main__":
    main()
