"""FeatureTap: what it pairs, what it leaves alone, and how it survives what is done to the model."""

from __future__ import annotations

import gc
import io
import types
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from accelerate.utils import compile_regions
from torch import Tensor, nn
from torch._dynamo.utils import counters
from transformers import PreTrainedModel

from nc_hf.errors import InputError, LabelError, TapError
from nc_hf.model.forward_pass import labelled
from nc_hf.model.head import ClassifierHead
from nc_hf.model.tap import FeatureTap
from tests.architectures import LLAMA, TINY, VOCAB_SIZE, build
from tests.tapped import LENGTH, heard, run, tokens


class TestPairing:
    def test_every_feature_goes_with_the_next_token(self, model: PreTrainedModel) -> None:
        ids = tokens()
        with FeatureTap(model, token_losses=True) as tap:
            output, batch = run(tap, model, input_ids=ids, labels=ids, output_hidden_states=True)
        pairs = [(row, t) for row in range(3) for t in range(LENGTH - 1)]
        assert batch.index.tolist() == [row * LENGTH + t for row, t in pairs]
        assert batch.labels.tolist() == [int(ids[row, t + 1]) for row, t in pairs]
        assert batch.labels.dtype == batch.index.dtype == torch.int64
        expected = torch.stack([output.hidden_states[-1][row, t] for row, t in pairs])
        assert torch.equal(batch.features["final"], expected)
        assert batch.predictions is not None
        assert batch.nll is not None
        assert batch.predictions.tolist() == [int(output.logits[row, t].argmax()) for row, t in pairs]
        assert batch.nll.mean().item() == pytest.approx(output.loss.item(), rel=1e-5)
        assert (batch.rows, batch.sequence_length) == (3, LENGTH)

    def test_confidence_is_the_probability_of_the_prediction_if_asked_for(self, model: PreTrainedModel) -> None:
        ids = tokens()
        labels = ids.clone()
        labels[1, 2:5] = -100
        for confidence in (True, False):
            with FeatureTap(model, confidence=confidence) as tap:
                output, batch = run(tap, model, input_ids=ids, labels=labels)
            if not confidence:
                assert batch.confidence is None
                continue
            assert batch.confidence is not None
            expected = output.logits.double().softmax(dim=-1).amax(dim=-1).flatten()[batch.index]
            assert batch.confidence.tolist() == pytest.approx(expected.tolist(), rel=1e-5)

    def test_labels_that_the_loss_skips(self, model: PreTrainedModel) -> None:
        ids = tokens()
        labels = ids.clone()
        labels[0, :4] = -100
        labels[2] = -100
        with FeatureTap(model, token_losses=True) as tap:
            output, batch = run(tap, model, input_ids=ids, labels=labels)
        assert batch.index.tolist() == [3, 4, 5, *range(7, 13)]
        assert batch.labels.tolist() == [*ids[0, 4:].tolist(), *ids[1, 1:].tolist()]
        assert batch.nll is not None
        assert batch.nll.mean().item() == pytest.approx(output.loss.item(), rel=1e-5)

    def test_labels_that_are_said_beforehand_hold_for_one_pass(self, model: PreTrainedModel) -> None:
        ids = tokens()
        labels = ids.clone()
        labels[0, :4] = labels[2] = -100
        with FeatureTap(model, labels="input_ids", token_losses=True) as tap:
            tap.expect(labels)
            output, batch = run(tap, model, input_ids=ids)
            _, later = run(tap, model, input_ids=ids)
        assert batch.index.tolist() == [3, 4, 5, *range(7, 13)]
        assert batch.labels.tolist() == [*ids[0, 4:].tolist(), *ids[1, 1:].tolist()]
        assert batch.nll is not None
        expected = torch.nn.functional.cross_entropy(output.logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
        assert batch.nll.mean().item() == pytest.approx(expected.item(), rel=1e-5)
        assert len(later.labels) == 3 * (LENGTH - 1)

    @pytest.mark.parametrize("side", ["left", "right"])
    @pytest.mark.parametrize("source", ["labels", "input_ids"])
    def test_padding(self, model: PreTrainedModel, side: str, source: str) -> None:
        ids = tokens()
        mask = torch.ones_like(ids)
        padded = slice(0, 3) if side == "left" else slice(LENGTH - 3, LENGTH)
        ids[1, padded], mask[1, padded] = 0, 0
        labels = {"labels": ids.masked_fill(mask == 0, -100)} if source == "labels" else {}
        with FeatureTap(model, labels=source) as tap:
            _, batch = run(tap, model, input_ids=ids, attention_mask=mask, **labels)
        inside = range(3, LENGTH - 1) if side == "left" else range(3)
        assert batch.index.tolist() == [*range(6), *(LENGTH + t for t in inside), *range(14, 20)]
        assert batch.labels.tolist() == [int(ids.flatten()[place + 1]) for place in batch.index]

    def test_labels_shifted_beforehand(self, model: PreTrainedModel) -> None:
        ids = tokens()
        shifted = ids.roll(-1, 1)
        with FeatureTap(model) as tap:
            _, batch = run(tap, model, input_ids=ids, labels=ids, shift_labels=shifted)
        assert torch.equal(batch.labels, shifted.flatten())
        assert batch.index.tolist() == list(range(3 * LENGTH))

    def test_the_leading_rows_alone(self, model: PreTrainedModel) -> None:
        ids = tokens(rows=4)
        with FeatureTap(model, token_losses=True) as tap:
            with torch.no_grad():
                model(input_ids=ids, labels=ids)
            (whole,) = tap.take_all()
            _, wanted = run(tap, model, input_ids=ids[:2], labels=ids[:2])
        kept = labelled([whole.observed().leading(2 * LENGTH)])
        assert len(labelled([whole.observed().leading(0)]).labels) == 0
        for name in ("labels", "index", "predictions", "tied", "nll"):
            assert torch.equal(getattr(kept, name), getattr(wanted, name)), name
        torch.testing.assert_close(kept.features, wanted.features)

    @pytest.mark.parametrize("left", [0, 1, 3, 40])
    def test_the_sample_is_of_the_first_labels(self, model: PreTrainedModel, left: int) -> None:
        ids = tokens(rows=8)
        labels = torch.full_like(ids, -100)
        places = torch.randperm(8 * (LENGTH - 1), generator=torch.Generator().manual_seed(left))[:left]
        rows, columns = places // (LENGTH - 1), places % (LENGTH - 1) + 1
        labels[rows, columns] = ids[rows, columns]
        with FeatureTap(model) as tap:
            output, batch = run(tap, model, input_ids=ids, labels=labels)
        first = sorted((rows * LENGTH + columns - 1).tolist())[:8]
        assert batch.sample is not None
        assert torch.equal(batch.sample[1], output.logits.flatten(0, 1)[first])
        assert torch.equal(batch.sample[0], batch.features["final"][:8])

    def test_what_is_heard_stays_when_the_model_writes_over_it(self, model: PreTrainedModel) -> None:
        ids, outputs = tokens(), []
        model.model.register_forward_hook(lambda _, __, output: outputs.append(output.last_hidden_state))
        with FeatureTap(model) as tap, torch.no_grad():
            model(input_ids=ids, labels=ids)
            before = outputs[0][:, :-1].flatten(0, 1).clone()
            outputs[0].zero_()  # as CUDA graphs do when they run again
            assert torch.equal(heard(tap).features["final"], before)

    def test_positional_arguments(self, model: PreTrainedModel) -> None:
        ids, mask = tokens(), torch.ones(3, LENGTH, dtype=torch.int64)
        mask[:, -2:] = 0
        with FeatureTap(model, labels="input_ids") as tap:
            _, batch = run(tap, model, ids, mask)
        assert torch.equal(batch.labels, ids[:, 1:-2].flatten())

    def test_a_row_of_one_token_and_a_batch_without_labels_to_learn(self, model: PreTrainedModel) -> None:
        with FeatureTap(model, labels="input_ids", token_losses=True, layers="all") as tap:
            _, batch = run(tap, model, input_ids=tokens(length=1))
        assert batch.features["layer.0"].shape == batch.features["final"].shape == (0, 32)
        assert batch.predictions is not None
        assert batch.nll is not None
        assert len(batch.labels) == len(batch.predictions) == len(batch.nll) == 0

    def test_ties_go_to_the_lowest_id_and_are_marked(self, model: PreTrainedModel) -> None:
        nn.init.zeros_(model.lm_head.weight)
        model.lm_head.weight.data[[40, 60]] = 1.0
        with FeatureTap(model, labels="input_ids") as tap:
            output, batch = run(tap, model, input_ids=tokens())
        best = output.logits.flatten(0, 1)[batch.index, 40]
        assert batch.predictions is not None
        assert batch.predictions.tolist() == [40 if value > 0 else 0 for value in best.tolist()]
        assert batch.tied is not None
        assert batch.tied.all()

    def test_sample_satisfies_the_head(self, model: PreTrainedModel) -> None:
        with FeatureTap(model.to(torch.bfloat16), labels="input_ids") as tap:
            output, batch = run(tap, model, input_ids=tokens())
        assert batch.sample is not None
        features, logits = batch.sample
        assert features.dtype == torch.bfloat16
        assert torch.equal(logits, output.logits.flatten(0, 1)[batch.index[: len(logits)]])
        assert ClassifierHead.from_model(model, batch.sample).check(features, logits) < 1e-2

    def test_tuples_instead_of_outputs(self, model: PreTrainedModel) -> None:
        ids = tokens()
        with FeatureTap(model) as tap:
            output, batch = run(tap, model, input_ids=ids, labels=ids, return_dict=False)
        assert torch.equal(batch.predictions, output[1].flatten(0, 1)[batch.index].argmax(-1))

    def test_predictions_are_left_out_when_not_asked(self, model: PreTrainedModel) -> None:
        with FeatureTap(model, labels="input_ids", predictions=False) as tap:
            _, batch = run(tap, model, input_ids=tokens())
        assert batch.predictions is batch.tied is batch.nll is None
        assert batch.sample is not None


class TestListening:
    def test_training_is_not_heard(self, model: PreTrainedModel) -> None:
        ids = tokens()
        with FeatureTap(model) as tap:
            model.train()
            model(input_ids=ids, labels=ids).loss.backward()
            assert tap.take() is None
            assert tap.unlabelled == 0
            model.model(input_ids=ids)
            assert "No evaluation batch" in str(tap.silence())
        assert model.model.norm.weight.grad is not None

    def test_no_graph_is_kept(self, model: PreTrainedModel) -> None:
        ids = tokens()
        with FeatureTap(model, layers="all", token_losses=True) as tap:
            output = model(input_ids=ids, labels=ids)
            batch = heard(tap)
        assert output.logits.requires_grad
        assert not any(tensor.requires_grad for tensor in (*batch.features.values(), batch.nll, *batch.sample))

    def test_logits_are_let_go(self, model: PreTrainedModel) -> None:
        ids = tokens()
        with FeatureTap(model) as tap, torch.no_grad():
            output = model(input_ids=ids, labels=ids)
            logits = weakref.ref(output.logits)
            del output
            gc.collect()
            assert logits() is None
            assert tap.take() is not None

    def test_what_was_taken_is_gone_and_the_last_labelled_pass_counts(self, model: PreTrainedModel) -> None:
        first, second = tokens(seed=1), tokens(seed=2)
        with FeatureTap(model) as tap, torch.no_grad():
            model(input_ids=first, labels=first)
            model(input_ids=second, labels=second)
            model(input_ids=first)  # generation, or logits for a metric
            assert tap.unlabelled == 1
            assert torch.equal(heard(tap).labels, second[:, 1:].flatten())
            assert tap.unlabelled == 0
            assert tap.take() is None

    def test_silence_without_labels(self, model: PreTrainedModel) -> None:
        with FeatureTap(model) as tap, torch.no_grad():
            model(input_ids=tokens())
            model(input_ids=tokens())
            assert "called the model without labels (label smoothing" in str(tap.silence())

    def test_silence_when_the_loss_calls_the_decoder(self, model: PreTrainedModel) -> None:
        with FeatureTap(model) as tap, torch.no_grad():
            model.model(input_ids=tokens())
            assert tap.take() is None
            assert "calls the model's decoder directly" in str(tap.silence())
            assert "corpus=" in str(tap.silence())

    def test_silence_when_nothing_came(self, model: PreTrainedModel) -> None:
        with FeatureTap(model) as tap:
            assert "No evaluation batch" in str(tap.silence())

    @pytest.mark.parametrize("keep", [1, torch.arange(3)])
    def test_logits_of_some_positions_only(self, model: PreTrainedModel, keep: int | Tensor) -> None:
        with FeatureTap(model, labels="input_ids", token_losses=True) as tap:
            _, batch = run(tap, model, input_ids=tokens(), logits_to_keep=keep)
        assert batch.predictions is batch.tied is batch.nll is batch.sample is None
        assert batch.features["final"].shape == (18, 32)

    def test_a_loss_that_never_builds_the_logits(self, model: PreTrainedModel) -> None:
        def fused(self: PreTrainedModel, input_ids: Tensor, labels: Tensor) -> dict[str, Tensor | None]:
            features = self.model(input_ids=input_ids).last_hidden_state[:, :-1]
            return {"loss": nn.functional.cross_entropy((features @ self.lm_head.weight.T).mT, labels[:, 1:])}

        ids = tokens()
        with torch.no_grad():
            expected = model(input_ids=ids).logits[:, :-1].flatten(0, 1).argmax(-1)
        model.forward = types.MethodType(fused, model)
        with FeatureTap(model) as tap:
            _, batch = run(tap, model, input_ids=ids, labels=ids)
        assert batch.predictions is batch.sample is None
        ids_of_head, _ = ClassifierHead(model.lm_head.weight.detach()).predict(batch.features["final"])
        assert torch.equal(ids_of_head, expected)

    def test_labels_beyond_the_logits(self, model: PreTrainedModel) -> None:
        ids = tokens()
        with FeatureTap(model, token_losses=True) as tap, torch.no_grad():
            model(input_ids=ids, shift_labels=ids + VOCAB_SIZE)
            with pytest.raises(LabelError, match=f"beyond the model's {VOCAB_SIZE} logits"):
                tap.take()
            assert tap.take() is None


class TestMisfits:
    def test_replicas_of_data_parallel_are_refused(self, model: PreTrainedModel) -> None:
        replica = model._replicate_for_data_parallel()  # as nn.DataParallel makes one for each GPU
        for name, child in model._modules.items():
            replica._modules[name] = child
        with FeatureTap(model, labels="input_ids") as tap, torch.no_grad():
            replica(input_ids=tokens())
            with pytest.raises(TapError, match=r"several GPUs.*accelerate launch"):
                tap.take()

    @pytest.mark.parametrize("wrong", [{"layers": "first"}, {"labels": "targets"}])
    def test_unknown_choices(self, model: PreTrainedModel, wrong: dict[str, str]) -> None:
        with pytest.raises(InputError, match="is not known; use"):
            FeatureTap(model, **wrong)


class TestModelInOtherHands:
    def test_every_hook_is_removed(self, model: PreTrainedModel) -> None:
        tap = FeatureTap(model, layers="all").attach()
        assert tap.attach() is tap
        assert len(model.model._forward_hooks) == 1
        tap.detach()
        tap.detach()
        for module in model.modules():
            assert not module._forward_hooks
            assert not module._forward_pre_hooks
            assert not module._forward_pre_hooks_with_kwargs
        with torch.no_grad():
            model(input_ids=tokens(), labels=tokens())
        assert tap.take() is None

    def test_hooks_go_when_the_body_fails(self, model: PreTrainedModel) -> None:
        with pytest.raises(ZeroDivisionError), FeatureTap(model):
            raise ZeroDivisionError
        assert not model._forward_hooks

    def test_state_dict_is_unchanged(self, model: PreTrainedModel) -> None:
        names = list(model.state_dict())
        with FeatureTap(model, layers="all"):
            assert list(model.state_dict()) == names
            torch.save(model.state_dict(), io.BytesIO())

    def test_two_taps_at_once(self, model: PreTrainedModel) -> None:
        ids = tokens()
        with FeatureTap(model) as one, FeatureTap(model, labels="input_ids") as two, torch.no_grad():
            model(input_ids=ids, labels=ids)
            assert torch.equal(heard(one).features["final"], heard(two).features["final"])

    def test_distributed_data_parallel(self, model: PreTrainedModel, tmp_path: Path) -> None:
        torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
        try:
            ids = tokens()
            parallel = nn.parallel.DistributedDataParallel(model).eval()
            with FeatureTap(parallel) as tap:
                _, batch = run(tap, parallel, input_ids=ids, labels=ids)
            assert torch.equal(batch.labels, ids[:, 1:].flatten())
        finally:
            torch.distributed.destroy_process_group()

    def test_autocast(self, model: PreTrainedModel) -> None:
        with FeatureTap(model, labels="input_ids") as tap, torch.autocast("cpu", torch.bfloat16):
            _, batch = run(tap, model, input_ids=tokens())
        assert ClassifierHead.from_model(model, batch.sample).kind == "linear"

    def test_fused_head_of_trl(self, model: PreTrainedModel) -> None:
        add_fused_lm_head = pytest.importorskip("trl.trainer.utils").add_fused_lm_head
        add_fused_lm_head(model)
        ids = tokens()
        with FeatureTap(model) as tap:
            output, batch = run(tap, model, input_ids=ids, labels=ids, fused_lm_head=True)
        assert output.log_probs is not None
        assert batch.predictions is None
        assert torch.equal(batch.labels, ids[:, 1:].flatten())


class TestCompiled:
    @pytest.fixture(autouse=True)
    def fresh(self) -> Iterator[None]:
        torch.compiler.reset()
        yield
        torch.compiler.reset()

    def agrees(self, tap: FeatureTap, compiled: nn.Module, length: int = LENGTH) -> None:
        """The compiled pass gives what the head needs, for rows and lengths that vary."""
        ids = tokens(length=length, seed=length)
        output, batch = run(tap, compiled, input_ids=ids, labels=ids)
        logits = output.logits.flatten(0, 1)[batch.index]
        assert torch.equal(batch.predictions, logits.argmax(-1))
        assert batch.features["layer.1"].shape == (3 * (length - 1), 32)
        ClassifierHead(tap.model.lm_head.weight.detach()).check(batch.features["final"], logits)

    @pytest.mark.slow
    def test_compiled_before_the_tap_is_attached(self, model: PreTrainedModel) -> None:
        compiled = torch.compile(model, backend="eager")
        ids = tokens()
        with torch.no_grad():
            compiled(input_ids=ids, labels=ids)  # called as in agrees(), so that the code would serve again
        with FeatureTap(compiled, layers="all") as tap:
            self.agrees(tap, compiled)

    @pytest.mark.slow
    def test_compiled_after_the_tap_is_attached(self, model: PreTrainedModel) -> None:
        with FeatureTap(model, layers="all") as tap:
            compiled = torch.compile(model, backend="eager")
            self.agrees(tap, compiled)
            compiled.train()
            compiled(input_ids=tokens(), labels=tokens()).loss.backward()
            assert tap.take() is None
            compiled.eval()
            for length in (9, 11, 7):
                self.agrees(tap, compiled, length)

    @pytest.mark.slow
    def test_compiled_to_machine_code(self, model: PreTrainedModel) -> None:
        compiled = torch.compile(model)
        with FeatureTap(compiled, layers="all") as tap:
            for length in (7, 9):
                self.agrees(tap, compiled, length)

    def test_no_graph_break(self, model: PreTrainedModel) -> None:
        compiled = torch.compile(model, backend="eager", fullgraph=True)
        counters.clear()
        with FeatureTap(compiled, layers="all") as tap:
            self.agrees(tap, compiled)
        assert counters["stats"]["unique_graphs"] == 1  # the model's; the tap's own work stays out of the compiler

    @pytest.mark.slow
    def test_compiled_in_place(self, model: PreTrainedModel) -> None:
        model.compile(backend="eager")
        with FeatureTap(model, layers="all") as tap:
            for length in (7, 9, 11):
                self.agrees(tap, model, length)

    @pytest.mark.slow
    def test_compiled_block_by_block(self, model: PreTrainedModel) -> None:
        with FeatureTap(model, layers="all") as tap:
            regional = compile_regions(model, backend="eager")
            self.agrees(tap, regional)
            regional.train()
            regional(input_ids=tokens(), labels=tokens())
            assert tap.take() is None

    @pytest.mark.slow
    def test_code_compiled_for_another_model_is_found_out(self, model: PreTrainedModel) -> None:
        other = torch.compile(build("llama", **TINY, **LLAMA), backend="eager")
        compiled = torch.compile(model, backend="eager")
        ids = tokens()
        with FeatureTap(model, layers="all") as tap:
            with torch.no_grad():
                other(input_ids=ids, labels=ids)
                compiled(input_ids=ids, labels=ids)
            with pytest.raises(TapError, match=r"call torch.compiler.reset\(\) after the tap is attached"):
                tap.take()
            torch.compiler.reset()
            self.agrees(tap, compiled)
