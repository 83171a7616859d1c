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
from nc_hf.study.families import build_model
from nc_hf.study.interventions.objective import StudyTrainer
from nc_hf.study.preset import load_study
from tests.training import VOCAB_SIZE, by_hand, close, evaluated, examples, make_trainer
from tests.unit.study.interventions.test_losses import BY_HAND

CELL = load_study("smoke").changed(block_size=32, vocab_size=VOCAB_SIZE).cells[0]
PLAIN = replace(CELL, dropout=0.0)


def trainer(folder: Path, cell: Cell, *callbacks: Any, **settings: Any) -> Any:
    made = lambda **given: StudyTrainer(cell=cell, **given)  # noqa: E731
    return make_trainer(folder, *callbacks, trainer=made, model=build_model(cell, VOCAB_SIZE), **settings)


def loss_of(folder: Path, cell: Cell, *, training: bool) -> tuple[float, Any]:
    """The loss of a batch, and its trainer."""
    made = trainer(folder, cell)
    rows = examples(3, seed=1)
    batch = {name: torch.stack([row[name] for row in rows]) for name in rows[0]}
    made.model.train(training)
    return made.compute_loss(made.model, batch).item(), made


def parts(made: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, torch.Tensor]:
    """Features, next tokens and head of that batch, in float64, and its logits."""
    ids = torch.stack([row["input_ids"] for row in examples(3, seed=1)])
    with torch.no_grad():
        features = made.model.get_decoder()(ids)[0][:, :-1].flatten(0, 1)
        logits = made.model(input_ids=ids).logits[:, :-1].flatten(0, 1).double()
    weight = made.model.get_output_embeddings().weight.detach()
    return features.double().numpy(), ids[:, 1:].flatten().numpy(), weight.double().numpy(), logits


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
