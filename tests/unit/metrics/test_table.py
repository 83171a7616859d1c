"""Each row of the table says the truth of its metric: what it needs, reads, and is changed by."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nc_hf import ClassifierHead, ClassStatistics, compute_metrics
from nc_hf.errors import InputError
from nc_hf.metrics import inputs
from nc_hf.metrics.compute import function_of
from nc_hf.metrics.decisions import AgreementCounts, count_agreement
from nc_hf.metrics.inputs import MetricInputs
from nc_hf.metrics.table import CHANGES, DIAGNOSTICS, FAMILIES, METRICS, PRESETS, Change, diagnostics_of, needs_of
from tests.reference.noisy_classes import metrics, rotation, statistics, tokens

DIM = 9


@dataclass(frozen=True)
class Text:
    """Tokens, a head (V, D), what it decides on each token, and another text."""

    features: np.ndarray  # (N, D)
    labels: np.ndarray  # (N,)
    weight: np.ndarray
    linear: np.ndarray  # (N,)
    other: np.ndarray  # (M, D)

    def values(self) -> dict[str, float]:
        """Every metric that these classes can have, as a report takes them: tokens left out of their own centre."""
        stats = statistics(self.features, self.labels, covariance=True)
        tensors = [torch.from_numpy(array) for array in (self.features, self.labels, self.linear)]
        counts = count_agreement(stats, *tensors, leave_one_out=True)
        names = [name for name in METRICS if METRICS[name].pairs not in ("cdnv", "cdnv_median", "cdnv_quantiles")]
        if int((stats.counts > 1).sum()) > 1:
            names = list(METRICS)
        else:
            names = [name for name in names if not name.startswith("nc1_trace_ratio")]
        head = ClassifierHead(torch.from_numpy(self.weight), None)
        categories = {int(c): int(c) % 3 for c in self.labels}
        return compute_metrics(stats, head, names, 1, counts, categories=categories, second=unlabelled(self.other))


def unlabelled(features: np.ndarray) -> ClassStatistics:
    """A text of which no more than its features counts."""
    return statistics(features, np.zeros(len(features), dtype=int))


def drawn(seed: int, counts: Sequence[int], dim: int, grid: float = 0.0) -> Text:
    """Gaussian classes off the origin; on a ``grid``, where means coincide, lie at the centre, or have no scatter."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(counts)), counts)
    means = 0.4 + rng.normal(size=(len(counts), dim))
    features = means[labels] + 0.6 * rng.normal(size=(len(labels), dim))
    weight = 0.5 * means + rng.normal(size=(len(counts), dim))
    other = 0.2 + rng.normal(size=(5, dim))
    if grid:
        features, weight, other = (np.round(array / grid) * grid for array in (features, weight, other))
    return Text(features, labels, weight, (features @ weight.T).argmax(axis=1), other)


def rotated(text: Text) -> Text:
    turn = rotation(3, text.features.shape[1])
    return replace(text, features=text.features @ turn, weight=text.weight @ turn, other=text.other @ turn)


def in_another_order(text: Text) -> Text:
    order = np.random.default_rng(1).permutation(len(text.labels))
    return replace(text, features=text.features[order], labels=text.labels[order], linear=text.linear[order])


def doubled(text: Text) -> Text:
    twice = {"features": np.tile(text.features, (2, 1)), "other": np.tile(text.other, (2, 1))}
    return replace(text, labels=np.tile(text.labels, 2), linear=np.tile(text.linear, 2), **twice)


def scaled(by: float) -> Callable[[Text], Text]:
    return lambda text: replace(text, features=by * text.features, other=by * text.other)


def shifted(by: float) -> Callable[[Text], Text]:
    def done(text: Text) -> Text:
        offset = by * np.linspace(-2, 1, text.features.shape[1])
        return replace(text, features=text.features + offset, other=text.other + offset)

    return done


def head_shifted(by: float) -> Callable[[Text], Text]:
    return lambda text: replace(text, weight=text.weight + by * np.linspace(-1, 2, text.weight.shape[1]))


DONE: dict[Change, list[Callable[[Text], Text]]] = {
    "rotation": [rotated],
    "order": [in_another_order],
    "scale": [scaled(by) for by in (3.7, 0.3, 1024.0, 2.0**-17)],
    "shift": [shifted(by) for by in (1.0, 0.5, -17.3)],
    "head_shift": [head_shifted(by) for by in (1.0, 0.5, -3.3)],
    "duplication": [doubled],
}
TOLD = {change: {name for name, metric in METRICS.items() if change in metric.changed_by} for change in CHANGES}


def moved(before: dict[str, float], after: dict[str, float]) -> set[str]:
    """The names whose values differ, or are not infinite or undefined alike."""
    assert before.keys() <= after.keys()

    def same(value: float, other: float) -> bool:
        if math.isnan(value) or math.isnan(other):
            return math.isnan(value) and math.isnan(other)
        return math.isclose(value, other, rel_tol=1e-9, abs_tol=1e-12)

    return {name for name in before if not same(before[name], after[name])}


def may_move(change: Change, text: Text) -> set[str]:
    """What says so, and where tokens are as near to one centre as to another, what the last bit decides."""
    on_a_grid = bool((text.features % 0.25 == 0).all())
    return TOLD[change] | ({name for name in METRICS if METRICS[name].family == "NC4"} if on_a_grid else set())


# Text that shows what moves: ordinary; so noisy that some pairs are not told apart; with degenerate classes.
WITNESSES = {
    "more classes than dimensions": drawn(8, [6] * 25, DIM),
    "fewer classes than dimensions": drawn(8, [6] * 6, DIM),
    "noise": replace(drawn(8, [6] * 25, DIM), features=np.random.default_rng(5).normal(size=(150, DIM))),
    "on a line": drawn(1, [3] * 9, 1, grid=0.5),
    "a plane of few points": drawn(3, [1] * 30, 2, grid=1.0),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_moves_the_metrics_that_say_so_and_no_other(change: Change) -> None:
    seen: set[str] = set()
    for name, text in WITNESSES.items():
        before = text.values()
        for done in DONE[change]:
            found = moved(before, done(text).values())
            assert found <= may_move(change, text), name
            seen |= found & TOLD[change]
    assert seen == TOLD[change]


@pytest.mark.slow
@settings(max_examples=90, derandomize=True)
@given(
    change=st.sampled_from(CHANGES),
    seed=st.integers(0, 2**32 - 1),
    counts=st.lists(st.integers(1, 7), min_size=2, max_size=14),
    dim=st.integers(1, 6),
    grid=st.sampled_from([0.0, 0.25, 1.0]),
    data=st.data(),
)
def test_no_change_moves_what_does_not_say_so(
    change: Change, seed: int, counts: list[int], dim: int, grid: float, data: st.DataObject
) -> None:
    """Any classes, among them single tokens, coincident means, classes at the centre and rows of zero."""
    text = drawn(seed, counts, dim, grid)
    done = data.draw(st.sampled_from(DONE[change]))
    assert moved(text.values(), done(text).values()) <= may_move(change, text)


@pytest.mark.parametrize("seed", range(4))
def test_twice_the_text_and_the_centre_without_a_token(seed: int) -> None:
    """What holds of NC4: each copy keeps its token's centre near, so the nearest centre is right at least as often.

    A distance to the own centre grows by (n / (n - 1))^2 without the token, and by less where n is twice as large; in
    the limit the token is one of those that made the centre.
    """
    text, shares = drawn(seed, [3] * 12, 3), []
    for _ in range(6):
        shares.append(text.values()["nc4_ncc_accuracy"])
        text = doubled(text)
    stats = statistics(text.features, text.labels)
    tensors = [torch.from_numpy(array) for array in (text.features, text.labels, text.linear)]
    kept = count_agreement(stats, *tensors, leave_one_out=False)
    assert shares == sorted(shares)
    assert shares[0] < shares[-1] <= kept.ncc_correct / kept.tokens


def test_what_leaves_a_metric_alone_is_the_rest() -> None:
    for metric in METRICS.values():
        assert set(metric.invariances) | set(metric.changed_by) == set(CHANGES)
        assert not set(metric.invariances) & set(metric.changed_by)


@pytest.mark.parametrize("name", METRICS)
def test_a_row_names_its_function_and_family(name: str) -> None:
    metric = METRICS[name]
    assert metric.family in FAMILIES
    assert callable(function_of(metric.function))
    assert function_of(metric.function).__doc__


@pytest.mark.parametrize("name", METRICS)
def test_what_a_metric_needs_is_what_it_reads(name: str) -> None:
    """With what it needs it is there; without any part of it, it is refused by name before anything is computed."""
    features, labels, weight = tokens(8, 12, DIM)
    whole: dict[str, Any] = {
        "head": ClassifierHead(torch.from_numpy(weight), None),
        "agreement": AgreementCounts(tokens=8, agree=3, ncc_correct=2, linear_correct=4, agree_when_correct=1),
        "categories": {token: token % 3 for token in range(12)},
        "covariance": True,
        "second": unlabelled(features[:7] + 1),
    }
    called = {"second": "second corpus"}

    def value(*given: str) -> float:
        stats = statistics(features, labels, covariance="covariance" in given)
        others = {need: whole[need] for need in given if need != "covariance"}
        return compute_metrics(stats, preset=[name], min_count=2, **others)[name]

    needs = METRICS[name].needs
    assert math.isfinite(value(*needs))
    for need in needs:
        with pytest.raises(InputError, match=f"{name} needs the {called.get(need, need)}: "):
            value(*(other for other in needs if other != need))


@pytest.mark.parametrize("name", METRICS)
def test_the_pairs_of_a_row_are_those_that_its_function_reads(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    features, labels, weight = tokens(8, 12, DIM)
    counts = AgreementCounts(tokens=8, agree=3, ncc_correct=2, linear_correct=4, agree_when_correct=1)
    head = ClassifierHead(torch.from_numpy(weight), None)
    given = MetricInputs(
        statistics(features, labels, covariance=True), head, 2, counts, {0: 1, 1: 1}, second=unlabelled(features[:7])
    )
    swept: list[str] = []
    make = MetricInputs._make
    monkeypatch.setattr(
        MetricInputs, "_make", staticmethod(lambda kind, *others: (swept.append(kind), make(kind, *others))[1])
    )
    function_of(METRICS[name].function)(given)  # nothing was announced, so what it reads is made when it is read
    assert swept == ([METRICS[name].pairs] if METRICS[name].pairs else [])


def test_several_metrics_of_one_set_of_classes_share_a_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    features, labels, _ = tokens(8, 12, DIM)
    sweeps: list[int] = []
    real = inputs.sweep
    monkeypatch.setattr(
        inputs, "sweep", lambda rows, kernels, **rest: (sweeps.append(len(kernels)), real(rows, kernels, **rest))[1]
    )
    names = [
        "nc1_cdnv",
        "nc1_cdnv_median",
        "nc1_cdnv_top_share",
        "nc2_max_cos",
        "gnc2_log_std",
        "gnc2_coincident_pairs",
    ]
    compute_metrics(statistics(features, labels), None, names, min_count=2)
    assert sweeps == [2]


def test_a_metric_has_a_sign_where_some_text_makes_it_negative() -> None:
    """Of few classes and many, also at the corners of an octahedron; a head for and against its means; any size."""
    texts = [tokens(0, classes, dim) for classes, dim in ((2, 5), (7, 20), (30, 8))]
    features, labels, _ = tokens(0, 8, 4)
    corners = np.concatenate([np.eye(4), -np.eye(4)])
    texts.append((corners[labels] + 1e-3 * features, labels, corners))
    negative = set()
    for (features, labels, weight), scale, sign in itertools.product(texts, (0.01, 1.0, 10.0), (1, -1)):
        values = metrics(scale * features, labels, sign * weight)
        negative |= {name for name, value in values.items() if value < -1e-12}
    assert negative == {name for name, metric in METRICS.items() if metric.signed}


def test_all_but_what_has_to_see_every_pair_can_be_drawn() -> None:
    """Largest cosines, numbers of pairs, the Riesz mean and the share of ten pairs, as docs/metrics.md has it."""
    every = {name for name, metric in METRICS.items() if metric.needs_every_pair}
    of_pairs = {name for name, metric in METRICS.items() if metric.pairs is not None}
    whole = ("nc2_max_cos", "gnc2_riesz", "nc1_cdnv_top", "nc1_coincident", "gnc2_coincident", "gnc2_undirected")
    assert every == {name for name in of_pairs if name.startswith(whole)}


def test_presets_and_diagnostics_are_of_the_table() -> None:
    assert {name for names in PRESETS.values() for name in names} <= METRICS.keys()
    assert PRESETS["full"] == tuple(METRICS)
    assert needs_of(PRESETS["core"]) == {"head", "agreement"}
    assert {"nc1_cdnv_excluded_share", "gnc2_coincident_pairs", "nc4_nearest_ties"} <= set(DIAGNOSTICS)
    for name in DIAGNOSTICS:
        assert METRICS[name].direction == "none"
        assert set(METRICS[name].qualifies) <= METRICS.keys() - set(DIAGNOSTICS)
        assert all(set(METRICS[name].needs) <= set(METRICS[value].needs) for value in METRICS[name].qualifies)


def test_what_qualifies_a_value_stands_beside_it() -> None:
    """No sweep over every class for a report of those that count."""
    assert diagnostics_of(("gnc2_log_std_ratio",)) == ("nc2_undirected_classes", "gnc2_coincident_pairs")
    assert diagnostics_of(("gnc2_log_mean", "gnc2_coincident_pairs")) == ("nc2_undirected_classes",)
    assert diagnostics_of(("nc1_trace_ratio",)) == ()
    for names in (PRESETS["core"], PRESETS["paper"]):
        pairs = {METRICS[name].pairs for name in diagnostics_of(names)}
        assert any("paper" in (kind or "") for kind in pairs) == (names is PRESETS["paper"])


def test_whatever_can_be_infinite_or_undefined_is_explained_by_a_number() -> None:
    """Coincident means, a class at the centre, no scatter: beside each value that shows it stands their number."""
    features = np.repeat([[0.0, 0], [4, 0], [4, 0], [-8, 0], [0, 3], [0, -3]], 4, axis=0)
    text = Text(features, np.repeat(np.arange(6), 4), np.zeros((6, 2)), np.zeros(24, dtype=int), np.zeros((3, 2)))
    values = text.values()
    assert values["nc2_undirected_classes"] == values["nc2_undirected_classes_paper"] == 1
    assert values["gnc2_coincident_pairs"] == values["nc1_coincident_pairs_paper"] == 1
    assert values["gnc2_undirected_classes_paper"] == 1
    assert (values["nc5_undirected_classes"], values["nc5_undirected_classes_centred"]) == (6, 6)
    assert values["nc3_undirected_classes"] == values["nc3_undirected_classes_centred"] == 6
    strange = {name for name, value in values.items() if not math.isfinite(value)}
    qualified = {name for diagnostic in DIAGNOSTICS for name in METRICS[diagnostic].qualifies}
    # W is zero, nothing scatters, and no token is decided rightly: 0 / 0 in plain sight.
    assert strange - qualified <= {"nc0_row_sum", "nc3_dual_error", "nc1_cdnv_top_share"}
    assert {"gnc2_log_mean", "gnc2_log_std", "nc1_cdnv_paper", "nc2_log_norm_std", "nc3_cos_mean"} <= strange
