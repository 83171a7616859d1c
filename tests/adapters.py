"""Adapters of PEFT over tiny models, as if trained: every number of theirs moved, and saved as PEFT saves."""

from __future__ import annotations

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

from tests.hub.helpers import write
from tests.hub.models import gpt2_files, tokenizer_files
from tests.hub.repository import Content, as_bytes

BASE, ADAPTER = "someone/base", "someone/adapter"
IDS = torch.arange(20, 60).reshape(2, 20)


def adapted(base: Any, config: PeftConfig, seed: int = 1) -> PeftModel:
    """An adapter over a model, with random numbers wherever training would have put some."""
    torch.manual_seed(seed)
    model = get_peft_model(base, config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.3 * torch.randn_like(parameter))
    return model.eval()


def saved_adapter(model: PeftModel, base: str | None = None, **changes: Any) -> dict[str, Content]:
    """What PEFT saves of an adapter, with its base under another name and entries of its configuration changed."""
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        files: dict[str, Content] = {path.name: path.read_bytes() for path in Path(folder).iterdir()}
    return with_entries(files, **({"base_model_name_or_path": base} if base else {}), **changes)


def with_entries(files: dict[str, Content], **changes: Any) -> dict[str, Content]:
    """The same files with entries of ``adapter_config.json`` changed."""
    entries = json.loads(as_bytes(files["adapter_config.json"])) | changes
    return {**files, "adapter_config.json": json.dumps(entries)}


def tiny_base(seed: int = 0) -> Any:
    """The GPT-2 of `gpt2_files` in memory."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), gpt2_files(seed=seed))
        return AutoModelForCausalLM.from_pretrained(folder).eval()


@cache
def _lora(seed: int) -> dict[str, Content]:
    config = LoraConfig(r=2, lora_alpha=8, target_modules=["c_attn"], fan_in_fan_out=True, task_type="CAUSAL_LM")
    return saved_adapter(adapted(tiny_base(), config, seed))


def lora_files(base: str = BASE, seed: int = 1, tokenizer: bool = False, **changes: Any) -> dict[str, Content]:
    """A LoRA over the GPT-2 of `gpt2_files`; without a tokenizer, as many on the Hub are."""
    files = with_entries(_lora(seed), base_model_name_or_path=base, **changes)
    return {**files, **(tokenizer_files() if tokenizer else {})}


def adapted_base(seed: int = 1) -> PeftModel:
    """The same in memory, not merged."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), lora_files(seed=seed))
        return PeftModel.from_pretrained(tiny_base(), folder).eval()


@torch.no_grad()
def seen(model: Any, ids: torch.Tensor = IDS) -> tuple[torch.Tensor, torch.Tensor]:
    """Final features and logits of a model's own forward pass."""
    out = model(input_ids=ids, output_hidden_states=True)
    return out.hidden_states[-1], out.logits
