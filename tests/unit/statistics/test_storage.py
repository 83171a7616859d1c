"""The file of statistics: every bit comes back, and what is truncated, foreign or does not fit is refused."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor

from nc_hf import ClassStatistics
from nc_hf.errors import FileError
from nc_hf.runtime.container import save_container
from nc_hf.statistics.storage import KIND, VERSION
from tests.class_statistics import DIM, assert_same_bits, batch, splits, statistics

LIES = [
    ("class_ids", lambda ids: ids.flip(0), "not ascending"),
    ("class_ids", lambda ids: ids.clamp(min=int(ids[1])), "not ascending"),
    ("class_ids", lambda ids: ids - ids[0] - 1, "not ascending"),
    ("class_ids", lambda ids: ids.int(), "are torch.int32"),
    ("counts", lambda counts: counts - counts.min(), "not from 1"),
    ("counts", lambda counts: -counts, "not from 1"),
    ("counts", lambda counts: counts * 0 + 2**62, "not from 1"),
    ("counts", lambda counts: counts.double(), "are torch.float64"),
    ("sums", lambda sums: sums * torch.nan, "not finite"),
    ("sums", lambda sums: sums.float(), "are torch.float32"),
    ("sums", lambda sums: sums * 1e3, "scatter below zero"),
    ("sums", lambda sums: sums * 1e200, "scatter below zero"),
    ("squares", lambda squares: squares * torch.inf, "not finite"),
    ("squares", lambda squares: -squares, "scatter below zero"),
    ("pivot", lambda pivot: pivot + torch.inf, "not finite"),
    ("moment", lambda moment: moment * 2, "not that of its squares"),
]
"""What a file may say falsely: of which part, how, and the words in which it is refused."""


@pytest.mark.parametrize("covariance", [False, True])
def test_a_file_gives_back_every_bit(tmp_path: Path, covariance: bool) -> None:
    stats = statistics(batch(12, 80), batch(13, 50), covariance=covariance)
    stats.provenance.update(model="gpt", corpus="stories é")
    stats.save(tmp_path / "run.safetensors")
    loaded = ClassStatistics.load(tmp_path / "run.safetensors")
    assert_same_bits(loaded, stats)
    assert loaded.provenance == {"model": "gpt", "corpus": "stories é"}
    assert loaded.dim == DIM
    assert [path.name for path in tmp_path.iterdir()] == ["run.safetensors"]


def test_a_file_gives_back_every_bit_of_classes_that_came_in_any_order(tmp_path: Path) -> None:
    """Sorting the classes for the file must not change the order in which anything is summed."""
    features, _ = batch(22, 60)
    stats = statistics(*[(features[i : i + 6], torch.full((6,), 100 - i)) for i in range(0, 60, 6)], covariance=True)
    stats.save(tmp_path / "run.safetensors")
    assert_same_bits(ClassStatistics.load(tmp_path / "run.safetensors"), stats)


def test_nothing_can_be_saved_too(tmp_path: Path) -> None:
    ClassStatistics(DIM).save(tmp_path / "none")
    assert ClassStatistics.load(tmp_path / "none").num_classes == 0
    assert ClassStatistics.load(tmp_path / "none").dim == DIM


@settings(max_examples=20)
@given(parts=splits(), cut=st.integers(0, 6))
def test_going_on_from_a_file_is_never_having_stopped(tmp_path_factory, parts, cut: int) -> None:
    path = tmp_path_factory.mktemp("resume") / "part.safetensors"
    statistics(*parts[:cut], covariance=True).save(path)
    resumed = ClassStatistics.load(path)
    for features, labels in parts[cut:]:
        resumed.update(features, labels)
    assert_same_bits(resumed, statistics(*parts, covariance=True))


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_file_is_refused(tmp_path: Path, share: float) -> None:
    path = tmp_path / "run.safetensors"
    statistics(batch(14, 80)).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(FileError, match=r"run\.safetensors"):
        ClassStatistics.load(path)


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a tensor in it\n" * 50)
    save_file({"lm_head.weight": torch.ones(4, 4)}, tmp_path / "model.safetensors")
    for name in ("text", "model.safetensors", "absent", "."):
        with pytest.raises(FileError):
            ClassStatistics.load(tmp_path / name)


@pytest.mark.parametrize(
    ("tensors", "metadata", "why"),
    [
        ({}, {"dim": "8"}, "says width 8"),
        ({}, {"provenance": '["gpt"]'}, "what its statistics are of"),
        ({}, {"provenance": '{"model": 3}'}, "what its statistics are of"),
        ({}, {"dim": None}, "what its statistics are of"),
        ({}, {"provenance": "{"}, "what its statistics are of"),
        ({"pivot": None}, {}, "lacks a part"),
        ({"pivot": torch.zeros(5, dtype=torch.float64)}, {}, "lacks a part"),
        ({"counts": torch.ones(2, dtype=torch.int64)}, {}, "lacks a part"),
        ({"sums": torch.zeros(3, dtype=torch.float64)}, {}, "lacks a part"),
    ],
)
def test_a_file_whose_parts_do_not_fit_is_refused(
    tmp_path: Path, tensors: dict[str, Tensor | None], metadata: dict[str, str | None], why: str
) -> None:
    path, stats = tmp_path / "run.safetensors", ClassStatistics(4)
    stats.update(torch.ones(6, 4), torch.arange(6) % 3)
    stats.save(path)
    kept = {**stats.state_dict(), **tensors}
    said = {"dim": "4", "provenance": "{}", **metadata}
    save_container(
        path,
        KIND,
        VERSION,
        {name: tensor for name, tensor in kept.items() if tensor is not None},
        {name: text for name, text in said.items() if text is not None},
    )
    with pytest.raises(FileError, match=why):
        ClassStatistics.load(path)


@pytest.mark.parametrize(("name", "false", "why"), LIES)
def test_a_file_of_values_that_no_features_give_is_refused_though_its_digest_is_right(
    tmp_path: Path, name: str, false: Callable[[Tensor], Tensor], why: str
) -> None:
    path, stats = tmp_path / "run.safetensors", statistics(batch(16, 60), covariance=True)
    state = stats.state_dict()
    save_container(path, KIND, VERSION, state, {"dim": str(DIM), "provenance": "{}"})
    assert_same_bits(ClassStatistics.load(path), stats)
    save_container(path, KIND, VERSION, {**state, name: false(state[name])}, {"dim": str(DIM), "provenance": "{}"})
    with pytest.raises(FileError, match=f"holds no statistics, for .*{why}"):
        ClassStatistics.load(path)


def test_equal_statistics_make_equal_bytes(tmp_path: Path) -> None:
    said = {f"name {number}": str(number) for number in range(12)}
    for order in (1, -1):
        stats = statistics(batch(17, 60))
        stats.provenance.update(list(said.items())[::order])
        stats.save(tmp_path / f"{order}.safetensors")
    assert (tmp_path / "1.safetensors").read_bytes() == (tmp_path / "-1.safetensors").read_bytes()


SAVE_ON_A_FULL_DISK = """
import resource, sys, torch
from nc_hf import ClassStatistics

stats = ClassStatistics(64)
stats.update(torch.randn(2000, 64), torch.arange(2000))
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    stats.save(sys.argv[1])
except Exception as failure:
    print("refused")
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file sizes")
def test_a_write_that_fails_midway_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    old = statistics(batch(15, 80))
    old.save(path)
    command = [sys.executable, "-c", SAVE_ON_A_FULL_DISK, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "refused\n", done.stderr
    assert_same_bits(ClassStatistics.load(path), old)
    assert [path.name for path in tmp_path.iterdir()] == ["run.safetensors"]
