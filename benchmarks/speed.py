"""How close this package comes to what no way of doing its work can do without: every line with its target.

::

    python benchmarks/speed.py                      # all, on one thread
    python benchmarks/speed.py --only pairs agreement --threads 2
    python benchmarks/speed.py --reference CLONE    # and the authors' library, from a clone
    python benchmarks/speed.py --only pairs --device cuda
"""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

import torch
from limits.lines import HEADER, Settings
from timing import machine

PARTS = ("pairs", "agreement", "passes", "update", "errors", "commands", "reference")


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--reference", type=Path, help="a clone of rhubarbwu/neural-collapse")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--small", action="store_true", help="everything small, to see that it runs")
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    settings = Settings(given.small, given.device, given.reference)
    print(f"{machine()}, {given.device}\n\n{HEADER}", flush=True)
    for part in given.only:
        for line in import_module(f"limits.{part}").run(settings):
            print(line.row(judged=not given.small), flush=True)


if __name__ == "__main__":
    main()
