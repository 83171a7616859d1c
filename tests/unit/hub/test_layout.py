"""A configuration is held against what the weights can fill, before a model is made of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForCausalLM

from nc_hf.errors import ModelError
from nc_hf.hub.layout import described_model
from nc_hf.hub.weights import WeightSummary
from tests.hub.helpers import is_one_sentence_with_advice, write
from tests.hub.models import gpt2_files, with_config


def summary(folder: Path, share: float = 1.0) -> WeightSummary:
    """What files hold that hold such a share of the model's numbers, in as many tensors."""
    model = AutoModelForCausalLM.from_pretrained(folder)
    sizes = {name: int(each.numel() * share) for name, each in model.named_parameters()}
    return WeightSummary(sum(sizes.values()), sizes, "float32")


def test_a_model_as_large_as_its_weights_is_taken(tmp_path: Path) -> None:
    folder = write(tmp_path / "model", gpt2_files())
    config, tables = described_model("a/b", folder, "gpt2", summary(folder))
    assert (config.n_embd, config.n_layer, config._attn_implementation) == (16, 2, None)
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert tables == sum(buffer.nbytes for buffer in model.buffers())


def test_a_model_larger_than_its_weights_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "model", gpt2_files())
    with pytest.raises(ModelError, match="describes a model larger than its weights"):
        described_model("a/b", folder, "gpt2", summary(folder, 0.9))


@pytest.mark.parametrize(
    "lie",
    [{"n_embd": 10**6}, {"vocab_size": 10**8}, {"num_labels": 99_999}, {"n_inner": 10**7}, {"n_head": 20_000}],
    ids=str,
)
def test_a_number_that_the_weights_cannot_fill_is_named(tmp_path: Path, lie: dict[str, Any]) -> None:
    honest = write(tmp_path / "honest", gpt2_files())
    folder = write(tmp_path / "model", with_config(gpt2_files(), **lie))
    (key,) = lie
    with pytest.raises(ModelError, match=f"gives {key} as .* and its weights are") as caught:
        described_model("a/b", folder, "gpt2", summary(honest))
    assert is_one_sentence_with_advice(str(caught.value))


def test_layers_without_a_tensor_each_are_not_laid_out(tmp_path: Path) -> None:
    honest = write(tmp_path / "honest", gpt2_files())
    folder = write(tmp_path / "model", with_config(gpt2_files(), n_layer=9_000))
    with pytest.raises(ModelError, match="larger than its weights"):
        described_model("a/b", folder, "gpt2", summary(honest))
