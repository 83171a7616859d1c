"""The configuration: what is no causal language model of transformers is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nc_hf.errors import ModelError
from nc_hf.hub import resolve
from tests.architectures import TRANSFORM_IN_HEAD
from tests.hub.helpers import is_one_sentence_with_advice
from tests.hub.models import gpt2_files, only_config, with_config
from tests.hub.server import StandIn


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"model_type": "t5", "is_encoder_decoder": True, "architectures": ["T5ForConditionalGeneration"]}, "enc"),
        ({"model_type": "bert", "architectures": ["BertForMaskedLM"]}, "is a masked language model"),
        ({"model_type": "bert"}, "is a masked language model"),
        ({"model_type": "roberta", "architectures": ["RobertaForCausalLM"]}, "is a masked language model"),
        ({"model_type": "modernbert", "architectures": ["ModernBertForMaskedLM"]}, "is a masked language model"),
        ({"model_type": "gpt2", "architectures": ["GPT2Model"]}, "without the head of GPT2LMHeadModel"),
        ({"model_type": "llama", "architectures": ["LlamaForSequenceClassification"]}, "without the head of Llama"),
        ({"model_type": "vit", "architectures": ["ViTForImageClassification"]}, "not a language model"),
        ({"model_type": "never-heard-of"}, "type 'never-heard-of', which transformers"),
        ({}, "type 'None'"),
        ({"model_type": "llama", "quantization_config": {"quant_method": "gptq", "bits": 4}}, r"quantised \(gptq\)"),
        ({"model_type": "llama", "quantization_config": {"bits": 4}}, "quantised"),
    ],
)
def test_what_does_not_predict_the_next_token_is_refused(hub: StandIn, config: dict[str, Any], said: str) -> None:
    hub.add("someone/other", only_config(**config))
    with pytest.raises(ModelError, match=said) as caught:
        resolve("someone/other")
    assert is_one_sentence_with_advice(str(caught.value))
    assert not hub.asked("GET .*safetensors")


def test_a_decoder_of_a_masked_family_is_taken(tmp_path: Path) -> None:
    TRANSFORM_IN_HEAD["BERT"]().save_pretrained(tmp_path)
    assert resolve(str(tmp_path), allow_local=True).parameters > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["../../other.safetensors", "pytorch_model.bin", "elsewhere.safetensors"])
def test_weights_under_another_name_are_refused(hub: StandIn, name: str) -> None:
    hub.add("someone/named", with_config(gpt2_files(), transformers_weights=name))
    with pytest.raises(ModelError, match="under a name of its own"):
        resolve("someone/named")


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"model_type": [1]}', '{"model_type": "gpt2", "architectures": 3}', "3", '"a"', "\xff"]
)
def test_a_configuration_of_another_form_is_refused(hub: StandIn, text: str) -> None:
    hub.add("someone/odd", {**gpt2_files(), "config.json": text.encode("latin-1")})
    with pytest.raises(ModelError, match=r"config.json of someone/odd"):
        resolve("someone/odd")
