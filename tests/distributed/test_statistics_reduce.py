"""Statistics over two real processes, with unequal shares of the tokens, are those of one."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from nc_hf import ClassStatistics

DIM = 6
# Tokens of each rank. One may have none, and each may meet classes that the others never see.
SHARES = {"unequal": (70, 13), "the last with none": (50, 0), "the first with none": (0, 50), "none at all": (0, 0)}


def share(rank: int, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The tokens of a rank: classes 0-9 everywhere and one of its own."""
    generator = torch.Generator().manual_seed(rank)
    labels = torch.randint(-1, 10, (size,), generator=generator)
    labels[::5] = 100 + rank
    return (1 + torch.randn(size, DIM, generator=generator)).float(), labels


def run_rank(folder: Path) -> None:
    """For each division of the tokens: count one's own in two batches, reduce, and write what one then holds."""
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True)
    assert accelerator.num_processes == 2
    rank = accelerator.process_index
    for case, sizes in enumerate(SHARES.values()):
        stats = ClassStatistics(DIM, covariance=True)
        stats.provenance["model"] = "gpt"
        features, labels = share(rank, sizes[rank])
        for rows in torch.arange(len(labels)).tensor_split(2):
            stats.update(features[rows], labels[rows])
        assert stats.reduce(accelerator) is stats
        stats.save(folder / f"{case}-{rank}.safetensors")
    accelerator.end_training()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What both ranks of one launch wrote, for every division."""
    folder = tmp_path_factory.mktemp("ranks")
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2"]
    launch += ["--master_addr=127.0.0.1", f"--master_port={free_port()}", __file__, str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(launch, capture_output=True, text=True, check=False, timeout=240, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("case", range(len(SHARES)), ids=list(SHARES))
def test_two_processes_hold_what_one_would(folder: Path, case: int) -> None:
    ranks = [ClassStatistics.load(folder / f"{case}-{rank}.safetensors") for rank in range(2)]
    names = ("class_ids", "counts", "means", "scatter", "within_scatter")
    assert all(torch.equal(getattr(ranks[0], name), getattr(ranks[1], name)) for name in names)

    whole = ClassStatistics(DIM, covariance=True)
    parts = [share(rank, size) for rank, size in enumerate(list(SHARES.values())[case])]
    whole.update(torch.cat([features for features, _ in parts]), torch.cat([labels for _, labels in parts]))
    assert ranks[0].class_ids.tolist() == whole.class_ids.tolist()
    assert ranks[0].counts.tolist() == whole.counts.tolist()
    assert ranks[0].num_tokens == whole.num_tokens
    assert ranks[0].provenance == {"model": "gpt"}
    for name in ("means", "scatter", "within_scatter"):
        torch.testing.assert_close(getattr(ranks[0], name), getattr(whole, name), rtol=1e-12, atol=1e-12)


def test_one_process_reduces_to_itself() -> None:
    from accelerate import Accelerator

    features, labels = share(0, 40)
    alone, reduced = ClassStatistics(DIM), ClassStatistics(DIM)
    alone.update(features, labels)
    reduced.update(features, labels)
    assert reduced.reduce(Accelerator(cpu=True)) is reduced
    assert torch.equal(reduced.means, alone.means)
    assert reduced.counts.tolist() == alone.counts.tolist()


if __name__ == "__main__":
    run_rank(Path(sys.argv[1]))
