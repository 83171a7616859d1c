"""Whoever set TF32, and by whichever of torch's two interfaces: the head is read, and NC4 is decided in float32."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch

from nc_hf.runtime.precision import full_float32, matmul_dtypes
from tests.distributed.launcher import ROOT

# In a process of its own: once the older interface was used, torch does not hear the newer one any more.
AS_TRAINING_ARGUMENTS_DO = """
import torch
from transformers import GPT2Config, GPT2LMHeadModel
from transformers.utils.import_utils import enable_tf32
from nc_hf import ClassifierHead
from nc_hf.runtime.precision import full_float32, matmul_dtypes

model = GPT2LMHeadModel(GPT2Config(vocab_size=40, n_embd=16, n_layer=1, n_head=2, n_positions=16))
wanted = ClassifierHead.from_model(model).describe()
enable_tf32(True)
assert ClassifierHead.from_model(model).describe() == wanted
assert matmul_dtypes() == {torch.float16}
try:
    with full_float32():
        assert matmul_dtypes() == {torch.float32}
        raise KeyboardInterrupt
except KeyboardInterrupt:
    assert matmul_dtypes() == {torch.float16}
"""


@pytest.fixture
def _as_before() -> Iterator[None]:
    yield
    torch.set_float32_matmul_precision("highest")


@pytest.mark.slow
def test_tf32_of_the_training_arguments() -> None:
    ended = subprocess.run([sys.executable, "-c", AS_TRAINING_ARGUMENTS_DO], cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.usefixtures("_as_before")
@pytest.mark.parametrize(
    ("setting", "coarsest"), [("highest", torch.float32), ("high", torch.float16), ("medium", torch.bfloat16)]
)
def test_the_older_setting_is_read_lifted_and_put_back(setting: str, coarsest: torch.dtype) -> None:
    torch.set_float32_matmul_precision(setting)
    before = matmul_dtypes()
    assert coarsest in before
    with full_float32():
        assert matmul_dtypes() == {torch.float32}
    assert matmul_dtypes() == before
    assert torch.get_float32_matmul_precision() == setting
