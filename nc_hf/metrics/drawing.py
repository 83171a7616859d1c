"""Pairs of classes that are drawn evenly, where there are too many of them to look at each.

A draw deals the classes into sets, by a hash of their ids, and takes every pair between the first set and the second,
the third and the fourth, and so on. Whatever the sizes of the sets, each pair of classes is as likely to be taken as
another, so that a mean over the pairs of a draw is without bias the mean over all. Draws are independent, so that the
spread between them is the error that the drawing makes, whatever the pairs of one draw have in common.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from nc_hf.runtime.hashing import mixed

DRAWS = 10
"""Fewer say little of their spread: of ten it is known to 24 %, one over the root of twice nine."""
_SET = 256
"""Classes of a set, to a factor of the root of two: the more, the more pairs of one draw have a class in common."""

PAYS_FROM = 4096
"""Classes up to which all pairs are looked at, whatever is asked: ten draws would look at about as many, or more."""


class Draws(NamedTuple):
    """How pairs are drawn.

    Attributes:
        number: how many draws there are.
        num_classes: for how many classes the sets are made; None: for as many as there are. Parts of a text lack some
            of its classes, and of the others the same pairs are to be drawn.
    """

    number: int
    num_classes: int | None = None


def drawn_pairs(class_ids: Tensor, draw: int, num_classes: int | None = None) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the sets whose pairs are drawn.

    A class is dealt by its id alone: what is drawn of the others stays as it is where one is not there.

    Args:
        class_ids: (K,) int64.
        draw: its number.
        num_classes: as of `Draws`.

    Yields:
        Two sets of classes at a time, as (N,) and (M,) int64, their places among the K.
    """
    sets = 2 ** max(1, round(math.log2((num_classes or len(class_ids)) / _SET)))
    dealt = mixed(mixed(class_ids) + _salt(draw)) % sets
    order = dealt.argsort(stable=True)
    sizes = torch.bincount(dealt, minlength=sets).tolist()
    parts = torch.split(order, sizes)
    for one, other in zip(parts[::2], parts[1::2], strict=True):
        if len(one) and len(other):
            yield one, other


def number_of_pairs(class_ids: Tensor) -> int:
    """Return how many pairs all draws look at, those that several of them draw as often as they do."""
    return sum(len(one) * len(other) for draw in range(DRAWS) for one, other in drawn_pairs(class_ids, draw))


def over_draws(found: Sequence[Mapping[str, float]]) -> tuple[dict[str, float], dict[str, float]]:
    """Return the means of what was measured of each draw, and their standard errors, by the spread between draws.

    Args:
        found: the values by name, an entry a draw.
    """
    values = {name: [each[name] for each in found] for name in found[0]}
    means = {name: sum(each) / len(each) for name, each in values.items()}
    return means, {name: _error(each, means[name]) for name, each in values.items()}


def _error(values: list[float], mean: float) -> float:
    """Return the standard error of the mean of independent values; NaN where one is not finite."""
    return math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) * (len(values) - 1)))


def _salt(draw: int) -> int:
    """Return a number that sends the ids of one draw elsewhere than those of another."""
    return int(mixed(torch.tensor([draw + 1])))
