"""The last layer as it works: adapted, quantised, or held in pieces."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn
from transformers import PreTrainedModel

from nc_hf.errors import HeadError
from nc_hf.model import output_layer
from nc_hf.model.head import ClassifierHead
from nc_hf.model.output_layer import OutputLayer
from tests.architectures import LLAMA, TINY, build
from tests.partitioned import Partitioned


def adapted(model: PreTrainedModel, *names: str, **settings: Any) -> Any:
    """A model with adapters of these names on its head, all of them at work."""
    torch.manual_seed(0)
    config = LoraConfig(target_modules=["lm_head"], r=4, lora_alpha=8, init_lora_weights=False, **settings)
    wrapped = get_peft_model(model, config, adapter_name=names[0])
    for name in names[1:]:
        wrapped.add_adapter(name, config)
    wrapped.base_model.set_adapter(list(names))
    return wrapped.eval()


def by_hand(layer: Any, names: list[str]) -> Tensor:
    """base + scaling B A of each adapter."""
    weight: Tensor = layer.base_layer.weight.detach().clone()
    for name in names:
        weight += layer.scaling[name] * (layer.lora_B[name].weight @ layer.lora_A[name].weight).detach()
    return weight


class TestAdapters:
    @pytest.mark.parametrize("names", [["one"], ["one", "two"]])
    def test_those_at_work_are_in_the_weight(self, model: PreTrainedModel, names: list[str]) -> None:
        wrapped = adapted(model, "one", "two")
        wrapped.base_model.set_adapter(names)
        for given in (wrapped, model):
            head = ClassifierHead.from_model(given)
            torch.testing.assert_close(head.weight, by_hand(model.lm_head, names))
            assert (head.weight - model.lm_head.base_layer.weight).abs().max() > 0.1
            assert (head.kind, head.tied) == ("linear", False)

    def test_those_switched_off_are_not(self, model: PreTrainedModel) -> None:
        wrapped = adapted(model, "one")
        with wrapped.disable_adapter():
            assert torch.equal(ClassifierHead.from_model(wrapped).weight, model.lm_head.base_layer.weight)

    def test_merged_ones_count_once(self, model: PreTrainedModel) -> None:
        wrapped = adapted(model, "one")
        wanted = by_hand(model.lm_head, ["one"])
        wrapped.merge_adapter()
        torch.testing.assert_close(ClassifierHead.from_model(wrapped).weight, wanted)

    @pytest.mark.parametrize("settings", [{"use_dora": True}, {"lora_bias": True}, {"use_rslora": True}], ids=str)
    def test_every_form_is_what_the_layer_computes(self, model: PreTrainedModel, settings: dict[str, bool]) -> None:
        wrapped = adapted(model, "one", **settings)
        head, features = ClassifierHead.from_model(wrapped), torch.randn(5, 32)
        torch.testing.assert_close(head.logits(features), model.lm_head(features).detach())
        assert (head.bias is not None) == ("lora_bias" in settings)

    def test_a_head_that_is_trained_whole_beside_adapters(self, model: PreTrainedModel) -> None:
        wrapped = get_peft_model(model, LoraConfig(target_modules=["q_proj"], modules_to_save=["lm_head"]))
        trained = model.lm_head.modules_to_save["default"].weight
        nn.init.normal_(trained)
        assert torch.equal(ClassifierHead.from_model(wrapped).weight, trained)
        with wrapped.disable_adapter():
            assert torch.equal(ClassifierHead.from_model(wrapped).weight, model.lm_head.original_module.weight)

    def test_rows_are_read_a_few_at_a_time_without_the_model_s_hooks(
        self, model: PreTrainedModel, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        adapted(model, "one")
        heard: list[object] = []
        model.lm_head.register_forward_hook(lambda *_: heard.append(_))
        monkeypatch.setattr(output_layer, "PROBED_ELEMENTS", 101 * 5)
        weight, bias, _ = OutputLayer(model).read(torch.randn(2, 32))
        torch.testing.assert_close(weight, by_hand(model.lm_head, ["one"]))
        assert bias is None
        assert not heard


class TestQuantised:
    @pytest.mark.parametrize("bits", [4, 8])
    def test_bitsandbytes(self, bits: int) -> None:
        bnb = pytest.importorskip("bitsandbytes")
        model = build("llama", **(TINY | LLAMA | {"vocab_size": 128, "hidden_size": 64})).to(torch.bfloat16)
        weight = model.lm_head.weight.detach().float()
        if bits == 4:
            model.lm_head = bnb.nn.Linear4bit(64, 128, bias=False, compute_dtype=torch.bfloat16)
            model.lm_head.weight = bnb.nn.Params4bit(weight.bfloat16(), requires_grad=False)
        else:
            model.lm_head = bnb.nn.Linear8bitLt(64, 128, bias=False, has_fp16_weights=False)
            model.lm_head.weight = bnb.nn.Int8Params(weight.bfloat16(), requires_grad=False, has_fp16_weights=False)
        model.lm_head.to("cpu")
        head = ClassifierHead.from_model(model)
        assert head.weight.shape == (128, 64)
        assert OutputLayer(model).rows == 128
        torch.testing.assert_close(
            head.weight.float(), weight, rtol=0, atol=float(weight.abs().max()) / 2 ** (bits - 2)
        )

    @pytest.mark.parametrize("kind", ["Int8WeightOnlyConfig", "Float8WeightOnlyConfig"])
    def test_torchao(self, model: PreTrainedModel, kind: str) -> None:
        torchao = pytest.importorskip("torchao.quantization")
        torchao.quantize_(model, getattr(torchao, kind)(), filter_fn=lambda module, name: name == "lm_head")
        torch.testing.assert_close(ClassifierHead.from_model(model).weight, model.lm_head.weight.dequantize())

    def test_activations_that_are_quantised_too_are_given_as_the_reason(self, model: PreTrainedModel) -> None:
        model.lm_head = EightBits(model.lm_head, activations=True)
        with pytest.raises(HeadError, match="is quantised, and computes its logits more coarsely"):
            ClassifierHead.from_model(model)

    def test_a_layer_that_says_how_is_read_as_what_it_computes(self, model: PreTrainedModel) -> None:
        model.lm_head = EightBits(model.lm_head)
        head = ClassifierHead.from_model(model)
        torch.testing.assert_close(head.weight, model.lm_head.weight * model.lm_head.scale)
        assert not torch.equal(head.weight, model.lm_head.exact)

    def test_a_library_that_fails_is_quoted(self, model: PreTrainedModel) -> None:
        model.lm_head = EightBits(model.lm_head)
        features = torch.randn(2, 32)
        model.lm_head.scale = None
        with pytest.raises(HeadError, match=r"cannot be read \(TypeError: unsupported"):
            ClassifierHead.from_model(model, (features, torch.randn(2, 101)))


class EightBits(nn.Module):
    """A stand-in for a library's layer: whole numbers and a scale for each row."""

    def __init__(self, layer: nn.Linear, *, activations: bool = False) -> None:
        super().__init__()
        self.exact = layer.weight.detach()
        self.scale: Any = self.exact.abs().amax(dim=1, keepdim=True) / 127
        self.weight = nn.Parameter((self.exact / self.scale).round().to(torch.int8), requires_grad=False)
        self.activations = activations

    def forward(self, inputs: Tensor) -> Tensor:
        if self.activations:
            step = inputs.abs().amax(dim=-1, keepdim=True).clamp(min=1e-9) / 15
            inputs = (inputs / step).round() * step
        return inputs @ (self.weight * self.scale).T


class TestInPieces:
    def test_zero(self, model: PreTrainedModel, monkeypatch: pytest.MonkeyPatch) -> None:
        wanted = model.lm_head.weight.detach().clone()
        zero = Partitioned(model.lm_head, monkeypatch)
        layer = OutputLayer(model)
        assert (layer.sharded, layer.rows) == (True, 101)
        head = ClassifierHead.from_model(model)
        assert zero.gathers == [1]
        assert torch.equal(head.weight, wanted), "a copy that outlives the gathering"

    def test_zero_under_adapters(self, model: PreTrainedModel, monkeypatch: pytest.MonkeyPatch) -> None:
        wrapped = adapted(model, "one")
        wanted = by_hand(model.lm_head, ["one"])
        zero = Partitioned(model.lm_head, monkeypatch)
        torch.testing.assert_close(ClassifierHead.from_model(wrapped).weight, wanted)
        assert zero.gathers == [3]

    def test_what_is_whole_stays_the_model_s_own(self, model: PreTrainedModel) -> None:
        layer = OutputLayer(model)
        assert (layer.sharded, layer.rows) == (False, 101)
        weight, bias, tied = layer.read(torch.zeros(1, 32))
        assert weight.data_ptr() == model.lm_head.weight.data_ptr()
        assert bias is None
        assert not tied
