"""The callback in Trainers that people change: loaders, logs and passes of their own, copies, broken evaluations."""

from __future__ import annotations

import copy
import gc
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader
from transformers import Trainer, TrainerCallback, default_data_collator

from nc_hf import NeuralCollapseCallback
from nc_hf.errors import InputError, TapError
from tests.training import by_hand, evaluated, examples, history, make_trainer, tiny_model, token_blocks

HELD_OUT = examples(11, seed=2)


def close(values: dict[str, float]) -> Any:
    return pytest.approx(values, rel=1e-4, abs=1e-7)


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


class CopyingLog(Trainer):
    """Logs something besides, in a dict of its own."""

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        super().log({**logs, "extra": 1.0}, start_time)


@pytest.mark.parametrize("rows", [29, 30, 32])
def test_a_plain_loader_at_the_end_of_an_uneven_epoch(tmp_path: Path, rows: int) -> None:
    settings: dict[str, Any] = {"eval_strategy": "epoch", "num_train_epochs": 1, "max_steps": -1}
    callback, train = NeuralCollapseCallback(), examples(rows, seed=1)
    trainer = make_trainer(tmp_path, callback, trainer=PlainLoader, train=train, **settings)
    trainer.train()
    (value,) = history(trainer).values()
    assert value == pytest.approx(by_hand(trainer.model, HELD_OUT)["nc1_cdnv"], rel=1e-4)


def test_a_log_that_copies(tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "eval_strategy": "steps", "eval_steps": 2, "save_strategy": "steps", "save_steps": 2,
        "load_best_model_at_end": True, "metric_for_best_model": "nc1_cdnv", "greater_is_better": False,
    }  # fmt: skip
    trainer = make_trainer(tmp_path, NeuralCollapseCallback(), trainer=CopyingLog, **settings)
    trainer.train()
    assert trainer.state.best_metric == min(history(trainer).values())
    returned = trainer.evaluate()
    assert evaluated(returned) == close(by_hand(trainer.model, HELD_OUT))
    assert evaluated(trainer.state.log_history[-1]) == evaluated(returned)


class TestBrokenOff:
    def test_its_batches_are_not_of_the_training(self, tmp_path: Path) -> None:
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(min_count=60))
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
    trainer = make_trainer(tmp_path, NeuralCollapseCallback(), label_smoothing_factor=0.1)
    rows = torch.stack([row["input_ids"] for row in HELD_OUT[:3]])
    trainer.model.eval()(input_ids=rows, labels=rows)
    with pytest.raises(TapError, match="label smoothing"):
        trainer.evaluate()


class TestCopies:
    def test_a_copied_trainer(self, tmp_path: Path) -> None:
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(), eval_strategy="steps", eval_steps=4)
        trainer.evaluate()
        other = copy.deepcopy(trainer)
        with pytest.raises(TapError, match="attach"):
            other.evaluate()
        other.train()
        assert history(other)[4] == pytest.approx(by_hand(other.model, HELD_OUT)["nc1_cdnv"], rel=1e-4)
        assert evaluated(trainer.evaluate()) == close(by_hand(trainer.model, HELD_OUT))

    def test_a_pickle_is_small_and_listens_when_attached(self, tmp_path: Path) -> None:
        callback = NeuralCollapseCallback(min_count=5)
        callback.attach(make_trainer(tmp_path, callback))
        kept = pickle.dumps(callback)
        assert len(kept) < 4_000
        trainer = make_trainer(tmp_path)
        pickle.loads(kept).attach(trainer)
        assert evaluated(trainer.evaluate()) == close(by_hand(trainer.model, HELD_OUT, min_count=5))

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


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"min_count": 0}, "min_count is 0"),
        ({"agreement_tokens": -5}, "agreement_tokens is -5"),
        ({"agreement_tokens": 0, "preset": ["nc4_agreement"]}, "nc4_agreement is decided on a sample"),
        ({"preset": ["nc1_category_share"]}, "compute_metrics"),
    ],
)
def test_arguments_that_would_fail_after_the_evaluation(arguments: dict[str, Any], said: str) -> None:
    for corpus in (None, token_blocks(8)):
        with pytest.raises(InputError, match=said):
            NeuralCollapseCallback(corpus, **arguments)


def test_without_a_sample_a_preset_leaves_nc4_out(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path, NeuralCollapseCallback(agreement_tokens=0))
    values = evaluated(trainer.evaluate())
    assert "nc4_agreement" not in values
    assert "nc1_cdnv" in values


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

    trainer = make_trainer(tmp_path, NeuralCollapseCallback(), trainer=SometimesDirect)
    with pytest.raises(TapError, match="The loss calls the model's decoder directly"):
        trainer.evaluate()
