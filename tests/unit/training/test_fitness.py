"""What is refused, or warned of, before the first step."""

from __future__ import annotations

import logging
import random
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from transformers import EarlyStoppingCallback, Trainer, TrainingArguments, default_data_collator

from nc_hf import NeuralCollapseCallback
from nc_hf.errors import LabelError, ModelError, StatisticsError, TapError
from nc_hf.metrics import PRESETS
from nc_hf.training.fitness import refuse_if_it_reads_ahead, refuse_shifted, warnings_before_training
from tests.architectures import ARCHITECTURES
from tests.training import (
    HELD_OUT,
    OfTwoGpus,
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


def loss_of(outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
    return torch.nn.functional.cross_entropy(outputs.logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())


class Targets(Trainer):
    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **kwargs: Any) -> Any:
        outputs = model(inputs["input_ids"])
        loss = loss_of(outputs, inputs["input_ids"])
        return (loss, outputs) if return_outputs else loss


SHIFTED = [{"input_ids": row["input_ids"][:-1], "labels": row["input_ids"][1:]} for row in HELD_OUT]


@pytest.mark.parametrize(
    ("settings", "kind", "said"),
    [
        ({"label_smoothing_factor": 0.1}, TapError, "label smoothing"),
        ({"trainer": partial(Trainer, compute_loss_func=loss_of)}, TapError, "compute_loss_func"),
        ({"trainer": Targets, "label_names": ["targets"]}, TapError, "called targets"),
        ({"trainer": OfTwoGpus}, TapError, r"several GPUs .*accelerate launch"),
        ({"evaluation": SHIFTED}, LabelError, "shifted already"),
        ({"evaluation": {"near": HELD_OUT, "far": SHIFTED}}, LabelError, "shifted already"),
        ({"evaluation": [{"input_ids": torch.arange(9), "labels": torch.arange(9)}]}, StatisticsError, "too small"),
    ],
    ids=["smoothing", "loss function", "label names", "two GPUs", "shifted", "one of two sets", "one row"],
)
def test_refused_when_it_is_made_and_not_with_a_corpus(
    tmp_path: Path, settings: dict[str, Any], kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind, match=said) as error:
        make_trainer(tmp_path, NeuralCollapseCallback(), **settings)
    assert "corpus=" in str(error.value)
    trainer = make_trainer(tmp_path, NeuralCollapseCallback(token_blocks(20, 3)), **settings)
    assert evaluated(trainer.evaluate(HELD_OUT)) == close(blocks_by_hand(trainer.model, 20, 3))


def test_copies_on_several_gpus_are_told_from_one_copy(tmp_path: Path) -> None:
    quantised = tiny_model()
    quantised.is_loaded_in_8bit = True  # a Trainer makes no copies of it
    make_trainer(tmp_path, NeuralCollapseCallback(), model=quantised, trainer=OfTwoGpus)
    parallel = torch.nn.DataParallel(tiny_model())
    settings: dict[str, Any] = {"model": parallel, "remove_unused_columns": False}
    trainer = make_trainer(tmp_path, NeuralCollapseCallback(), **settings)
    assert evaluated(trainer.evaluate()) == close(by_hand(parallel.module, HELD_OUT))
    parallel.device_ids = [0, 1]
    with pytest.raises(TapError, match="several GPUs"):
        make_trainer(tmp_path, NeuralCollapseCallback(), **settings)


def test_a_callback_that_comes_later_refuses_too(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path, label_smoothing_factor=0.1)
    with pytest.raises(TapError, match="label smoothing"):
        NeuralCollapseCallback().attach(trainer)
    trainer = make_trainer(tmp_path, label_smoothing_factor=0.1)
    trainer.add_callback(NeuralCollapseCallback())
    with pytest.raises(TapError, match="label smoothing"):
        trainer.train()
    assert trainer.state.global_step == 0


def test_a_loss_of_one_s_own_may_do_with_label_smoothing_what_it_likes(tmp_path: Path) -> None:
    class Labelled(Trainer):
        def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **kwargs: Any) -> Any:
            outputs = model(**inputs)
            return (outputs.loss, outputs) if return_outputs else outputs.loss

    trainer = make_trainer(tmp_path, NeuralCollapseCallback(), trainer=Labelled, label_smoothing_factor=0.1)
    assert "eval_nc1_trace_ratio" in trainer.evaluate()


def test_shifted_labels_are_told_from_text_that_repeats_and_from_masks() -> None:
    tokens = torch.stack([row["input_ids"] for row in HELD_OUT])
    labels = torch.cat([tokens[:, 1:], torch.full_like(tokens[:, :1], -100)], dim=1)
    with pytest.raises(LabelError, match="shifted already"):
        refuse_shifted(tokens, labels)
    labels[:, :20] = -100
    with pytest.raises(LabelError, match="shifted already"):
        refuse_shifted(tokens, labels)
    refuse_shifted(tokens, tokens)
    refuse_shifted(tokens, torch.full_like(tokens, -100))
    refuse_shifted(torch.ones_like(tokens), torch.ones_like(tokens))
    refuse_shifted(tokens, (tokens + 1) % 12)


def test_labels_that_are_shifted_are_met_in_a_stream_too(tmp_path: Path) -> None:
    class Stream(torch.utils.data.IterableDataset[Any]):
        def __iter__(self) -> Any:
            return iter(SHIFTED)

    trainer = make_trainer(tmp_path, NeuralCollapseCallback(strict=True), evaluation=Stream())
    with pytest.raises(LabelError, match="shifted already"):
        trainer.evaluate()


BEST: dict[str, Any] = {
    "eval_strategy": "steps", "eval_steps": 2, "save_strategy": "steps", "save_steps": 2,
    "load_best_model_at_end": True, "save_only_model": True,
}  # fmt: skip


@pytest.mark.parametrize(
    ("metric", "greater", "warned"),
    [
        ("nc1_trace_ratio", None, True),
        ("nc1_trace_ratio", True, True),
        ("eval_nc1_trace_ratio", None, True),
        ("nc1_trace_ratio", False, False),
        ("nc4_agreement", None, False),
        ("nc4_agreement", False, True),
        ("loss", None, False),
    ],
)
def test_the_direction_of_the_best_model(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, metric: str, greater: bool | None, warned: bool
) -> None:
    settings = {**BEST, "metric_for_best_model": metric, "greater_is_better": greater}
    trainer = make_trainer(tmp_path, NeuralCollapseCallback(), **settings)
    with caplog.at_level(logging.WARNING, "nc_hf.training"):
        trainer.train()
    said = [record.message for record in caplog.records if "greater_is_better" in record.message]
    assert len(said) == int(warned)


def test_a_search_without_an_objective() -> None:
    args: Any = SimpleNamespace(metric_for_best_model=None, greater_is_better=None)
    keys = {"nc1_trace_ratio": "nc1_trace_ratio"}

    def default_compute_objective(metrics: Any) -> float:
        return 0.0

    trainer = SimpleNamespace(compute_objective=default_compute_objective)
    searching, training = SimpleNamespace(is_hyper_param_search=True), SimpleNamespace(is_hyper_param_search=False)
    (said,) = warnings_before_training(args, searching, trainer, keys)
    assert "compute_objective" in said
    assert not list(warnings_before_training(args, training, trainer, keys))
    trainer.compute_objective = lambda metrics: metrics["eval_loss"]
    assert not list(warnings_before_training(args, searching, trainer, keys))


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ("eval_nc1_trace_ratoi", "is nc1_trace_ratoi, which is not measured (did you mean nc1_trace_ratio?); name it"),
        ("nc5_ood_orthogonality", "is nc5_ood_orthogonality, which is not measured; name it in preset=."),
        ("eval_accuracy", ""),
        ("nce_accuracy", ""),
    ],
)
def test_a_misspelt_best_metric_is_asked_back(tmp_path: Path, chosen: str, said: str) -> None:
    args = TrainingArguments(tmp_path, metric_for_best_model=chosen, use_cpu=True, report_to="none")
    keys = {name: name for name in ("nc1_trace_ratio", "nc4_agreement", "nc4_ncc_accuracy")}
    found = list(warnings_before_training(args, SimpleNamespace(is_hyper_param_search=False), None, keys))
    assert len(found) == bool(said)
    assert all(said in sentence for sentence in found)


@pytest.mark.slow
@pytest.mark.parametrize("before", [True, False])
def test_early_stopping_finds_the_value_in_any_order(tmp_path: Path, before: bool) -> None:
    class CopyingLog(Trainer):
        def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
            super().log({**logs}, start_time)

    callbacks = [EarlyStoppingCallback(1), NeuralCollapseCallback()]
    settings = {**BEST, "eval_steps": 1, "save_steps": 1, "metric_for_best_model": "nc1_trace_ratio", "max_steps": 12}
    trainer = make_trainer(
        tmp_path,
        *(callbacks if before else reversed(callbacks)),
        trainer=CopyingLog,
        greater_is_better=True,
        train=examples(48, seed=1),
        **settings,
    )
    trainer.train()
    course = list(history(trainer).values())
    assert trainer.state.global_step == len(course) < 12
    assert course[-1] <= max(course[:-1])


def test_a_look_at_the_rows_draws_no_random_number(tmp_path: Path) -> None:
    def collator(rows: list[Any]) -> Any:
        random.random(), np.random.rand(), torch.rand(1)
        return default_data_collator(rows)

    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(3)
    wanted = random.random(), np.random.rand(), float(torch.rand(1))
    trainer = make_trainer(tmp_path, model=tiny_model(), collator=collator)
    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(3)  # the Trainer sets its own
    NeuralCollapseCallback().attach(trainer)
    assert (random.random(), np.random.rand(), float(torch.rand(1))) == wanted


class TestReadingAhead:
    def test_it_is_refused(self) -> None:
        with pytest.raises(ModelError, match="XLNetLMHeadModel reads ahead"):
            refuse_if_it_reads_ahead(ARCHITECTURES["XLNet"](), range(20, 36))
        refuse_if_it_reads_ahead(tiny_model(), range(16))

    def test_a_model_that_cannot_run_on_these_tokens_alone_is_left_to_its_evaluation(self) -> None:
        model = ARCHITECTURES["XLNet"]()
        refuse_if_it_reads_ahead(model, [101, 102, 103, 104])  # beyond its embeddings
        model.register_forward_pre_hook(lambda *_: 1 / 0)
        refuse_if_it_reads_ahead(model, range(20, 36))

    def test_a_callback_with_a_corpus_says_it_before_the_first_step(self, tmp_path: Path) -> None:
        model = ARCHITECTURES["PaliGemma"]()
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(token_blocks(8, 3)), model=model)
        with pytest.raises(ModelError, match=r"reads ahead: .*token_type_ids"):
            trainer.train()
        assert trainer.state.global_step == 0

    def test_a_text_of_other_tokens_is_refused_before_they_are_read(self, tmp_path: Path) -> None:
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(token_blocks(8, 3, classes=900)))
        with pytest.raises(LabelError, match="beyond the head"):
            trainer.train()

    @pytest.mark.slow
    def test_a_training_goes_on_as_it_would_without_the_trial(self, tmp_path: Path) -> None:
        def weights(*callbacks: Any) -> Any:
            trainer = make_trainer(tmp_path, *callbacks, model=tiny_model(resid_dropout=0.3), eval_strategy="no")
            trainer.train()
            return torch.nn.utils.parameters_to_vector(trainer.model.parameters())

        assert torch.equal(weights(NeuralCollapseCallback(token_blocks(8, 3), every="epoch")), weights())

    def test_an_evaluation_of_tokens_alone_is_found_out(self, tmp_path: Path) -> None:
        rows = [{name: row + 20 for name, row in each.items()} for each in examples(24, seed=4)]
        model = ARCHITECTURES["PaliGemma"]()
        trainer = make_trainer(tmp_path, NeuralCollapseCallback(strict=True), model=model, evaluation=rows)
        for _ in range(2):
            with pytest.raises(ModelError, match="reads ahead"):
                trainer.evaluate()
        typed = [row | {"token_type_ids": torch.ones_like(row["input_ids"])} for row in rows]
        assert set(evaluated(trainer.evaluate(typed))) == set(PRESETS["core"])
