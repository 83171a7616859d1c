"""Merging: the weights that PEFT's own forward pass stands for, and adapters that do not fit."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import IA3Config, LoHaConfig, LoKrConfig, LoraConfig, PeftModel
from safetensors.torch import load, save
from transformers import LlamaConfig, LlamaForCausalLM

from nc_hf import ClassifierHead
from nc_hf.errors import ModelError
from nc_hf.hub.adapter import read_adapter
from nc_hf.hub.merging import merge_adapter
from tests.adapters import IDS, adapted, saved_adapter, seen, tiny_base, with_entries
from tests.hub.helpers import is_one_sentence_with_advice, write
from tests.hub.repository import Content, as_bytes

TARGETS = ["q_proj", "down_proj"]
LLAMAS: list[tuple[str, bool, Any]] = [
    ("plain", False, LoraConfig(r=2, target_modules=TARGETS)),
    ("every linear layer by rank", False, LoraConfig(
        r=2, target_modules="all-linear", rank_pattern={"q_proj": 4}, alpha_pattern={"layers.1.mlp.up_proj": 32},
        use_rslora=True)),
    ("by a pattern of names", False, LoraConfig(r=2, target_modules=r".*layers\.1\..*(q|v)_proj")),
    ("dora", False, LoraConfig(r=2, target_modules=TARGETS, use_dora=True)),
    ("head", False, LoraConfig(r=2, target_modules=[*TARGETS, "lm_head"])),
    ("head, dora", False, LoraConfig(r=2, target_modules=["lm_head"], use_dora=True)),
    ("tied head", True, LoraConfig(r=2, target_modules=[*TARGETS, "lm_head"])),
    ("tied embeddings", True, LoraConfig(r=2, target_modules=[*TARGETS, "embed_tokens"])),
    ("tied, both at once", True, LoraConfig(
        r=2, target_modules=[*TARGETS, "lm_head", "embed_tokens"], ensure_weight_tying=True)),
    ("saved head", False, LoraConfig(r=2, target_modules=TARGETS, modules_to_save=["lm_head"])),
    ("saved tied head", True, LoraConfig(r=2, target_modules=TARGETS, modules_to_save=["lm_head"])),
    ("saved tied embeddings", True, LoraConfig(r=2, target_modules=TARGETS, modules_to_save=["embed_tokens"])),
    ("saved, tied for good", True, LoraConfig(
        r=2, target_modules=TARGETS, modules_to_save=["embed_tokens"], ensure_weight_tying=True)),
    ("saved norms", True, LoraConfig(r=2, target_modules=TARGETS, modules_to_save=["norm"])),
    ("tokens", True, LoraConfig(r=2, target_modules=TARGETS, trainable_token_indices=[21, 22])),
    ("LoHa", True, LoHaConfig(r=2, target_modules=TARGETS)),
    ("LoKr", True, LoKrConfig(r=2, target_modules=TARGETS)),
    ("IA3", True, IA3Config(target_modules=["k_proj", "down_proj"], feedforward_modules=["down_proj"])),
]  # fmt: skip
GPTS: list[tuple[str, Any]] = [
    (
        "biases of layers",
        LoraConfig(r=2, target_modules=["c_attn"], fan_in_fan_out=True, bias="lora_only", lora_bias=True),
    ),
    ("every bias", LoraConfig(r=2, target_modules=["c_attn"], fan_in_fan_out=True, bias="all")),
    ("tied embeddings, dora", LoraConfig(r=2, target_modules=["c_fc", "wte"], fan_in_fan_out=True, use_dora=True)),
]


def llama(tied: bool) -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=64,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        tie_word_embeddings=tied,
    )
    return LlamaForCausalLM(config).eval()


def merged(base: Any, files: dict[str, Content], folder: Path) -> Any:
    write(folder / "adapter", files)
    adapter = read_adapter("someone/adapter", as_bytes(files["adapter_config.json"]))
    return merge_adapter("someone/adapter", base, adapter, folder / "adapter" / "adapter_model.safetensors")


def check(base: Any, again: Any, config: Any, folder: Path) -> Any:
    """Merge what PEFT saved, and hold features and logits against those of the model that it was saved from."""
    config.task_type = "CAUSAL_LM"
    before = seen(base)
    model = adapted(base, config)
    found = merged(again, saved_adapter(model, "someone/base"), folder)
    assert type(found) is type(again)
    assert not found.training
    for own, theirs in zip(seen(found), seen(model), strict=True):
        torch.testing.assert_close(own, theirs, rtol=1e-4, atol=1e-4)
    assert any((theirs - untouched).abs().max() > 1e-3 for theirs, untouched in zip(seen(model), before, strict=True))
    features, logits = seen(found)
    head = ClassifierHead.from_model(found)
    torch.testing.assert_close(features @ head.weight.T, logits, rtol=1e-4, atol=1e-4)
    tied = found.get_output_embeddings().weight is found.get_input_embeddings().weight
    assert found.config.tie_word_embeddings is tied
    return found


@pytest.mark.parametrize(("tied", "config"), [each[1:] for each in LLAMAS], ids=[each[0] for each in LLAMAS])
def test_a_merged_llama_is_what_peft_runs(tied: bool, config: Any, tmp_path: Path) -> None:
    check(llama(tied), llama(tied), config, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("config", [each[1] for each in GPTS], ids=[each[0] for each in GPTS])
def test_a_merged_gpt_is_what_peft_runs(config: Any, tmp_path: Path) -> None:
    check(tiny_base(), tiny_base(), config, tmp_path)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("kept", [{}, {"modules_to_save": ["embed_tokens", "lm_head"]}])
def test_a_vocabulary_that_grew_in_training_comes_with_the_adapter(
    tied: bool, kept: dict[str, Any], tmp_path: Path
) -> None:
    base = llama(tied)
    base.resize_token_embeddings(70)
    model = adapted(base, LoraConfig(r=2, target_modules=TARGETS, task_type="CAUSAL_LM", **kept))
    model.save_pretrained(tmp_path / "saved", save_embedding_layers=True)
    files: dict[str, Content] = {path.name: path.read_bytes() for path in (tmp_path / "saved").iterdir()}
    found = merged(llama(tied), with_entries(files, base_model_name_or_path="someone/base"), tmp_path)
    assert found.config.vocab_size == 70
    for own, theirs in zip(seen(found, IDS + 10), seen(model, IDS + 10), strict=True):
        torch.testing.assert_close(own, theirs, rtol=1e-4, atol=1e-4)


def test_half_precision_is_merged_from_full(tmp_path: Path) -> None:
    """The product of the two factors is taken in float32, also where they are stored in bfloat16."""
    model = adapted(llama(False), LoraConfig(r=2, target_modules=TARGETS, task_type="CAUSAL_LM"))
    files = saved_adapter(model, "someone/base")
    stored = {name: value.bfloat16() for name, value in load(as_bytes(files["adapter_model.safetensors"])).items()}
    found = merged(llama(False), {**files, "adapter_model.safetensors": save(stored)}, tmp_path)
    name = "model.layers.0.self_attn.q_proj"
    a, b = (stored[f"base_model.model.{name}.lora_{letter}.weight"].double() for letter in "AB")
    expected = llama(False).get_parameter(f"{name}.weight").double() + 8 / 2 * b @ a
    torch.testing.assert_close(found.get_parameter(f"{name}.weight").double(), expected, rtol=1e-6, atol=1e-6)
    low = merged(llama(False).bfloat16(), files, tmp_path)
    assert {parameter.dtype for parameter in low.parameters()} == {torch.bfloat16}


def lora_over(tied: bool = False, **changes: Any) -> dict[str, Content]:
    model = adapted(llama(tied), LoraConfig(r=2, target_modules=TARGETS, task_type="CAUSAL_LM"))
    return saved_adapter(model, "someone/base", **changes)


def with_tensors(files: dict[str, Content], **changes: torch.Tensor | None) -> dict[str, Content]:
    tensors = {**load(as_bytes(files["adapter_model.safetensors"])), **changes}
    held = {name: value for name, value in tensors.items() if value is not None}
    return {**files, "adapter_model.safetensors": save(held)}


A = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (with_tensors(lora_over(), **{A: None}), "does not fit its base model someone/base"),
        (with_tensors(lora_over(), **{A: torch.zeros(3, 16)}), "does not fit its base model someone/base"),
        (
            with_tensors(lora_over(), **{A.replace("layers.0", "layers.9"): torch.zeros(2, 16)}),
            "'model.layers.9.*lacks",
        ),
        (with_tensors(lora_over(), **{"base_model.model.(x+)+y.weight": torch.zeros(2)}), "which its base .* lacks"),
        (with_tensors(lora_over(), **{A.replace("lora_A", "lora_C"): torch.zeros(2)}), "does not fit its base model"),
        (lora_over(r=4), "does not fit its base model"),
        (lora_over(use_dora=True), "does not fit its base model"),
        ({**lora_over(), "adapter_model.safetensors": b"cut"}, "does not fit its base model"),
    ],
    ids=["lacking", "of another rank", "of another base", "a pattern for a name", "unknown", "r", "dora", "cut"],
)
def test_tensors_that_do_not_fit_are_refused(files: dict[str, Content], said: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=said) as caught:
        merged(llama(False), files, tmp_path)
    assert is_one_sentence_with_advice(str(caught.value))


def test_nothing_that_a_configuration_names_is_imported_or_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "evil_core.py").write_text("raise SystemExit('it ran')")
    monkeypatch.syspath_prepend(tmp_path)
    names = {"megatron_core": "evil_core", "megatron_config": {"a": 1}, "corda_config": {"cache_file": "/etc/passwd"}}
    found = merged(llama(False), lora_over(**names, target_modules="(x+x+)+y"), tmp_path)
    assert isinstance(found, LlamaForCausalLM)
    assert not isinstance(found, PeftModel)
    assert "evil_core" not in sys.modules
