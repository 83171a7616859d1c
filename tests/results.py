"""Results tables of studies whose truth is known."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

SEEDS = 4


def table(n: int, seed: int = 0, **columns: object) -> pd.DataFrame:
    """Rows of one cell from n seeds, with random losses unless they are given."""
    rng = np.random.default_rng(seed)
    loss = 2 + rng.random(n)
    settings = {"width": 64, "depth": 2, "epochs": 1, "weight_decay": 0.1, "seed": range(n), "saved_epoch": 0}
    outcomes = {"val_loss": loss, "val_accuracy": 0.3, "perplexity": np.exp(loss), "trained_epochs": 1}
    return pd.DataFrame(settings | outcomes | columns)


def grid(seed: int = 0) -> pd.DataFrame:
    """A grid of 3 width x 3 depth x 2 lengths x 2 decays, whose loss falls along each."""
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame(
        product((64, 128, 256), (1, 2, 4), (1, 3), (5e-4, 0.1)), columns=["width", "depth", "epochs", "weight_decay"]
    )
    loss = (
        6 - np.log(rows["width"]) / 2 - np.log(rows["depth"]) / 4 - rows["epochs"] / 10 + 0.02 * rng.random(len(rows))
    )
    return rows.assign(
        seed=0,
        saved_epoch=rows["epochs"] - 1,
        trained_epochs=rows["epochs"],
        val_loss=loss,
        val_accuracy=0.3,
        perplexity=np.exp(loss),
    )


def small_study() -> pd.DataFrame:
    """A small study with metrics: 3 width x 2 depth x 2 lengths, and more seeds of its first cell."""
    rows = list(product((64, 128, 256), (1, 2), (1, 3), (0,))) + [(64, 1, 1, seed) for seed in range(1, SEEDS)]
    table = pd.DataFrame(rows, columns=["width", "depth", "epochs", "seed"])
    noise = 1 + 0.02 * np.random.default_rng(0).random(len(table))
    loss = noise * (6 - np.log(table["width"]) / 2 - table["depth"] / 4 - table["epochs"] / 10)
    return table.assign(
        weight_decay=0.1,
        saved_epoch=table["epochs"] - 1,
        trained_epochs=table["epochs"],
        val_loss=loss,
        val_accuracy=0.3,
        perplexity=np.exp(loss),
        nc1_cdnv=np.exp(3 * loss) / 100,
        gnc2_log_std=loss / 10,
        unc3_cos_std=0.2 + noise / 100,
        nc4_agreement=1 / loss,
    )


def crossed(seeds: int = 1, states: int = 1, **settings: Sequence[object]) -> pd.DataFrame:
    """Every combination of some settings, from several seeds and with several states a run, whose loss each lowers."""
    levels = {"width": [64], "depth": [2], "epochs": [1], "weight_decay": [0.1]} | settings
    names = [*levels, "seed", "saved_epoch"]
    rows = pd.DataFrame(product(*levels.values(), range(seeds), range(states)), columns=names)
    place = sum(
        rows[name].map(list(values).index) / (2 + 3 * order) for order, (name, values) in enumerate(levels.items())
    )
    rng = np.random.default_rng(0)
    loss = 2 + 2 * np.exp(-0.3 * place - 0.2 * rows["saved_epoch"]) + 0.02 * rng.normal(size=len(rows))
    last = (rows["saved_epoch"] + 1) / states
    return rows.assign(
        saved_epoch=last * rows["epochs"] - 1,
        trained_epochs=last * rows["epochs"],
        val_loss=loss,
        val_accuracy=0.3,
        perplexity=np.exp(loss),
        nc1_trace_ratio=np.exp(3 * loss) / 1000,
        nc2_cos_std=0.05 * loss,
        gnc2_log_std_ratio=loss - 0.8,
        nc2_participation_ratio=rows["width"] / loss,
        nc3_cos_mean_centred=0.9 - 0.2 * loss + 0.02 * rng.normal(size=len(rows)),
        unc3_cos_std_centred=0.02 + 0.03 * loss,
        nc4_agreement=1 - loss / 5,
    )


def training_log(steps: int = 5) -> list[dict[str, Any]]:
    """What a Trainer logs: training losses between evaluations, and a summary at the end."""
    history: list[dict[str, Any]] = []
    for step in range(0, 100 * steps, 100):
        metrics = {"eval_nc1_cdnv": 100 / (1 + step), "eval_nc4_agreement": step / 1000}
        history += [{"loss": 3.0, "step": step + 50}, {"eval_loss": 4 - step / 500, "step": step, **metrics}]
    return [*history, {"train_runtime": 1.0, "step": 100 * steps}]
