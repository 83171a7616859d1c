"""Adapters by their configuration: which can be merged, and why the others cannot."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from nc_hf.errors import InputError, ModelError
from nc_hf.hub.adapter import Adapter, base_reference, check_adapter_files, hash_of_merged, read_adapter
from tests.hub.helpers import is_one_sentence_with_advice

ENTRIES: dict[str, Any] = {
    "peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": "someone/base", "r": 8, "lora_alpha": 16
}  # fmt: skip
LORA = Adapter("LORA", "someone/base", None, {"r": 8, "lora_alpha": 16})


def read(**changes: Any) -> Adapter:
    return read_adapter("someone/adapter", json.dumps(ENTRIES | changes).encode())


def test_what_decides_the_weights_is_kept_and_nothing_else() -> None:
    assert read() == LORA
    trained = {
        "target_modules": "(x+)+",
        "lora_dropout": 0.1,
        "megatron_core": "os",
        "peft_version": "9",
        "corda_config": {},
    }
    assert read(**trained, inference_mode=True, modules_to_save=None, rank_pattern={}, use_dora=False) == Adapter(
        "LORA", "someone/base", None, {"r": 8, "lora_alpha": 16, "use_dora": False}
    )
    assert read(revision="v1").revision == "v1"
    assert read(init_lora_weights="gaussian") == LORA


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"peft_type": "PROMPT_TUNING"}, "leaves nothing to merge"),
        ({"peft_type": "P_TUNING"}, "leaves nothing to merge"),
        ({"peft_type": "PREFIX_TUNING"}, "leaves nothing to merge"),
        ({"peft_type": "MULTITASK_PROMPT_TUNING"}, "leaves nothing to merge"),
        ({"peft_type": "XLORA"}, "of the kind 'XLORA', which is not merged here"),
        ({"peft_type": None}, "which is not merged here"),
        ({"task_type": "SEQ_CLS"}, "not for a causal language model"),
        ({"base_model_name_or_path": None}, "does not name its base model"),
        ({"base_model_name_or_path": " "}, "does not name its base model"),
        ({"revision": 3}, "does not name its base model"),
        ({"r": 0}, "gives r as 0, which no adapter has"),
        ({"r": 10**12}, "which no adapter has"),
        ({"r": "8"}, "which no adapter has"),
        ({"r": True}, "which no adapter has"),
        ({"lora_alpha": 1e300}, "which no adapter has"),
        ({"lora_alpha": float("nan")}, "which no adapter has"),
        ({"alpha_pattern": {"(a+)+$": 2}}, "which no adapter has"),
        ({"modules_to_save": ["(a+)+$"]}, "which no adapter has"),
        ({"use_dora": "yes"}, "which no adapter has"),
        ({"init_lora_weights": "pissa"}, "changes the base's own weights"),
        ({"layer_replication": [[0, 4]]}, "has 'layer_replication', which is not merged here"),
        ({"alora_invocation_tokens": [1]}, "which is not merged here"),
        ({"of_the_future": {"a": 1}}, "has 'of_the_future', which is not merged here"),
    ],
)
def test_an_adapter_that_cannot_be_merged_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelError, match=said) as caught:
        read(**changes)
    assert is_one_sentence_with_advice(str(caught.value))


@pytest.mark.parametrize("text", ["", "[", "[1]", "3", "null", '"x"', "[" * 100_000, "\xff"])
def test_a_configuration_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ModelError, match=r"adapter_config\.json of someone/adapter cannot be read"):
        read_adapter("someone/adapter", text.encode("latin-1"))


@pytest.mark.parametrize(
    ("files", "said"), [(["adapter_model.bin"], "pickle"), ([], r"without adapter_model\.safetensors")]
)
def test_weights_come_as_safetensors(files: list[str], said: str) -> None:
    with pytest.raises(ModelError, match=said) as caught:
        check_adapter_files("someone/adapter", ["adapter_config.json", *files])
    assert is_one_sentence_with_advice(str(caught.value))
    check_adapter_files("someone/adapter", ["adapter_config.json", "adapter_model.safetensors", *files])


def test_where_peft_is_missing_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(InputError, match=r"is an adapter, which needs peft: pip install 'nc_hf\[peft\]'\.$"):
        check_adapter_files("someone/adapter", ["adapter_model.safetensors"])


def test_a_base_is_of_the_hub_unless_it_may_be_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    local = Adapter("LORA", str(tmp_path), None, {})
    assert base_reference("./adapter", local, allow_local=True).folder == tmp_path
    with pytest.raises(ModelError, match="which is no model that can be read here") as caught:
        base_reference("someone/adapter", local)
    assert is_one_sentence_with_advice(str(caught.value))
    (tmp_path / "someone" / "base").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert base_reference("someone/adapter", LORA).folder is None
    assert base_reference("./adapter", LORA, allow_local=True).folder == Path("someone/base")
    with pytest.raises(ModelError, match="which is no model that can be read here"):
        base_reference("./adapter", Adapter("LORA", "/nowhere/base", None, {}), allow_local=True)


def test_merged_weights_are_another_model_by_each_of_what_they_come_from() -> None:
    others = [
        hash_of_merged(LORA, "sha256:00", "sha256:11"),
        hash_of_merged(LORA, "sha256:01", "sha256:11"),
        hash_of_merged(LORA, "sha256:00", "sha256:12"),
        hash_of_merged(read(lora_alpha=8), "sha256:00", "sha256:11"),
        hash_of_merged(read(use_dora=True), "sha256:00", "sha256:11"),
    ]
    assert len(set(others)) == len(others)
    renamed = read(base_model_name_or_path="someone/renamed", peft_version="1", lora_dropout=0.5)
    assert hash_of_merged(renamed, "sha256:00", "sha256:11") == others[0]
