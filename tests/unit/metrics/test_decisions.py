"""Tokens decided by the nearest centre: ties, and counts that add up."""

from __future__ import annotations

import torch

from nc_hf import ClassStatistics
from nc_hf.metrics.decisions import count_agreement
from tests.reference.cases import CASES


def test_a_token_halfway_goes_to_the_lowest_class_id() -> None:
    """Classes 7, 3, 5 at 0, 2, 7, seen in this order: a token at 1 is as near to 7 as to 3. All in whole numbers."""
    stats = ClassStatistics(1)
    stats.update(torch.tensor([[0.0], [2.0], [7.0]]), torch.tensor([7, 3, 5]))
    features, labels = torch.tensor([[1.0], [1.0], [2.0], [8.0]]), torch.tensor([3, 7, 3, 5])
    counts = count_agreement(stats, features, labels, torch.tensor([3, 7, 3, 3]), leave_one_out=False)
    assert (counts.tokens, counts.nearest_ties) == (4, 2)
    assert counts.ncc_correct == 3  # not the second token, which class 3 gets as well
    assert (counts.agree, counts.linear_correct, counts.agree_when_correct) == (2, 3, 2)


def test_coincident_centres_tie_and_the_lowest_class_id_wins() -> None:
    stats = ClassStatistics(2)
    stats.update(torch.tensor([[1.0, 5.0], [1.0, 5.0], [-3.0, 0.0]]), torch.tensor([8, 2, 4]))
    features = torch.tensor([[1.5, 4.0], [0.0, 9.0], [-3.0, 1.0]])
    counts = count_agreement(stats, features, torch.tensor([8, 2, 4]), torch.tensor([8, 2, 4]), leave_one_out=False)
    assert (counts.nearest_ties, counts.ncc_correct, counts.agree) == (2, 2, 2)


def test_counts_of_parts_add_up() -> None:
    case = CASES["Zipf counts"]()
    stats, features, labels = case.statistics(), torch.from_numpy(case.features), torch.from_numpy(case.labels)
    linear = torch.from_numpy(case.logits().argmax(axis=1))

    def count(rows: slice):
        return count_agreement(stats, features[rows], labels[rows], linear[rows], leave_one_out=True)

    assert count(slice(0, 100)) + count(slice(100, 101)) + count(slice(101, None)) == count(slice(None))
