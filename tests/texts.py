"""Texts whose classes come as often as words do, with a head and the decisions on their tokens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from nc_hf import ClassifierHead, ClassStatistics
from nc_hf.metrics.decisions import Decisions, decide

WIDTH = 6


@dataclass(frozen=True)
class Text:
    """Gaussian classes with counts as of words: a few common, many rare."""

    features: np.ndarray
    labels: np.ndarray
    weight: np.ndarray

    @property
    def head(self) -> ClassifierHead:
        return ClassifierHead(weight=torch.from_numpy(self.weight), bias=None)

    def statistics(self, rows: slice = slice(None)) -> ClassStatistics:
        stats = ClassStatistics(WIDTH)
        stats.update(torch.from_numpy(self.features[rows]), torch.from_numpy(self.labels[rows]))
        return stats

    def logits(self) -> np.ndarray:
        return self.features @ self.weight.T

    def common(self, fewest: int) -> torch.Tensor:
        """The ids of the classes with so many tokens."""
        ids, counts = np.unique(self.labels, return_counts=True)
        return torch.from_numpy(ids[counts >= fewest])

    def decisions(self, classes: torch.Tensor | None = None) -> Decisions:
        """Decide all tokens, or those of some classes among these."""
        ids = np.arange(len(self.weight)) if classes is None else classes.numpy()
        kept = np.isin(self.labels, ids)
        linear = torch.from_numpy(ids[self.logits()[kept][:, ids].argmax(axis=1)])
        features, labels = torch.from_numpy(self.features[kept]), torch.from_numpy(self.labels[kept])
        return decide(self.statistics(), features, labels, linear, leave_one_out=True, classes=classes)


def zipf_text() -> Text:
    rng = np.random.default_rng(7)
    counts = np.concatenate([[1, 1, 2, 3, 4, 9, 10, 31, 32, 99, 100], 1 + (150 / np.arange(1, 40)).astype(int)])
    ids = rng.permutation(2 * len(counts))[: len(counts)]
    owner = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    means = 1.0 + rng.normal(size=(len(counts), WIDTH))
    weight = 0.5 * rng.normal(size=(2 * len(counts), WIDTH))
    weight[ids] += means
    return Text(means[owner] + 0.6 * rng.normal(size=(len(owner), WIDTH)), ids[owner], weight)


DIM = 5


@dataclass(frozen=True)
class Sample:
    features: torch.Tensor
    labels: torch.Tensor
    head: ClassifierHead

    @property
    def stats(self) -> ClassStatistics:
        stats = ClassStatistics(DIM)
        stats.update(self.features, self.labels)
        return stats

    def decisions(self) -> Decisions:
        linear = (self.features @ self.head.weight.T).argmax(dim=1)
        return decide(self.stats, self.features, self.labels, linear, leave_one_out=True)


def sample(classes: int, seed: int = 0) -> Sample:
    """Gaussian classes with 1 to 40 tokens each and unlike spreads, the ids in no order."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 41, classes)
    ids = rng.permutation(2 * classes)[:classes]
    owner = rng.permutation(np.repeat(np.arange(classes), counts))
    means, spread = 2 + rng.normal(size=(classes, DIM)), rng.uniform(0.1, 1.5, classes)
    features = means[owner] + spread[owner, None] * rng.normal(size=(len(owner), DIM))
    weight = rng.normal(size=(2 * classes, DIM))
    weight[ids] += means
    return Sample(torch.tensor(features), torch.tensor(ids[owner]), ClassifierHead(torch.tensor(weight), bias=None))
