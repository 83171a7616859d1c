"""ClassStatistics: any split, order, dtype and detour over a file leaves what one look at all tokens leaves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from nc_hf import ClassStatistics
from nc_hf.errors import FeatureError, FileError, InputError, LabelError, MergeError

DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
DIM = 5


def batch(
    seed: int, size: int, dtype: torch.dtype = torch.float64, classes: int = 9
) -> tuple[torch.Tensor, torch.Tensor]:
    """Features (size, DIM) off the origin and labels, some of which are -100."""
    generator = torch.Generator().manual_seed(seed)
    features = 3 + torch.randn(size, DIM, generator=generator, dtype=torch.float64)
    labels = torch.randint(-1, classes, (size,), generator=generator) * 7
    return features.to(dtype), torch.where(labels < 0, -100, labels)


def statistics(*batches: tuple[torch.Tensor, torch.Tensor], **options: bool) -> ClassStatistics:
    stats = ClassStatistics(DIM, **options)
    for features, labels in batches:
        stats.update(features, labels)
    return stats


def snapshot(stats: ClassStatistics) -> dict[str, torch.Tensor]:
    names = ("class_ids", "counts", "means", "scatter", "within_scatter")
    return {name: getattr(stats, name).clone() for name in names if getattr(stats, name) is not None}


def assert_same_bits(left: ClassStatistics, right: ClassStatistics) -> None:
    ours, theirs = snapshot(left), snapshot(right)
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert torch.equal(ours[name], theirs[name]), name
    assert left.num_tokens == right.num_tokens


def assert_equal(left: ClassStatistics, right: ClassStatistics, tolerance: float = 1e-12) -> None:
    """The same classes and counts, and moments to rounding."""
    ours, theirs = snapshot(left), snapshot(right)
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert ours[name].dtype == theirs[name].dtype
        torch.testing.assert_close(
            ours[name], theirs[name], rtol=tolerance, atol=tolerance, msg=lambda m, n=name: n + m
        )
    assert left.num_tokens == right.num_tokens


# -- what they are


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


# -- merge


@st.composite
def splits(draw: st.DrawFn) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Up to six batches in one dtype, some of them empty, some labels negative."""
    dtype = draw(st.sampled_from(DTYPES))
    sizes = draw(st.lists(st.integers(0, 12), min_size=1, max_size=6))
    seed = draw(st.integers(0, 10**6))
    classes = draw(st.integers(1, 9))
    return [batch(seed + i, size, dtype, classes) for i, size in enumerate(sizes)]


@settings(deadline=None, max_examples=60)
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


@settings(deadline=None, max_examples=30)
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


def test_merging_other_models_or_corpora_is_refused() -> None:
    left, right = statistics(batch(8, 40)), statistics(batch(9, 40))
    left.provenance.update(model="one", corpus="stories")
    right.provenance.update(model="another", corpus="stories")
    before = snapshot(left)
    with pytest.raises(MergeError, match="another"):
        left.merge(right)
    assert all(torch.equal(value, before[name]) for name, value in snapshot(left).items())
    right.provenance["model"] = "one"
    assert left.merge(right).provenance == {"model": "one", "corpus": "stories"}


def test_merging_with_and_without_the_moment_is_refused() -> None:
    """The sum would pass for the whole within-class scatter and hold a part of it."""
    with pytest.raises(MergeError):
        statistics(batch(10, 40), covariance=True).merge(statistics(batch(11, 40)))


# -- save and load


@pytest.mark.parametrize("covariance", [False, True])
def test_a_file_gives_back_every_bit(tmp_path: Path, covariance: bool) -> None:
    stats = statistics(batch(12, 80), batch(13, 50), covariance=covariance)
    stats.provenance.update(model="gpt", corpus="stories é")
    stats.save(tmp_path / "run.safetensors")
    loaded = ClassStatistics.load(tmp_path / "run.safetensors")
    assert_same_bits(loaded, stats)
    assert loaded.provenance == {"model": "gpt", "corpus": "stories é"}
    assert loaded.dim == DIM
    assert [path.name for path in tmp_path.iterdir()] == ["run.safetensors"]


def test_a_file_gives_back_every_bit_of_classes_that_came_in_any_order(tmp_path: Path) -> None:
    """Sorting the classes for the file must not change the order in which anything is summed."""
    features, _ = batch(22, 60)
    stats = statistics(*[(features[i : i + 6], torch.full((6,), 100 - i)) for i in range(0, 60, 6)], covariance=True)
    stats.save(tmp_path / "run.safetensors")
    assert_same_bits(ClassStatistics.load(tmp_path / "run.safetensors"), stats)


def test_nothing_can_be_saved_too(tmp_path: Path) -> None:
    ClassStatistics(DIM).save(tmp_path / "none")
    assert ClassStatistics.load(tmp_path / "none").num_classes == 0
    assert ClassStatistics.load(tmp_path / "none").dim == DIM


@settings(deadline=None, max_examples=20)
@given(parts=splits(), cut=st.integers(0, 6))
def test_going_on_from_a_file_is_never_having_stopped(tmp_path_factory, parts, cut: int) -> None:
    path = tmp_path_factory.mktemp("resume") / "part.safetensors"
    statistics(*parts[:cut], covariance=True).save(path)
    resumed = ClassStatistics.load(path)
    for features, labels in parts[cut:]:
        resumed.update(features, labels)
    assert_same_bits(resumed, statistics(*parts, covariance=True))


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_file_is_refused(tmp_path: Path, share: float) -> None:
    path = tmp_path / "run.safetensors"
    statistics(batch(14, 80)).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(FileError, match=r"run\.safetensors"):
        ClassStatistics.load(path)


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a tensor in it\n" * 50)
    save_file({"lm_head.weight": torch.ones(4, 4)}, tmp_path / "model.safetensors")
    for name in ("text", "model.safetensors", "absent", "."):
        with pytest.raises(FileError):
            ClassStatistics.load(tmp_path / name)


@pytest.mark.parametrize(
    ("tensors", "metadata", "why"),
    [
        ({}, {"dim": "8"}, "says width 8"),
        ({}, {"dim": None}, "what its statistics are of"),
        ({}, {"provenance": "{"}, "what its statistics are of"),
        ({"pivot": None}, {}, "lacks a part"),
        ({"pivot": torch.zeros(5, dtype=torch.float64)}, {}, "lacks a part"),
        ({"counts": torch.ones(2, dtype=torch.int64)}, {}, "lacks a part"),
        ({"sums": torch.zeros(3, dtype=torch.float64)}, {}, "lacks a part"),
    ],
)
def test_a_file_whose_parts_do_not_fit_is_refused(
    tmp_path: Path, tensors: dict[str, Tensor | None], metadata: dict[str, str | None], why: str
) -> None:
    path, stats = tmp_path / "run.safetensors", ClassStatistics(4)
    stats.update(torch.ones(6, 4), torch.arange(6) % 3)
    stats.save(path)
    with safe_open(path, framework="pt") as file:
        said = {**file.metadata(), **metadata}
    kept = {**stats.state_dict(), **tensors}
    save_file(
        {name: tensor for name, tensor in kept.items() if tensor is not None},
        path,
        metadata={name: text for name, text in said.items() if text is not None},
    )
    with pytest.raises(FileError, match=why):
        ClassStatistics.load(path)


SAVE_ON_A_FULL_DISK = """
import resource, sys, torch
from nc_hf import ClassStatistics

stats = ClassStatistics(64)
stats.update(torch.randn(2000, 64), torch.arange(2000))
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    stats.save(sys.argv[1])
except Exception as failure:
    print("refused")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file sizes")
def test_a_write_that_fails_midway_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    old = statistics(batch(15, 80))
    old.save(path)
    command = [sys.executable, "-c", SAVE_ON_A_FULL_DISK, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "refused\n", done.stderr
    assert_same_bits(ClassStatistics.load(path), old)
    assert [path.name for path in tmp_path.iterdir()] == ["run.safetensors"]


# -- bad input: a typed error, and the statistics as they were


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
