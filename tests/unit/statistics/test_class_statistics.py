"""ClassStatistics: any split, order, dtype and detour over a file leaves what one look at all tokens leaves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nc_hf import ClassStatistics
from nc_hf.errors import FeatureError, InputError, LabelError, MergeError
from tests.class_statistics import DIM, DTYPES, assert_equal, assert_same_bits, batch, snapshot, splits, statistics
from tests.ranks import Rank, elements_sent, on_ranks


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_moments_are_those_of_numpy(dtype: torch.dtype) -> None:
    features, labels = batch(0, 200, dtype)
    stats = statistics((features[:70], labels[:70]), (features[70:], labels[70:]), covariance=True)
    h, y = features.double().numpy(), labels.numpy()
    ids = np.unique(y[y >= 0])
    assert stats.class_ids.tolist() == ids.tolist()
    assert (stats.class_ids.dtype, stats.counts.dtype) == (torch.int64, torch.int64)
    assert (stats.means.dtype, stats.scatter.dtype) == (torch.float64, torch.float64)
    assert stats.counts.tolist() == [(y == c).sum() for c in ids]
    assert (stats.num_tokens, stats.num_classes, stats.dim) == ((y >= 0).sum(), len(ids), DIM)
    means = np.array([h[y == c].mean(axis=0) for c in ids])
    np.testing.assert_allclose(stats.means.numpy(), means, rtol=1e-12)
    scatter = [((h[y == c] - mean) ** 2).sum() for c, mean in zip(ids, means, strict=True)]
    np.testing.assert_allclose(stats.scatter.numpy(), scatter, rtol=1e-12)
    deviations = np.concatenate([h[y == c] - mean for c, mean in zip(ids, means, strict=True)])
    np.testing.assert_allclose(stats.within_scatter.numpy(), deviations.T @ deviations, rtol=1e-12, atol=1e-12)


def test_class_ids_are_sorted_whatever_the_order_of_appearance() -> None:
    stats = ClassStatistics(1)
    for label in (9, 2, 40, 0, 7, 2):
        stats.update(torch.tensor([[float(label)]]), torch.tensor([label]))
    assert stats.class_ids.tolist() == [0, 2, 7, 9, 40]
    assert stats.counts.tolist() == [1, 2, 1, 1, 1]
    assert stats.means[:, 0].tolist() == [0, 2, 7, 9, 40]


def test_the_census_is_how_often_each_id_was_seen() -> None:
    features, labels = batch(0, 200)
    stats = statistics((features[:70], labels[:70]), (features[70:], labels[70:]))
    census = stats.census()
    assert (census.dtype, str(census.device)) == (torch.int64, "cpu")
    assert torch.equal(census, torch.bincount(labels[labels >= 0]))
    assert 0 in census, "some ids lie between others and were not seen"
    stats.update(torch.ones(3, DIM), torch.tensor([100, -100, 100]))
    assert (len(stats.census()), stats.census()[100]) == (101, 2)
    assert int(stats.census().sum()) == stats.num_tokens
    assert ClassStatistics(DIM).census().tolist() == []


def test_an_offset_costs_no_digits() -> None:
    """float32 features that share an offset of norm 1,000, where a float32 sum of squares loses all of the scatter."""
    features, labels = batch(1, 400)
    features = (features + 1000 / DIM**0.5).float()
    stats = statistics((features, labels))
    h, y = features.double().numpy(), labels.numpy()
    for c, mean, scatter in zip(stats.class_ids.tolist(), stats.means, stats.scatter, strict=True):
        np.testing.assert_allclose(mean.numpy(), h[y == c].mean(axis=0), rtol=1e-12)
        assert scatter.item() == pytest.approx(((h[y == c] - h[y == c].mean(axis=0)) ** 2).sum(), rel=1e-9)


def test_a_class_of_equal_tokens_has_no_scatter() -> None:
    stats = ClassStatistics(3)
    for _ in range(4):
        stats.update(torch.full((7, 3), 0.1), torch.zeros(7, dtype=torch.int64))
    assert 0 <= stats.scatter.item() < 1e-24


def test_memory_follows_the_classes_seen_and_not_the_largest_id() -> None:
    stats = ClassStatistics(2)
    stats.update(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([10**12, 5]))
    assert stats.class_ids.tolist() == [5, 10**12]
    assert stats.means.tolist() == [[3, 4], [1, 2]]
    assert sum(tensor.numel() for tensor in stats.state_dict().values()) < 100


def test_nothing_yet() -> None:
    stats = ClassStatistics(DIM)
    stats.update(torch.empty(0, DIM), torch.empty(0, dtype=torch.int64))
    stats.update(torch.ones(2, DIM), torch.tensor([-100, -1]))
    assert (stats.num_tokens, stats.num_classes) == (0, 0)
    assert (stats.class_ids.shape, stats.means.shape, stats.scatter.shape) == ((0,), (0, DIM), (0,))
    assert stats.within_scatter is None


def test_later_changes_to_the_callers_tensors_do_not_reach_in() -> None:
    features, labels = batch(2, 30)
    stats = statistics((features, labels))
    features.zero_()
    labels.zero_()
    assert_same_bits(stats, statistics(batch(2, 30)))


@settings(max_examples=60)
@given(parts=splits(), order=st.randoms(use_true_random=False), covariance=st.booleans())
def test_merge_equals_concatenation(parts, order, covariance: bool) -> None:
    """Merged in any order and grouping, updated in turn, or seen at once: the same statistics."""
    whole = statistics((torch.cat([f for f, _ in parts]), torch.cat([y for _, y in parts])), covariance=covariance)
    assert_equal(statistics(*parts, covariance=covariance), whole)
    groups = [statistics(part, covariance=covariance) for part in parts]
    order.shuffle(groups)
    while len(groups) > 1:
        right = groups.pop(order.randrange(len(groups)))
        left = groups[order.randrange(len(groups))]
        assert left.merge(right) is left
    assert_equal(groups[0], whole)


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), size=st.integers(1, 40), order=st.randoms(use_true_random=False))
def test_the_order_of_tokens_does_not_matter(seed: int, size: int, order) -> None:
    features, labels = batch(seed, size)
    rows = list(range(size))
    order.shuffle(rows)
    assert_equal(
        statistics((features[rows], labels[rows]), covariance=True), statistics((features, labels), covariance=True)
    )


def test_a_state_is_not_changed_by_what_comes_later() -> None:
    stats = ClassStatistics(3, covariance=True)
    stats.update(torch.ones(4, 3), torch.tensor([0, 1, 1, 2]))
    state = stats.state_dict()
    before = {name: tensor.clone() for name, tensor in state.items()}
    stats.update(torch.full((4, 3), 2.0), torch.tensor([0, 1, 5, 2]))
    assert all(torch.equal(state[name], before[name]) for name in before)


@pytest.mark.parametrize("covariance", [False, True])
def test_a_union_is_what_merging_makes_bit_for_bit(covariance: bool) -> None:
    parts = [statistics(batch(seed, size), covariance=covariance) for seed, size in enumerate((30, 0, 50, 4))]
    before = [snapshot(part) for part in parts]
    merged = ClassStatistics(DIM, covariance=covariance)
    for part in parts:
        merged.merge(part)
    assert_same_bits(ClassStatistics.union(parts), merged)
    assert_same_bits(ClassStatistics.union(parts[:1]), statistics(batch(0, 30), covariance=covariance))
    for part, held in zip(parts, before, strict=True):
        assert all(torch.equal(value, held[name]) for name, value in snapshot(part).items())


def test_a_union_is_of_one_model() -> None:
    parts = [statistics(batch(seed, 30)) for seed in range(2)]
    for part, model in zip(parts, ("a", "b"), strict=True):
        part.provenance["model"] = model
    with pytest.raises(MergeError):
        ClassStatistics.union(parts)


def test_the_moments_that_are_read_are_copies() -> None:
    stats = statistics(batch(0, 60), covariance=True)
    held = snapshot(stats)
    for name in ("counts", "means", "scatter", "within_scatter"):
        getattr(stats, name).zero_()
    assert all(torch.equal(value, held[name]) for name, value in snapshot(stats).items())


def test_classes_that_join_begin_at_nothing() -> None:
    """The room beyond the classes seen is not cleared before it is needed, and may hold anything."""
    stats = ClassStatistics(3)
    for label in range(40):
        stats.update(torch.full((2, 3), float(label)), torch.tensor([label, label]))
        assert stats.means[:, 0].tolist() == pytest.approx(list(range(label + 1)), abs=1e-12)
        assert stats.counts.tolist() == [2] * (label + 1)
        assert float(stats.scatter.max()) < 1e-9


def test_merge_leaves_the_other_as_it_was() -> None:
    left, right = statistics(batch(3, 40)), statistics(batch(4, 40))
    left.merge(right).update(*batch(5, 40))
    assert_same_bits(right, statistics(batch(4, 40)))


def test_merging_with_nothing_changes_nothing() -> None:
    full = statistics(batch(6, 40), covariance=True)
    assert_same_bits(statistics(batch(6, 40), covariance=True).merge(ClassStatistics(DIM, covariance=True)), full)
    assert_equal(ClassStatistics(DIM, covariance=True).merge(full), full)


def test_merging_other_widths_is_refused() -> None:
    stats = statistics(batch(7, 40))
    before = snapshot(stats)
    with pytest.raises(MergeError):
        stats.merge(ClassStatistics(DIM + 1))
    assert all(torch.equal(value, before[name]) for name, value in snapshot(stats).items())


def test_merging_with_and_without_the_moment_is_refused() -> None:
    """The sum would pass for the whole within-class scatter and hold a part of it."""
    with pytest.raises(MergeError):
        statistics(batch(10, 40), covariance=True).merge(statistics(batch(11, 40)))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_nan_and_inf_are_refused_before_they_count(bad: float, dtype: torch.dtype) -> None:
    stats = statistics(batch(16, 60), covariance=True)
    features, labels = batch(17, 60, dtype)
    row = int((labels >= 0).nonzero()[-1])
    features[row, 3] = bad
    before = statistics(batch(16, 60), covariance=True)
    with pytest.raises(FeatureError):
        stats.update(features, labels)
    assert_same_bits(stats, before)
    stats.update(*batch(18, 20))
    assert_same_bits(stats, statistics(batch(16, 60), batch(18, 20), covariance=True))


def test_nan_at_a_token_without_a_label_is_skipped_with_it() -> None:
    """Padding may hold anything."""
    features, labels = batch(19, 60)
    stats = statistics((features, labels))
    features[labels < 0] = float("nan")
    assert (labels < 0).any()
    assert_same_bits(statistics((features, labels)), stats)


@pytest.mark.parametrize(
    ("features", "labels", "kind"),
    [
        (torch.ones(4, DIM + 1), torch.zeros(4, dtype=torch.int64), InputError),
        (torch.ones(2, 2, DIM), torch.zeros(4, dtype=torch.int64), InputError),
        (torch.ones(DIM), torch.zeros(1, dtype=torch.int64), InputError),
        (torch.ones(4, DIM, dtype=torch.int64), torch.zeros(4, dtype=torch.int64), InputError),
        (torch.ones(4, DIM, dtype=torch.complex64), torch.zeros(4, dtype=torch.int64), InputError),
        (torch.ones(4, DIM), torch.zeros(3, dtype=torch.int64), LabelError),
        (torch.ones(4, DIM), torch.zeros(4, 1, dtype=torch.int64), LabelError),
        (torch.ones(4, DIM), torch.zeros(4), LabelError),
        (torch.ones(4, DIM), torch.zeros(4, dtype=torch.bool), LabelError),
    ],
    ids=[
        "width",
        "three axes",
        "one axis",
        "whole numbers",
        "complex",
        "too few labels",
        "label axes",
        "float",
        "bool",
    ],
)
def test_wrong_shapes_and_dtypes_are_refused(features: torch.Tensor, labels: torch.Tensor, kind: type) -> None:
    stats = statistics(batch(20, 60))
    with pytest.raises(kind):
        stats.update(features, labels)
    assert_same_bits(stats, statistics(batch(20, 60)))


@pytest.mark.parametrize("dim", [0, -3])
def test_a_width_below_one_is_refused(dim: int) -> None:
    with pytest.raises(InputError):
        ClassStatistics(dim)


def test_gradients_do_not_pile_up() -> None:
    features, labels = batch(21, 20)
    stats = statistics((features.requires_grad_(), labels))
    assert not stats.means.requires_grad


class TestReduce:
    """Three ranks in threads, with unequal shares of the tokens; one of them has none."""

    SIZES = (70, 0, 13)

    def shares(self, first: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
        return [batch(first + rank, size) for rank, size in enumerate(self.SIZES)]

    @pytest.mark.parametrize("covariance", [False, True])
    def test_every_rank_ends_with_the_whole_in_the_same_bits(self, covariance: bool) -> None:
        shares = self.shares(30)
        found = on_ranks(3, lambda rank: statistics(shares[rank.process_index], covariance=covariance).reduce(rank))
        assert_equal(found[0], statistics(*shares, covariance=covariance))
        for other in found[1:]:
            assert_same_bits(other, found[0])
        # Merged in rank order, as a reader of all parts would.
        parts = [statistics(share, covariance=covariance) for share in shares]
        assert_same_bits(found[0], ClassStatistics(DIM, covariance=covariance).merge(parts[0]).merge(parts[2]))

    def test_which_rank_holds_what_makes_no_difference_but_rounding(self) -> None:
        shares = self.shares(30)
        turned = on_ranks(3, lambda rank: statistics(shares[rank.process_index - 1]).reduce(rank))
        assert_equal(turned[1], statistics(*shares))

    def test_nothing_anywhere(self) -> None:
        found = on_ranks(2, lambda rank: ClassStatistics(DIM, covariance=True).reduce(rank))
        assert [stats.num_tokens for stats in found] == [0, 0]
        assert all(stats.has_covariance for stats in found)

    def test_what_was_exchanged_is_not_sent_again(self) -> None:
        def twice(rank: Rank) -> tuple[dict[str, torch.Tensor], ClassStatistics]:
            stats = statistics(batch(rank.process_index, 40), covariance=True).reduce(rank)
            before = snapshot(stats)
            with elements_sent() as sent:
                stats.reduce(rank)
            assert sum(sent) == 0
            return before, stats

        for before, stats in on_ranks(2, twice):
            assert all(torch.equal(value, before[name]) for name, value in snapshot(stats).items())

    @pytest.mark.parametrize("covariance", [False, True])
    def test_growing_statistics_send_the_classes_that_were_seen_since(self, covariance: bool) -> None:
        later = torch.full((4, DIM), 2.0), torch.tensor([7, 7, 21, -100])

        def grow(rank: Rank) -> tuple[ClassStatistics, int]:
            stats = statistics(self.shares(50)[rank.process_index], covariance=covariance).reduce(rank)
            stats.update(*batch(80, 0))
            if rank.process_index == 1:
                stats.update(*later)
                stats.merge(statistics(batch(60, 30), covariance=covariance))
            if rank.process_index == 2:
                stats.merge(ClassStatistics(DIM, covariance=covariance)).update(*batch(61, 30))
            with elements_sent() as sent:
                stats.reduce(rank)
            stats.update(*batch(70 + rank.process_index, 10))
            return stats.reduce(rank), sum(sent)

        found = on_ranks(3, grow)
        more = [batch(70 + rank, 10) for rank in range(3)]
        everything = [*self.shares(50), later, batch(60, 30), batch(61, 30), *more]
        assert_equal(found[0][0], statistics(*everything, covariance=covariance))
        for stats, _ in found[1:]:
            assert_same_bits(stats, found[0][0])

    def test_a_rank_sends_a_class_only_if_it_saw_it(self) -> None:
        def one_more(rank: Rank) -> int:
            stats = statistics(batch(rank.process_index, 60)).reduce(rank)
            if rank.process_index == 1:
                stats.update(torch.ones(3, DIM), torch.tensor([14, 14, 500]))
            with elements_sent() as sent:
                stats.reduce(rank)
            assert stats.class_ids.tolist()[-1] == 500
            return sum(sent)

        # Two classes: their ids, counts and squares, their sums, and where these are counted from. The list is of all.
        assert max(on_ranks(2, one_more)) == 3 * 2 + 2 * DIM + DIM

    def test_what_is_loaded_is_not_known_to_others(self) -> None:
        def anew(rank: Rank) -> ClassStatistics:
            stats = statistics(batch(0, 20)).reduce(rank)
            stats.load_state_dict(statistics(batch(9, 30)).state_dict())
            return stats.reduce(rank)

        found = on_ranks(2, anew)
        assert_equal(found[0], statistics(batch(9, 30), batch(9, 30)))


def test_one_process_exchanges_nothing() -> None:
    def alone(rank: Rank) -> tuple[dict[str, torch.Tensor], ClassStatistics]:
        stats = statistics(batch(3, 60))
        before = snapshot(stats)
        with elements_sent() as sent:
            assert stats.reduce(rank) is stats
        assert not sent
        return before, stats

    ((before, stats),) = on_ranks(1, alone)
    assert all(torch.equal(value, before[name]) for name, value in snapshot(stats).items())


def test_what_is_seen_is_said() -> None:
    labels = torch.tensor([4, 4, 9])
    stats = statistics((torch.ones(3, DIM), labels))
    assert repr(stats) == f"ClassStatistics(dim={DIM}, num_classes=2, num_tokens=3)"
