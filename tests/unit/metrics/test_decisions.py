"""Tokens decided by the nearest centre: ties, and counts that add up."""

from __future__ import annotations

import pytest
import torch

from nc_hf import ClassStatistics
from nc_hf.errors import StatisticsError
from nc_hf.metrics.decisions import AgreementCounts, Decisions, count_agreement, decide
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


def test_only_the_centres_of_the_classes_that_count_compete() -> None:
    """Classes 3, 5, 7, 9 at 0, 4, 6, 20, one token each; 7 does not count, and 11, which does, was never seen."""
    stats = ClassStatistics(1)
    stats.update(torch.tensor([[0.0], [4.0], [6.0], [20.0]]), torch.tensor([3, 5, 7, 9]))
    features, labels = torch.tensor([[6.0], [11.0], [0.0]]), torch.tensor([5, 9, 3])
    linear, classes = torch.tensor([5, 5, 11]), torch.tensor([11, 9, 5, 3])
    some = decide(stats, features, labels, linear, leave_one_out=False, classes=classes)
    every = decide(stats, features, labels, linear, leave_one_out=False)
    assert (some.counts().ncc_correct, some.agree.tolist()) == (2, [True, True, False])
    assert (every.counts().ncc_correct, every.agree.tolist()) == (1, [False, False, False])
    left_out = decide(stats, features[:1], labels[:1], linear[:1], leave_one_out=True, classes=classes).counts()
    assert (left_out.ncc_correct, left_out.agree) == (0, 0), "of a class of one token nothing is left"


def test_where_no_class_that_counts_was_seen_there_is_no_centre() -> None:
    stats = ClassStatistics(1)
    stats.update(torch.tensor([[0.0], [4.0]]), torch.tensor([3, 5]))
    nothing = torch.empty(0, 1), torch.empty(0, dtype=torch.int64), torch.empty(0, dtype=torch.int64)
    with pytest.raises(StatisticsError, match="no class that counts was met: raise max_tokens"):
        count_agreement(stats, *nothing, leave_one_out=True, classes=torch.tensor([7, 9]))


def test_a_tie_with_a_class_that_does_not_count_is_none() -> None:
    stats = ClassStatistics(1)
    stats.update(torch.tensor([[0.0], [2.0], [7.0]]), torch.tensor([7, 3, 5]))
    features, labels = torch.tensor([[1.0]]), torch.tensor([7])
    counts = count_agreement(stats, features, labels, labels, leave_one_out=False, classes=torch.tensor([5, 7]))
    assert (counts.nearest_ties, counts.ncc_correct, counts.agree) == (0, 1, 1)


def test_counts_of_parts_add_up() -> None:
    case = CASES["Zipf counts"]()
    stats, features, labels = case.statistics(), torch.from_numpy(case.features), torch.from_numpy(case.labels)
    linear = torch.from_numpy(case.logits().argmax(axis=1))

    def count(rows: slice):
        return count_agreement(stats, features[rows], labels[rows], linear[rows], leave_one_out=True)

    assert count(slice(0, 100)) + count(slice(100, 101)) + count(slice(101, None)) == count(slice(None))


def test_decisions_are_rows_of_whole_numbers_and_back() -> None:
    labels = torch.tensor([7, 3, 300_000, 0])
    marks = torch.tensor([[1, 0, 0, 1], [1, 1, 0, 0], [0, 0, 1, 1], [0, 1, 1, 0], [1, 0, 1, 0]])
    decisions = Decisions(labels, *marks.bool())
    rows = decisions.to_rows()
    assert (rows.dtype, rows.tolist()) == (torch.int64, [labels.tolist(), *marks.tolist()])
    again = Decisions.from_rows(rows)
    assert again.agree.dtype == torch.bool
    assert again.counts() == decisions.counts()
    assert torch.equal(again.to_rows(), rows)


def test_counts_add_up_from_nothing() -> None:
    one, other = AgreementCounts(9, 8, 7, 6, 5, 4, 3), AgreementCounts(10, 20, 30, 40, 50, 60, 70)
    assert sum([one, other], AgreementCounts()) == AgreementCounts(19, 28, 37, 46, 55, 64, 73)
    assert AgreementCounts() + one == one
