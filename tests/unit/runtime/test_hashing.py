"""Mixed numbers are spread evenly, whatever order the numbers had, and are the same on every machine."""

from __future__ import annotations

import pytest
import torch

from nc_hf.runtime.hashing import mixed

VALUES = [6350654354804651301, 2606959014078780554, 5992104322967970287]


@pytest.mark.parametrize("step", [1, 2, 1024, 2**40])
@pytest.mark.parametrize("parts", [2, 3, 64])
def test_neighbours_are_spread_evenly(step: int, parts: int) -> None:
    sizes = torch.bincount(mixed(torch.arange(30_000) * step) % parts, minlength=parts).double()
    expected = 30_000 / parts
    chi_square = float(((sizes - expected) ** 2 / expected).sum())
    assert chi_square < parts - 1 + 6 * (2 * max(1, parts - 1)) ** 0.5


def test_different_numbers_stay_different() -> None:
    numbers = torch.cat([torch.arange(100_000), torch.arange(2**62, 2**62 + 1000)])
    assert len(mixed(numbers).unique()) == len(numbers)


def test_one_bit_changes_half_of_all() -> None:
    numbers = torch.arange(1, 2000)
    for bit in (0, 7, 33, 62):
        changed = mixed(numbers) ^ mixed(numbers ^ (1 << bit))
        share = sum(bin(each & (2**64 - 1)).count("1") for each in changed.tolist()) / (64 * len(numbers))
        assert share == pytest.approx(0.5, abs=0.06), bit


def test_values_are_those_of_today() -> None:
    """Samples and drawn pairs of reports that are kept were chosen by them."""
    assert mixed(torch.tensor([1, 2, 10**12])).tolist() == VALUES
