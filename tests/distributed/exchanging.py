"""Tensors and numbers sent around by each rank, which writes what it received; run by tests."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from accelerate.state import PartialState

from nc_hf.runtime.distributed import exchange_tensors, sum_over_processes


def main(folder: Path) -> None:
    """Send tensors whose names, shapes and dtypes differ from rank to rank."""
    process = PartialState(cpu=True)
    rank = process.process_index
    mine = {
        "labels": torch.arange(3 * rank, dtype=torch.int64),  # rank 0 has none
        f"of rank {rank}": torch.full((2, rank + 1), 0.1 * rank, dtype=torch.float64).T,
        "halves": torch.tensor([1.5], dtype=torch.bfloat16, requires_grad=True),
    }
    received = [
        {name: [str(tensor.dtype), tensor.tolist()] for name, tensor in part.items()}
        for part in exchange_tensors(mine, process)
    ]
    sums = sum_over_processes([float(rank + 1), 0.1, 2.0**60], process)
    (folder / f"rank{rank}.json").write_text(json.dumps({"received": received, "sums": sums}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    if dist.is_initialized():
        dist.destroy_process_group()
