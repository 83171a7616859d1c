"""What a cell is trained on: its gradient, its log, and evaluations that stay plain."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nc_hf import NeuralCollapseCallback
from nc_hf.study.cell import Cell
from nc_hf.study.families import FAMILIES, build_model
from nc_hf.study.interventions.objective import StudyTrainer
from nc_hf.study.preset import load_study
from tests.training import VOCAB_SIZE, by_hand, close, evaluated, examples, make_trainer
from tests.unit.study.interventions.test_losses import BY_HAND

CELL = load_study("smoke").changed(block_size=32, vocab_size=VOCAB_SIZE).cells[0]
PLAIN = replace(CELL, dropout=0.0)


def trainer(folder: Path, cell: Cell, *callbacks: Any, **settings: Any) -> Any:
    made = lambda **given: StudyTrainer(cell=cell, **given)  # noqa: E731
    return make_trainer(folder, *callbacks, trainer=made, **{"model": build_model(cell, VOCAB_SIZE), **settings})


def loss_of(folder: Path, cell: Cell, *, training: bool) -> tuple[float, Any]:
    """The loss of a batch, and its trainer."""
    made = trainer(folder, cell)
    rows = examples(3, seed=1)
    batch = {name: torch.stack([row[name] for row in rows]) for name in rows[0]}
    made.model.train(training)
    return made.compute_loss(made.model, batch).item(), made


def parts(made: Any, rows: Any = None) -> tuple[np.ndarray, np.ndarray, np.ndarray, torch.Tensor]:
    """Features, next tokens and head of that batch, in float64, and its logits."""
    rows = rows or examples(3, seed=1)
    ids, labels = (torch.stack([row[name] for row in rows]) for name in ("input_ids", "labels"))
    following = labels[:, 1:]
    counted = following >= 0
    with torch.no_grad():
        features = made.model.get_decoder()(ids)[0][:, :-1][counted]
        logits = made.model(input_ids=ids).logits[:, :-1][counted].double()
    weight = made.model.get_output_embeddings().weight.detach()
    return features.double().numpy(), following[counted].numpy(), weight.double().numpy(), logits


@pytest.mark.parametrize("name", BY_HAND)
def test_the_loss_in_training_is_the_sum(tmp_path: Path, name: str) -> None:
    cell = replace(PLAIN, added_loss=name, added_weight=0.5, label_smoothing=0.2)
    found, made = loss_of(tmp_path, cell, training=True)
    x, y, w, logits = parts(made)
    logs = logits.log_softmax(dim=1)
    entropy = -logs[range(len(y)), y].mean().item()
    wanted = 0.8 * entropy - 0.2 * logs.mean().item() + 0.5 * BY_HAND[name](x, y, w)
    assert found == pytest.approx(wanted, rel=1e-5)


def test_an_evaluation_is_plain(tmp_path: Path) -> None:
    cell = replace(PLAIN, added_loss="cdnv", added_weight=3.0, label_smoothing=0.2)
    found, _ = loss_of(tmp_path / "added", cell, training=False)
    plain, _ = loss_of(tmp_path / "plain", PLAIN, training=True)
    assert found == pytest.approx(plain, rel=1e-6)


@pytest.mark.slow
def test_the_log_tells_the_added_loss(tmp_path: Path) -> None:
    cell = replace(PLAIN, added_loss="duality", added_weight=2.0)
    made = trainer(tmp_path, cell, logging_strategy="steps", logging_steps=2, max_steps=4)
    made.train()
    logged = [row for row in made.state.log_history if "loss" in row]
    assert len(logged) == 2
    assert all(0 < row["added_loss"] < 2 for row in logged)


def test_tokens_that_are_ignored_are_left_out(tmp_path: Path) -> None:
    cell = replace(PLAIN, added_loss="uniformity", added_weight=1.0, label_smoothing=0.1)
    made = trainer(tmp_path, cell)
    made.model.train()
    (row,) = examples(1, seed=1)
    short = {name: value[None, :20] for name, value in row.items()}
    masked = {name: value[None].clone() for name, value in row.items()}
    masked["labels"][:, 20:] = -100
    assert made.compute_loss(made.model, masked).item() == pytest.approx(
        made.compute_loss(made.model, short).item(), rel=1e-5
    )


@pytest.mark.slow
def test_the_callback_hears_its_evaluations(tmp_path: Path) -> None:
    cell = replace(PLAIN, added_loss="cdnv", added_weight=0.1, label_smoothing=0.1, head="random")
    made = trainer(tmp_path, cell, NeuralCollapseCallback(strict=True), eval_strategy="steps", eval_steps=4)
    made.train()
    held_out = made.eval_dataset
    assert evaluated(made.evaluate()) == close(by_hand(made.model, held_out))


@pytest.mark.parametrize("optimizer", ["adamw_torch", "sgd"])
def test_a_fixed_head_stays_as_it_is(tmp_path: Path, optimizer: str) -> None:
    cell = replace(PLAIN, head="simplex", added_loss="duality", added_weight=1.0)
    made = trainer(tmp_path, cell, optim=optimizer, weight_decay=0.5, learning_rate=0.1, max_steps=3)
    before = made.model.get_output_embeddings().weight.clone()
    others = made.model.get_input_embeddings().weight.clone()
    made.train()
    assert torch.equal(made.model.get_output_embeddings().weight, before)
    assert not torch.equal(made.model.get_input_embeddings().weight, others)


@pytest.mark.parametrize("name", BY_HAND)
def test_accumulated_batches_count_once_between_them(tmp_path: Path, name: str) -> None:
    cell = replace(PLAIN, added_loss=name, added_weight=0.5, label_smoothing=0.2)
    rows = examples(4, seed=1)
    rows[3]["labels"][10:] = -100  # so the second batch has fewer tokens
    made = trainer(
        tmp_path,
        cell,
        train=rows,
        per_device_train_batch_size=2,
        gradient_accumulation_steps=2,
        max_steps=1,
        learning_rate=0.0,
        train_sampling_strategy="sequential",
    )
    x, y, w, logits = parts(made, rows)
    half = len(y) - 31 - 9  # the last two rows have 31 and 9 labels
    logs = logits.log_softmax(dim=1)
    both = [BY_HAND[name](x[part], y[part], w) for part in (slice(half), slice(half, None))]
    added = np.average(both, weights=[half, len(y) - half])
    wanted = -0.8 * logs[range(len(y)), y].mean().item() - 0.2 * logs.mean().item() + 0.5 * added
    made.train()
    (logged,) = (row for row in made.state.log_history if "loss" in row)
    assert logged["loss"] == pytest.approx(wanted, rel=1e-5)
    assert logged["added_loss"] == pytest.approx(np.mean(both), rel=1e-5)


def test_the_gradient_is_that_of_the_sum(tmp_path: Path) -> None:
    # Along a random direction of all weights, the loss rises as its gradient says.
    cell = replace(PLAIN, added_loss="cdnv", added_weight=2.0, label_smoothing=0.2)
    made = trainer(tmp_path, cell, model=build_model(cell, VOCAB_SIZE).double())
    rows = examples(3, seed=1)
    batch = {name: torch.stack([row[name] for row in rows]) for name in rows[0]}
    made.model.train()
    made.compute_loss(made.model, batch).backward()
    weights = list(made.model.parameters())
    generator = torch.Generator().manual_seed(0)
    ways = [torch.randn(weight.shape, generator=generator) for weight in weights]
    slope = sum((weight.grad * way).sum().item() for weight, way in zip(weights, ways, strict=True))

    def at(step: float) -> float:
        with torch.no_grad():
            for weight, way in zip(weights, ways, strict=True):
                weight += step * way
            value = made.compute_loss(made.model, batch).item()
            for weight, way in zip(weights, ways, strict=True):
                weight -= step * way
        return value

    assert slope == pytest.approx((at(1e-4) - at(-1e-4)) / 2e-4, rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adamw_torch", "sgd"])
def test_a_fixed_head_goes_on_from_a_checkpoint(tmp_path: Path, optimizer: str) -> None:
    cell = replace(PLAIN, head="simplex", added_loss="uniformity", added_weight=0.5)
    saving = {"optim": optimizer, "weight_decay": 0.1, "max_steps": 4, "save_strategy": "steps", "save_steps": 2}
    whole, again = (trainer(tmp_path, cell, **saving) for _ in range(2))
    before = whole.model.get_output_embeddings().weight.clone()
    whole.train()
    again.train(resume_from_checkpoint=str(tmp_path / "checkpoint-2"))
    head = again.model.get_output_embeddings().weight
    assert torch.equal(head, before)
    assert not head.requires_grad
    others = dict(whole.model.named_parameters())
    assert all(torch.equal(weight, others[name]) for name, weight in again.model.named_parameters())


@pytest.mark.parametrize(
    ("settings", "digits"),
    [
        ({"bf16": True}, 2e-2),
        pytest.param({"torch_compile": True, "torch_compile_backend": "aot_eager"}, 1e-4, marks=pytest.mark.slow),
    ],
    ids=["bf16", "compiled"],
)
def test_in_half_precision_or_compiled_it_is_nearly_the_same(
    tmp_path: Path, settings: dict[str, Any], digits: float
) -> None:
    cell = replace(PLAIN, added_loss="uniformity", added_weight=1.0)

    def added(**settings: Any) -> list[float]:
        made = trainer(tmp_path, cell, NeuralCollapseCallback(), eval_strategy="steps", eval_steps=2, **settings)
        made.train()
        return [row["added_loss"] for row in made.state.log_history if "added_loss" in row]

    plain = added()
    assert len(plain) == 4
    assert added(**settings) == pytest.approx(plain, rel=digits)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_lets_its_features_be_heard(tmp_path: Path, family: str) -> None:
    cell = replace(PLAIN, family=family, tied=False, added_loss="duality", added_weight=1.0)
    plain, _ = loss_of(tmp_path, replace(cell, added_loss="none", added_weight=0.0), training=True)
    found, made = loss_of(tmp_path, cell, training=True)
    x, y, w, _ = parts(made)
    assert found - plain == pytest.approx(BY_HAND["duality"](x, y, w), rel=1e-4)
