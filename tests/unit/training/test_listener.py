"""What is heard of an evaluation: every row once, nothing of one that broke off, and a way out where nothing is."""

from __future__ import annotations

import copy
import gc
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from transformers import Trainer, TrainerCallback, default_data_collator

from nc_hf import NeuralCollapseCallback
from nc_hf.errors import FeatureError, StatisticsError, TapError
from nc_hf.model.forward_pass import Observation
from nc_hf.training.backlog import MOST_POSITIONS
from nc_hf.training.listener import _leading
from tests.architectures import ARCHITECTURES
from tests.training import (
    CLASSES,
    HELD_OUT,
    LENGTH,
    blocks_by_hand,
    by_hand,
    close,
    evaluated,
    examples,
    history,
    make_trainer,
    tiny_model,
    token_blocks,
)
from tests.waits import Waits


def own_loss(logits: Tensor, labels: Tensor, return_outputs: bool) -> Any:
    loss = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
    return (loss, {"logits": logits}) if return_outputs else loss


class TestRows:
    @staticmethod
    def pad(rows: list[dict[str, Tensor]], side: str) -> dict[str, Tensor]:
        """Pad to the longest; on the right, labels keep the padding's token, as a careless collator leaves them."""
        length = max(len(row["input_ids"]) for row in rows)
        filled: dict[str, list[Tensor]] = {"input_ids": [], "attention_mask": [], "labels": []}
        for row in rows:
            missing = length - len(row["input_ids"])
            around = (missing, 0) if side == "left" else (0, missing)
            real = torch.ones(len(row["input_ids"]), dtype=torch.int64)
            filled["input_ids"].append(torch.nn.functional.pad(row["input_ids"], around, value=0))
            filled["attention_mask"].append(torch.nn.functional.pad(real, around))
            filled["labels"].append(
                torch.nn.functional.pad(row["labels"], around, value=0 if side == "right" else -100)
            )
        return {name: torch.stack(tensors) for name, tensors in filled.items()}

    @pytest.mark.parametrize("side", ["right", "left"])
    def test_padded(self, tmp_path: Path, side: str) -> None:
        lengths = [32, 9, 17, 30, 25, 8, 31, 12, 20, 28, 6]
        rows = [
            {name: tensor[:length] for name, tensor in row.items()}
            for row, length in zip(HELD_OUT, lengths, strict=True)
        ]
        # Rotary positions only know differences, so that padding on the left changes nothing.
        model = ARCHITECTURES["Llama"]()
        trainer = make_trainer(
            tmp_path,
            NeuralCollapseCallback(),
            model=model,
            evaluation=rows,
            collator=lambda batch: self.pad(batch, side),
        )
        assert evaluated(trainer.evaluate()) == close(by_hand(model, rows), 1e-3)

    def test_labels_to_ignore(self, tmp_path: Path) -> None:
        rows = [{name: tensor.clone() for name, tensor in row.items()} for row in HELD_OUT]
        for number, row in enumerate(rows):
            row["labels"][: 2 * number] = -100
        rows[0]["labels"][5:9] = -100
        for row in rows[:4]:
            row["labels"][:] = -100  # the whole first batch
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(), evaluation=rows)
        assert evaluated(trainer.evaluate()) == close(by_hand(trainer.model, rows))

    def test_labels_other_than_the_tokens(self, tmp_path: Path) -> None:
        rows = [{"input_ids": row["input_ids"], "labels": (row["input_ids"] + 1) % CLASSES} for row in HELD_OUT]
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(), evaluation=rows)
        values = evaluated(trainer.evaluate())
        assert values == close(by_hand(trainer.model, rows))
        assert values["nc3_cos_mean_centred"] != pytest.approx(by_hand(trainer.model, HELD_OUT)["nc3_cos_mean_centred"])

    def test_a_last_batch_that_is_dropped(self, tmp_path: Path) -> None:
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(), dataloader_drop_last=True)
        assert evaluated(trainer.evaluate()) == close(by_hand(trainer.model, HELD_OUT[:8]))

    def test_a_stream(self, tmp_path: Path) -> None:
        class Stream(torch.utils.data.IterableDataset[dict[str, Tensor]]):
            def __iter__(self) -> Any:
                return iter(HELD_OUT)

        trainer = make_trainer(tmp_path, NeuralCollapseCallback(), evaluation=Stream())
        assert evaluated(trainer.evaluate()) == close(by_hand(trainer.model, HELD_OUT))


class TestWayOut:
    """Where nothing can be heard, an error says so and names the corpus as the way out, which then works."""

    class Direct(Trainer):
        """A loss that calls the decoder and the head by themselves."""

        def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **kwargs: Any) -> Any:
            hidden = model.get_decoder()(inputs["input_ids"])[0]
            return own_loss(model.get_output_embeddings()(hidden), inputs["labels"], return_outputs)

    class Unlabelled(Trainer):
        """A loss of one's own, made from the logits."""

        def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **kwargs: Any) -> Any:
            return own_loss(model(inputs["input_ids"]).logits, inputs["labels"], return_outputs)

    @pytest.mark.parametrize(
        ("settings", "said"),
        [
            ({"trainer": Direct}, "directly"),
            ({"trainer": Unlabelled}, "without labels"),
        ],
        ids=["decoder called directly", "logits only"],
    )
    def test_a_loss_that_bypasses_the_tap(self, tmp_path: Path, settings: dict[str, Any], said: str) -> None:
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(strict=True), **settings)
        with pytest.raises(TapError, match=said) as error:
            trainer.evaluate()
        assert "corpus=" in str(error.value)
        way_out = make_trainer(tmp_path, NeuralCollapseCallback(token_blocks(8, 3)), **settings)
        assert evaluated(way_out.evaluate()) == close(blocks_by_hand(way_out.model, 8, 3))

    def test_added_too_late_to_hear(self, tmp_path: Path) -> None:
        trainer = make_trainer(tmp_path)
        trainer.add_callback(NeuralCollapseCallback(strict=True))
        with pytest.raises(TapError, match="attach"):
            trainer.evaluate()

    @pytest.mark.slow
    def test_added_before_training(self, tmp_path: Path) -> None:
        trainer = make_trainer(tmp_path, eval_strategy="steps", eval_steps=4)
        trainer.add_callback(NeuralCollapseCallback())
        trainer.train()
        assert list(history(trainer)) == [4]

    def test_a_diverged_model(self, tmp_path: Path) -> None:
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(strict=True))
        trainer.model.get_decoder().ln_f.weight.data[3] = float("nan")
        with pytest.raises(FeatureError, match=r"batch 0 .* final"):
            trainer.evaluate()

    @pytest.mark.parametrize(
        ("come", "said"), [(0, "no class that counts was met"), (1, "1 of the 2 classes that count")]
    )
    def test_too_few_classes(self, tmp_path: Path, come: int, said: str) -> None:
        classes = [CLASSES - come, CLASSES + 1]  # of which so many come
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(classes=classes, strict=True))
        with pytest.raises(StatisticsError, match=said):
            trainer.evaluate()


def hooks(model: torch.nn.Module) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())


def break_off(trainer: Trainer) -> None:
    """Run an evaluation to its end, and have it fail before it is logged."""

    def broken(prediction: Any) -> dict[str, float]:
        raise ZeroDivisionError

    trainer.compute_metrics = broken
    with pytest.raises(ZeroDivisionError):
        trainer.evaluate()
    trainer.compute_metrics = None


class PlainLoader(Trainer):
    """Evaluates with a loader that accelerate knows nothing of."""

    def get_eval_dataloader(self, eval_dataset: Any = None) -> Any:
        return DataLoader(self.eval_dataset, batch_size=4, collate_fn=default_data_collator)


@pytest.mark.slow
@pytest.mark.parametrize("rows", [29, 30, 32])
def test_a_plain_loader_at_the_end_of_an_uneven_epoch(tmp_path: Path, rows: int) -> None:
    settings: dict[str, Any] = {"eval_strategy": "epoch", "num_train_epochs": 1, "max_steps": -1}
    callback, train = NeuralCollapseCallback(), examples(rows, seed=1)
    trainer = make_trainer(tmp_path, callback, trainer=PlainLoader, train=train, **settings)
    trainer.train()
    (value,) = history(trainer).values()
    assert value == pytest.approx(by_hand(trainer.model, HELD_OUT)["nc1_trace_ratio"], rel=1e-4)


def test_what_was_heard_is_handed_out_once_and_let_go(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    callback = NeuralCollapseCallback()
    trainer = make_trainer(tmp_path, callback)
    assert evaluated(trainer.evaluate())
    assert "counted twice" not in caplog.text, "all rows are there once"
    assert callback._listener.batches == 0
    with pytest.raises(TapError, match="No evaluation batch"):
        callback._listener.collection()


def test_a_sample_of_tokens_is_the_same_however_rows_are_batched(tmp_path: Path) -> None:
    model, found = tiny_model(), []
    for size in (1, 3, 11):
        callback = NeuralCollapseCallback(agreement_tokens=60, preset=["nc4_agreement", "nc4_ncc_accuracy"])
        trainer = make_trainer(tmp_path, callback, model=model, per_device_eval_batch_size=size)
        found.append(evaluated(trainer.evaluate()))
    assert len(found[0]) >= 2
    assert found[0] == found[1] == found[2]


class TestBrokenOff:
    def test_its_batches_are_not_of_the_training(self, tmp_path: Path) -> None:
        # On classes that do not come nothing could be computed.
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(classes=[CLASSES, CLASSES + 1]))
        break_off(trainer)
        trainer.train()
        assert not any(key.startswith("train_nc") for row in trainer.state.log_history for key in row)
        assert "train_runtime" in trainer.state.log_history[-1]

    def test_its_batches_are_not_of_the_next_one(self, tmp_path: Path) -> None:
        settings: dict[str, Any] = {"dataloader_num_workers": 1, "dataloader_persistent_workers": True}
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(), **settings)
        break_off(trainer)
        assert evaluated(trainer.evaluate()) == close(by_hand(trainer.model, HELD_OUT))

    def test_a_loop_of_one_s_own_is_no_evaluation(self, tmp_path: Path) -> None:
        class Probe(TrainerCallback):
            def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
                trainer.evaluation_loop(trainer.get_eval_dataloader(), "probe")

        trainer = make_trainer(tmp_path, NeuralCollapseCallback(), Probe())
        trainer.train()
        assert not any("nc1" in key for row in trainer.state.log_history for key in row)


def test_a_pass_of_one_s_own_stands_for_no_evaluation(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path, NeuralCollapseCallback(strict=True), trainer=TestWayOut.Unlabelled)
    rows = torch.stack([row["input_ids"] for row in HELD_OUT[:3]])
    trainer.model.eval()(input_ids=rows, labels=rows)
    with pytest.raises(TapError, match="without labels"):
        trainer.evaluate()


class TestCopies:
    @pytest.mark.slow
    def test_a_copied_trainer(self, tmp_path: Path) -> None:
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(strict=True), eval_strategy="steps", eval_steps=4)
        trainer.evaluate()
        other = copy.deepcopy(trainer)
        with pytest.raises(TapError, match="attach"):
            other.evaluate()
        other.train()
        assert history(other)[4] == pytest.approx(by_hand(other.model, HELD_OUT)["nc1_trace_ratio"], rel=1e-4)
        assert evaluated(trainer.evaluate()) == close(by_hand(trainer.model, HELD_OUT))

    def test_a_pickle_is_small_and_listens_when_attached(self, tmp_path: Path) -> None:
        callback = NeuralCollapseCallback(classes=[2, 3, 5, 7])
        callback.attach(make_trainer(tmp_path, callback))
        kept = pickle.dumps(callback)
        assert len(kept) < 4_000
        trainer = make_trainer(tmp_path)
        pickle.loads(kept).attach(trainer)
        assert evaluated(trainer.evaluate()) == close(by_hand(trainer.model, HELD_OUT, classes=[2, 3, 5, 7]))

    @pytest.mark.slow
    def test_the_hooks_go_with_the_trainer(self, tmp_path: Path) -> None:
        model = tiny_model()
        for _ in range(3):
            trainer = make_trainer(tmp_path, NeuralCollapseCallback(), model=model)
            trainer.evaluate()
        assert hooks(model) > 0
        del trainer
        gc.collect()
        assert hooks(model) == 0

    def test_the_hooks_go_with_the_model_of_an_earlier_trainer(self, tmp_path: Path) -> None:
        callback, first = NeuralCollapseCallback(), tiny_model()
        make_trainer(tmp_path, callback, model=first)
        make_trainer(tmp_path, callback)
        assert hooks(first) == 0


def test_an_evaluation_that_was_heard_in_part_is_refused_with_the_reason(tmp_path: Path) -> None:
    class SometimesDirect(Trainer):
        """Calls the decoder by itself on one of the batches."""

        batches = 0

        def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **kwargs: Any) -> Any:
            self.batches += 1
            if self.batches != 2:
                return super().compute_loss(model, inputs, return_outputs, **kwargs)
            logits = model.get_output_embeddings()(model.get_decoder()(inputs["input_ids"])[0])
            loss = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), inputs["labels"][:, 1:].flatten())
            return (loss, {"logits": logits}) if return_outputs else loss

    trainer = make_trainer(tmp_path, NeuralCollapseCallback(strict=True), trainer=SometimesDirect)
    with pytest.raises(TapError, match="The loss calls the model's decoder directly"):
        trainer.evaluate()


@pytest.mark.slow
@pytest.mark.parametrize(("preset", "most"), [("core", 3), (("nc1_trace_ratio",), 2)])
def test_how_often_a_gpu_would_be_waited_for(tmp_path: Path, preset: Any, most: int) -> None:
    """Not for a batch, and for 8,192 tokens as often as ever for one: see what of them count, and which are new.

    And once for all checks together, whose read of a whole tensor is none of the operations that are counted.
    """

    def waits(rows: int, *callbacks: Any) -> int:
        trainer = make_trainer(tmp_path, *callbacks, model=tiny_model(), evaluation=examples(rows, seed=3))
        trainer.evaluate()
        with Waits() as counted:
            trainer.evaluate()
        return counted.count

    def more(few: int, many: int) -> int:
        """By the difference between a short and a long evaluation, what is done once in each falls out."""
        listening = [waits(rows, NeuralCollapseCallback(preset=preset, agreement_tokens=64)) for rows in (few, many)]
        return listening[1] - listening[0] - (waits(many) - waits(few))

    first = 4  # rows, the first batch, which is looked at when it comes
    chunk = MOST_POSITIONS // LENGTH
    assert more(first + 40, first + 80) == 0
    # The sample finds its threshold anew whenever it has twice what it keeps.
    anew = 2
    assert 0 < more(first + chunk, first + 3 * chunk) <= 2 * most + anew


def test_batches_that_wait_make_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = make_trainer(tmp_path, NeuralCollapseCallback(), evaluation=examples(83, seed=3))
    together = evaluated(trainer.evaluate())
    monkeypatch.setattr("nc_hf.training.backlog.MOST_POSITIONS", 1)
    assert evaluated(trainer.evaluate()) == together


def test_a_batch_that_waited_is_named(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path, NeuralCollapseCallback(strict=True), evaluation=examples(40, seed=3))
    passes = iter(range(100))

    def spoil(module: Any, args: Any, output: Any) -> Any:
        if next(passes) in (5, 7):
            output[0][1, 2, 3] = torch.inf
        return output

    trainer.model.get_decoder().register_forward_hook(spoil)
    with pytest.raises(FeatureError, match="batch 5 has NaN or Inf in the final features"):
        trainer.evaluate()


def test_nothing_that_waits_outlasts_an_evaluation_that_broke_off(tmp_path: Path) -> None:
    class Stop(TrainerCallback):
        steps = 0

        def on_prediction_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            self.steps += 1
            if self.steps == 2:
                raise KeyboardInterrupt

    trainer = make_trainer(tmp_path, NeuralCollapseCallback(), Stop())
    with pytest.raises(KeyboardInterrupt):
        trainer.evaluate(examples(11, seed=9))
    assert evaluated(trainer.evaluate()) == close(by_hand(trainer.model, HELD_OUT))


@pytest.mark.parametrize(
    ("real", "labelled"), [(7, [3, 2, 2]), (5, [3, 2, 0]), (4, [3, 1, 0]), (3, [3, 0, 0]), (1, [1, 0, 0])]
)
def test_what_fills_up_a_last_batch_of_several_passes_is_left_out_from_the_end(real: int, labelled: list[int]) -> None:
    passes = [Observation(torch.ones(rows, 6, dtype=torch.int64), {}, None, None, None, None) for rows in (3, 2, 2)]
    kept = _leading(passes, real)
    assert [len(each.targets) for each in kept] == [3, 2, 2], "rows stay, without their labels"
    assert [int((each.targets >= 0).all(dim=1).sum()) for each in kept] == labelled
    assert all(bool((each.targets[rows:] < 0).all()) for each, rows in zip(kept, labelled, strict=True))
