"""Any configuration of transformers, brought to a cell's width and depth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig

from nc_hf.errors import NCError, StudyError
from nc_hf.study.cell import Cell
from nc_hf.study.families import build_model, model_config
from nc_hf.study.preset import load_study

CELL = replace(load_study("smoke").changed(block_size=16, vocab_size=300).cells[0], depth=3, width=64)
KINDS = (
    "llama",
    "qwen3",
    "gpt2",
    "mistral",
    "gemma2",
    "phi",
    "opt",
    "bloom",
    "falcon",
    "mixtral",
    "gpt_neox",
)


def scaled(folder: Path, kind: str, **changes: object) -> Cell:
    AutoConfig.for_model(kind).save_pretrained(folder)
    return replace(CELL, family=f"hf:{folder}", **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
def test_a_configuration_is_brought_to_the_width_and_depth(tmp_path: Path, kind: str) -> None:
    cell = scaled(tmp_path, kind)
    config, model = model_config(cell, 300), build_model(cell, 300).eval()
    assert config.model_type == kind
    assert (config.hidden_size, config.num_hidden_layers, config.vocab_size) == (64, 3, 300)
    assert (model.get_output_embeddings().weight is model.get_input_embeddings().weight) is cell.tied
    ids = torch.arange(16)[None]
    with torch.no_grad():
        logits = model(input_ids=ids).logits
    assert logits.shape == (1, 16, 300)
    assert torch.isfinite(logits).all()


def test_a_configuration_that_is_more_than_its_width_is_refused(tmp_path: Path) -> None:
    """The inner width of Mamba 2 is its number of heads times their size, which nothing here decides."""
    with pytest.raises(StudyError, match="cannot be brought to 3 layers of 64"):
        build_model(scaled(tmp_path, "mamba2"), 300)


def test_what_grows_with_the_width_keeps_its_ratio(tmp_path: Path) -> None:
    config = model_config(scaled(tmp_path, "mistral"), 300)  # 14,336 of 4,096, 8 of 32 heads
    assert (config.intermediate_size, config.num_attention_heads, config.num_key_value_heads) == (224, 4, 1)
    assert config.head_dim == 16
    assert model_config(scaled(tmp_path / "neo", "gpt2", dropout=0.25), 300).resid_pdrop == 0.25


@pytest.mark.parametrize("content", [None, "{", '{"model_type": "no_such_model"}', '{"model_type": "vit_mae"}'])
def test_what_is_no_configuration_of_a_language_model_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(NCError) as caught:
        build_model(replace(CELL, family=f"hf:{tmp_path}"), 300)
    assert len(str(caught.value).splitlines()) == 1
