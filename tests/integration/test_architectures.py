"""The head and the tap on real architectures: what enters the head is what the tap hears, layer by layer."""

from __future__ import annotations

import re

import pytest
import torch
from transformers import PreTrainedModel

from nc_hf.errors import HeadError, TapError
from nc_hf.model.head import ClassifierHead
from nc_hf.model.tap import FeatureTap
from tests.architectures import ARCHITECTURES, READS_AHEAD, TRANSFORM_IN_HEAD, VOCAB_SIZE
from tests.paths import ROOT
from tests.scripts import load_script

IDS = torch.randint(8, VOCAB_SIZE, (3, 7), generator=torch.Generator().manual_seed(0))

BIAS = {"CodeGen", "CTRL", "GPT-J", "Phi", "XLNet"}
SCALE = {"Cohere": 1 / 16, "Cohere 2": 1 / 16, "Falcon-H1": 0.5, "Granite": 0.25}
SOFTCAP = {"Gemma 2": 30.0, "Gemma 3n": 30.0, "Gemma 4": 30.0, "NanoChat": 15.0, "Recurrent Gemma": 30.0}
UNTIED = {
    *("CodeGen", "DeepSeek-V3", "Falcon-H1", "GLM", "GPT-J", "GPT-NeoX", "GPT-OSS", "Granite", "Helium", "Llama"),
    *("Llama 4", "LLaVA", "Mamba 2", "Mistral", "Mixtral", "NanoChat", "Nemotron", "OLMo", "OLMo 2", "OLMoE"),
    *("Persimmon", "Phi", "Phi-3", "Qwen2", "Qwen2-VL", "Qwen2.5-VL", "Qwen3", "Qwen3 MoE", "Qwen3-Next", "RWKV"),
    *("Bamba", "Jamba", "StableLM"),
}
ONLY_FINAL = {
    "Gemma 3n": r"several streams, \(S, B, L, D\)",
    "XLNet": r"\(L, B, D\)",
}
WITHOUT_EMBEDDINGS = {"Falcon Mamba", "Mamba", "Mamba 2", "RWKV"}  # their hidden_states begin after the first block
WITHOUT_FINAL_NORM = {"GPT"}


def test_at_least_25_architectures_of_every_kind_of_head() -> None:
    assert len(ARCHITECTURES) >= 25
    assert ARCHITECTURES.keys() >= BIAS | SCALE.keys() | SOFTCAP.keys() | UNTIED


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_head_of_the_features_is_the_logits(name: str) -> None:
    model = ARCHITECTURES[name]()
    with FeatureTap(model, token_losses=True) as tap, torch.no_grad():
        output = model(input_ids=IDS, labels=IDS)
        batch = tap.take()
    assert batch is not None
    assert batch.sample is not None
    features, logits = batch.features["final"], output.logits.flatten(0, 1)[batch.index]

    head = ClassifierHead.from_model(model, batch.sample)
    kinds = {"bias": name in BIAS, "scale": name in SCALE, "softcap": name in SOFTCAP}
    assert head.kind == next((kind for kind, present in kinds.items() if present), "linear")
    assert head.scale == pytest.approx(SCALE.get(name, 1.0), rel=1e-5)
    assert head.softcap == SOFTCAP.get(name)
    assert head.tied == (name not in UNTIED)
    assert head.dim == (16 if "narrower" in name else 32)
    assert head.check(features, logits) < 1e-5

    # The same by hand, so that the check itself is checked.
    by_hand = features @ model.get_output_embeddings().weight.T
    if name in BIAS:
        by_hand = by_hand + model.get_output_embeddings().bias
    by_hand = by_hand * SCALE.get(name, 1.0)
    if name in SOFTCAP:
        by_hand = torch.tanh(by_hand / SOFTCAP[name]) * SOFTCAP[name]
    torch.testing.assert_close(by_hand, logits, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(head.logits(features), logits, rtol=1e-5, atol=1e-6)

    assert torch.equal(batch.labels, IDS[:, 1:].flatten())
    assert torch.equal(batch.predictions, logits.argmax(-1))
    losses = torch.nn.functional.cross_entropy(logits, batch.labels, reduction="none")
    torch.testing.assert_close(batch.nll, losses)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_probe_of_its_own_finds_the_same_head(name: str) -> None:
    model = ARCHITECTURES[name]()
    head = ClassifierHead.from_model(model)
    assert (head.scale, head.softcap) == (
        pytest.approx(SCALE.get(name, 1.0), rel=1e-5),
        SOFTCAP.get(name),
    )


@pytest.mark.parametrize("name", sorted(ARCHITECTURES.keys() - ONLY_FINAL.keys()))
def test_layers_are_the_model_s_own_hidden_states(name: str) -> None:
    model = ARCHITECTURES[name]()
    with FeatureTap(model, layers="all", labels="input_ids") as tap, torch.no_grad():
        states = model(input_ids=IDS, output_hidden_states=True).hidden_states
        batch = tap.take()
    assert batch is not None
    depth = model.config.get_text_config().num_hidden_layers
    assert list(batch.features) == [*(f"layer.{number}" for number in range(depth)), "final"]
    # hidden_states: the embeddings, then each block's output, the last of them after the final norm
    first = 0 if name in WITHOUT_EMBEDDINGS else 1
    for number in range(depth - 1):
        assert torch.equal(batch.features[f"layer.{number}"], states[number + first].flatten(0, 1)[batch.index])
    assert torch.equal(batch.features["final"], states[-1].flatten(0, 1)[batch.index])
    last = batch.features[f"layer.{depth - 1}"]
    assert torch.equal(last, batch.features["final"]) == (name in WITHOUT_FINAL_NORM)


@pytest.mark.parametrize("name", ONLY_FINAL)
def test_blocks_of_another_shape_are_refused(name: str) -> None:
    with pytest.raises(TapError, match=f"since they pass on {ONLY_FINAL[name]}: use layers='final'"):
        FeatureTap(ARCHITECTURES[name](), layers="all")


@pytest.mark.parametrize("name", TRANSFORM_IN_HEAD)
def test_a_transform_inside_the_head_is_found_out(name: str) -> None:
    with pytest.raises(HeadError, match="something else lies between"):
        ClassifierHead.from_model(TRANSFORM_IN_HEAD[name]())


@pytest.mark.parametrize(
    "name", [*sorted(BIAS - {"XLNet"}), *sorted(SCALE), *sorted(SOFTCAP), "GPT-2", "Llama", "OPT, narrower embeddings"]
)
def test_half_precision_keeps_the_form(name: str) -> None:
    model: PreTrainedModel = ARCHITECTURES[name]().to(torch.bfloat16)
    head = ClassifierHead.from_model(model)
    assert head.weight.dtype == torch.bfloat16
    assert head.bias is None or head.bias.dtype == torch.bfloat16
    assert head.softcap == SOFTCAP.get(name)
    assert head.scale == pytest.approx(SCALE.get(name, 1.0), rel=1e-2)


def without_errors(page: str) -> str:
    """The page with the digits of relative errors taken out: they are another machine's rounding, or its threads'."""
    return re.sub(r"\| (0|\d\.\de-\d\d) \| (?=finite|undefined)|relative error [\d.e-]+", "error", page)


@pytest.mark.slow
def test_the_documented_table_is_what_is_found() -> None:
    script = load_script(ROOT / "docs" / "architectures.py")
    written = script.DOCUMENT.read_text(encoding="utf-8")
    assert len(re.findall(r"\| finite \|$", written, flags=re.MULTILINE)) == len(ARCHITECTURES) - len(READS_AHEAD)
    assert without_errors(written) == without_errors(script.document()), "run: python docs/architectures.py"
