"""ClassifierHead: the form it finds, what it computes, and what it refuses."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from transformers import AutoModel, AutoModelForMaskedLM, AutoModelForSeq2SeqLM, PreTrainedModel

from nc_hf.errors import FeatureError, HeadError, InputError, ModelError
from nc_hf.model.head import ClassifierHead
from tests.architectures import ARCHITECTURES, LLAMA, TINY, VOCAB_SIZE, build

DIM = 32


@pytest.fixture
def llama() -> PreTrainedModel:
    """Untied, no bias, and a configuration that names neither scale nor softcap."""
    return ARCHITECTURES["Llama"]()


def features_of(count: int = 8, scale: float = 10.0) -> Tensor:
    return torch.randn(count, DIM, generator=torch.Generator().manual_seed(1)) * scale


def linear(model: PreTrainedModel, features: Tensor) -> Tensor:
    return features @ model.get_output_embeddings().weight.detach().T


def softcap(logits: Tensor, cap: float) -> Tensor:
    return torch.tanh(logits / cap) * cap


class TestForm:
    def test_plain(self, llama: PreTrainedModel) -> None:
        features = features_of()
        head = ClassifierHead.from_model(llama, (features, linear(llama, features)))
        assert (head.kind, head.scale, head.softcap, head.bias) == ("linear", 1.0, None, None)

    @pytest.mark.parametrize("scale", [1e-3, 0.9, 24.0])
    def test_scale_that_no_configuration_names(self, llama: PreTrainedModel, scale: float) -> None:
        features = features_of()
        head = ClassifierHead.from_model(llama, (features, linear(llama, features) * scale))
        assert head.kind == "scale"
        assert head.scale == pytest.approx(scale, rel=1e-5)

    @pytest.mark.parametrize("cap", [0.2, 1.0, 15.0])
    def test_softcap_that_no_configuration_names(self, llama: PreTrainedModel, cap: float) -> None:
        features = features_of()
        head = ClassifierHead.from_model(llama, (features, softcap(linear(llama, features), cap)))
        assert (head.kind, head.scale) == ("softcap", 1.0)
        assert head.softcap == pytest.approx(cap, rel=1e-2)

    def test_scale_under_a_softcap_that_the_configuration_names(self, llama: PreTrainedModel) -> None:
        llama.config.final_logit_softcapping = 3.0
        features = features_of()
        head = ClassifierHead.from_model(llama, (features, softcap(linear(llama, features) * 2.5, 3.0)))
        assert (head.kind, head.softcap) == ("scale+softcap", 3.0)
        assert head.scale == pytest.approx(2.5, rel=1e-4)

    @pytest.mark.parametrize("name", ["final_logit_softcapping", "attn_logit_softcapping"])
    def test_a_softcap_that_the_model_does_not_apply_is_not_believed(self, llama: PreTrainedModel, name: str) -> None:
        setattr(llama.config, name, 3.0)
        features = features_of()
        assert ClassifierHead.from_model(llama, (features, linear(llama, features))).kind == "linear"

    @pytest.mark.parametrize(
        ("name", "kind"), [("final_logit_softcapping", "softcap"), ("attn_logit_softcapping", "linear")]
    )
    def test_logits_too_small_to_tell_leave_it_to_the_name(self, llama: PreTrainedModel, name: str, kind: str) -> None:
        setattr(llama.config, name, 50.0)
        features = features_of(scale=1e-3)
        assert ClassifierHead.from_model(llama, (features, linear(llama, features))).kind == kind

    def test_a_head_of_zeros(self, llama: PreTrainedModel) -> None:
        nn.init.zeros_(llama.lm_head.weight)
        assert ClassifierHead.from_model(llama).kind == "linear"

    def test_negated_logits_have_no_form(self, llama: PreTrainedModel) -> None:
        features = features_of()
        with pytest.raises(HeadError, match="relative error 2,"):
            ClassifierHead.from_model(llama, (features, -linear(llama, features)))

    def test_features_from_elsewhere_are_found_out(self, llama: PreTrainedModel) -> None:
        features = features_of()
        with pytest.raises(HeadError, match="merge adapters"):
            ClassifierHead.from_model(llama, (features.roll(1, 0), linear(llama, features)))


class TestReading:
    def test_describe(self) -> None:
        head = ClassifierHead.from_model(ARCHITECTURES["Gemma 2"]())
        assert head.describe() == {
            "kind": "softcap",
            "tied": True,
            "vocab_size": VOCAB_SIZE,
            "dim": DIM,
            "bias": False,
            "scale": 1.0,
            "softcap": 30.0,
        }

    def test_weight_is_the_model_s_own_without_its_graph(self, llama: PreTrainedModel) -> None:
        head = ClassifierHead.from_model(llama)
        assert head.weight.data_ptr() == llama.lm_head.weight.data_ptr()
        assert not head.weight.requires_grad

    def test_a_sample_saves_the_forward_pass(self, llama: PreTrainedModel) -> None:
        calls: list[object] = []
        llama.register_forward_pre_hook(lambda *_: calls.append(_))
        features = features_of()
        ClassifierHead.from_model(llama, (features, linear(llama, features)))
        assert not calls
        ClassifierHead.from_model(llama, (features[:0], linear(llama, features[:0])))  # nothing to check with
        assert len(calls) == 1

    def test_the_probe_leaves_no_trace(self, llama: PreTrainedModel) -> None:
        llama.register_forward_hook(lambda *_: torch.rand(1) and None)
        hooks = len(llama._forward_hooks)
        llama.train()
        llama.model.norm.eval()
        modes = {name: module.training for name, module in llama.named_modules()}
        state = torch.get_rng_state()
        ClassifierHead.from_model(llama)
        assert torch.equal(torch.get_rng_state(), state)
        assert {name: module.training for name, module in llama.named_modules()} == modes
        assert sum(len(module._forward_hooks) for module in llama.modules()) == hooks
        assert all(parameter.grad is None for parameter in llama.parameters())

    def test_wrappers_are_looked_through_and_nothing_is_compiled(self, llama: PreTrainedModel) -> None:
        compiled: list[object] = []
        llama.compile(backend=lambda module, inputs: compiled.append(inputs) or module)
        head = ClassifierHead.from_model(nn.DataParallel(torch.compile(llama)))
        assert not compiled
        assert head.weight.data_ptr() == llama.lm_head.weight.data_ptr()

    def test_autocast_is_judged_as_bfloat16(self, llama: PreTrainedModel) -> None:
        features = features_of()
        with torch.autocast("cpu", torch.bfloat16):
            logits = linear(llama, features).float()
        head = ClassifierHead.from_model(llama, (features, logits))
        assert head.kind == "linear"
        assert 1e-3 < head.check(features, logits) < 2e-2
        with pytest.raises(HeadError, match=r"at most 0\.001"):  # the same error, but not on bfloat16's grid
            head.check(features, logits * 1.003)

    def test_a_coarser_matmul_is_allowed_for(self, llama: PreTrainedModel) -> None:
        features = features_of()
        head, logits = ClassifierHead.from_model(llama), linear(llama, features) * 1.005
        with pytest.raises(HeadError):
            head.check(features, logits)
        try:
            torch.set_float32_matmul_precision("high")
            assert head.check(features, logits) == pytest.approx(0.005, rel=0.01)
        finally:
            torch.set_float32_matmul_precision("highest")


class TestRefusals:
    def test_encoder_decoder(self) -> None:
        model = build("t5", AutoModelForSeq2SeqLM, vocab_size=VOCAB_SIZE, d_model=16, d_kv=4, d_ff=16, num_layers=1)
        with pytest.raises(ModelError, match="T5ForConditionalGeneration is an encoder-decoder"):
            ClassifierHead.from_model(model)

    def test_model_without_a_head(self) -> None:
        with pytest.raises(ModelError, match="load the model with AutoModelForCausalLM"):
            ClassifierHead.from_model(build("llama", AutoModel, **TINY, **LLAMA))

    def test_something_else(self) -> None:
        with pytest.raises(ModelError, match="Linear is not a model of transformers"):
            ClassifierHead.from_model(nn.Linear(2, 2))

    def test_masked_language_model(self) -> None:
        with pytest.raises(HeadError, match="use a model with a linear head"):
            ClassifierHead.from_model(build("bert", AutoModelForMaskedLM, **TINY, intermediate_size=16))

    @pytest.mark.parametrize("gone", [torch.empty(VOCAB_SIZE, DIM, device="meta"), torch.empty(0)])
    def test_weights_that_are_elsewhere(self, llama: PreTrainedModel, gone: Tensor) -> None:
        llama.lm_head.weight = nn.Parameter(gone)
        with pytest.raises(HeadError, match="not whole on this process"):
            ClassifierHead.from_model(llama)

    def test_quantised_weights(self, llama: PreTrainedModel) -> None:
        llama.lm_head.weight = nn.Parameter(llama.lm_head.weight.to(torch.int8), requires_grad=False)
        with pytest.raises(HeadError, match="quantised"):
            ClassifierHead.from_model(llama)

    def test_several_heads(self, llama: PreTrainedModel) -> None:
        llama.lm_head = nn.ModuleList([llama.lm_head, llama.lm_head])
        with pytest.raises(HeadError, match="not one linear layer"):
            ClassifierHead.from_model(llama)

    @pytest.mark.parametrize("bad", [float("nan"), float("inf")])
    def test_values_that_are_not_finite(self, llama: PreTrainedModel, bad: float) -> None:
        features = features_of()
        logits = linear(llama, features)
        logits[3, 5] = bad
        with pytest.raises(FeatureError, match="NaN or Inf"):
            ClassifierHead.from_model(llama, (features, logits))

    def test_shapes_that_do_not_fit(self, llama: PreTrainedModel) -> None:
        features = features_of()
        head, logits = ClassifierHead.from_model(llama), linear(llama, features)
        with pytest.raises(HeadError, match=r"features have shape \(8, 31\)"):
            head.logits(features[:, 1:])
        with pytest.raises(HeadError, match=r"logits have shape \(8, 100\)"):
            head.check(features, logits[:, 1:])

    @pytest.mark.parametrize(
        ("weight", "rest"),
        [
            (torch.zeros(4), {}),
            (torch.zeros(0, 4), {}),
            (torch.zeros(4, 2, dtype=torch.int64), {}),
            (torch.zeros(4, 2), {"bias": torch.zeros(2)}),
            (torch.zeros(4, 2), {"scale": 0.0}),
            (torch.zeros(4, 2), {"scale": float("nan")}),
            (torch.zeros(4, 2), {"softcap": -1.0}),
        ],
    )
    def test_constants_that_make_no_head(self, weight: Tensor, rest: dict[str, float]) -> None:
        with pytest.raises(InputError):
            ClassifierHead(weight, **rest)


class TestArithmetic:
    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
    def test_logits_in_pieces_of_the_vocabulary(self, dtype: torch.dtype) -> None:
        generator = torch.Generator().manual_seed(0)
        weight, bias = (torch.randn(size, generator=generator).to(dtype) for size in ((8197, 4), (8197,)))
        features = torch.randn(3, 4, generator=generator).to(dtype)
        head = ClassifierHead(weight, bias, scale=0.5, softcap=2.0)
        expected = softcap(0.5 * (features.float() @ weight.float().T + bias.float()), 2.0)
        assert head.logits(features).dtype == torch.float32
        torch.testing.assert_close(head.logits(features), expected)

    def test_predict_is_the_argmax_over_many_positions(self) -> None:
        weight = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [-1.0, 0.0]])
        features = torch.tensor([[2.0, 1.0], [1.0, 2.0], [-1.0, 0.0]]).repeat(200, 1)
        ids, tied = ClassifierHead(weight).predict(features)
        assert ids.tolist() == [0, 1, 3] * 200
        assert tied.tolist() == [False, True, False] * 200

    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
    @pytest.mark.parametrize(
        "form",
        [{}, {"scale": 0.5}, {"softcap": 2.0}, {"bias": True}, {"bias": True, "scale": 0.5, "softcap": 2.0}],
        ids=str,
    )
    def test_among_some_classes_the_logits_are_theirs(self, form: dict[str, float], dtype: torch.dtype) -> None:
        """In the order in which they are named, more of them than rows are taken at a time."""
        generator = torch.Generator().manual_seed(0)
        weight, bias = (torch.randn(size, generator=generator).to(dtype) for size in ((8197, 4), (8197,)))
        head = ClassifierHead(weight, **{**form, "bias": bias if form.get("bias") else None})
        features = torch.randn(50, 4, generator=generator)
        for classes in (torch.tensor([8196, 3, 0, 4096]), torch.arange(8195, -1, -2), torch.tensor([7])):
            some = head.among(classes)
            torch.testing.assert_close(some.logits(features), head.logits(features)[:, classes])
            assert (some.kind, some.vocab_size, some.dim) == (head.kind, len(classes), 4)
            places, tied = some.predict(features)
            own = some.logits(features)
            assert torch.equal(places, own.argmax(dim=1))
            assert torch.equal(tied, (own == own.max(dim=1, keepdim=True).values).sum(dim=1) > 1)

    def test_among_some_classes_one_that_is_left_out_neither_wins_nor_ties(self) -> None:
        head = ClassifierHead(torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [-1.0, 0.0]]))
        classes = torch.tensor([0, 2, 3])
        places, tied = head.among(classes).predict(torch.tensor([[2.0, 1.0], [1.0, 2.0], [-1.0, 0.0], [1.0, 1.0]]))
        assert classes[places].tolist() == [0, 2, 3, 0]
        assert tied.tolist() == [False, False, False, True]
        assert head.vocab_size == 4

    def test_check_returns_the_error(self) -> None:
        head = ClassifierHead(torch.eye(3))
        logits = torch.tensor([[4.0, 2.0, 1.0]])
        assert head.check(torch.tensor([[4.0, 2.002, 1.0]]), logits) == pytest.approx(0.002 / 4, rel=1e-3)
