"""Rows of classes: in the order of first sight, found by class, kept when others join."""

from __future__ import annotations

import pytest
import torch

from nc_hf.statistics.index import ClassIndex

CPU = torch.device("cpu")


@pytest.mark.parametrize("seed", range(5))
def test_rows_are_those_of_a_dictionary(seed: int) -> None:
    """As a dictionary would: each class gets the next free row when first seen, those of one batch in their order."""
    generator = torch.Generator().manual_seed(seed)
    index, rows = ClassIndex(CPU), dict[int, int]()
    for size in (0, 1, 40, 3, 200, 0, 15):
        labels = torch.randint(0, 10 ** (1 + seed), (size,), generator=generator)
        found = index.rows_of(labels)
        for label in sorted(set(labels.tolist()) - rows.keys()):
            rows[label] = len(rows)
        assert found.tolist() == [rows[label] for label in labels.tolist()]
        assert len(index) == len(rows)
        assert index.ids.tolist() == sorted(rows)
        assert index.rows.tolist() == [rows[label] for label in sorted(rows)]
        assert index.by_row().tolist() == list(rows)


def test_a_class_beyond_the_last_one_is_new() -> None:
    """Bisection puts it behind the end, where no class is to compare it with."""
    index = ClassIndex(CPU)
    index.rows_of(torch.tensor([3]))
    assert index.rows_of(torch.tensor([10**12, 3])).tolist() == [1, 0]


def test_classes_that_take_the_place_of_others_have_rows_in_their_order() -> None:
    index = ClassIndex(CPU)
    index.rows_of(torch.tensor([9, 4, 7]))
    index.rows_of(torch.tensor([1]))
    index.replace(torch.tensor([2, 4, 9]))
    assert index.rows_of(torch.tensor([9, 2, 4, 5])).tolist() == [2, 0, 1, 3]
