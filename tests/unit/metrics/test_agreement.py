"""NC4 equals the brute-force oracle, with centres of the same tokens and of others."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nc_hf import ClassStatistics, compute_metrics
from nc_hf.metrics.decisions import count_agreement
from tests.reference.cases import CASES, Case
from tests.reference.oracle import oracle_agreement


def decide(
    case: Case, rows: np.ndarray, *, leave_one_out: bool, centres: np.ndarray, classes: np.ndarray | None = None
) -> tuple[dict, dict]:
    """NC4 of nc_hf and of the oracle: tokens ``rows`` decided by the centres of the tokens ``centres``.

    Among ``classes`` alone both decide for one of these, on tokens of these.
    """
    logits = case.logits()
    stats = ClassStatistics(case.features.shape[1])
    stats.update(torch.from_numpy(case.features[centres]), torch.from_numpy(case.labels[centres]))
    linear = logits.argmax(axis=1)
    if classes is not None:
        rows = rows[np.isin(case.labels[rows], classes)]
        linear = np.array([max(classes, key=lambda c, scores=scores: scores[c]) for scores in logits])
    counts = count_agreement(
        stats,
        torch.from_numpy(case.features[rows]),
        torch.from_numpy(case.labels[rows]),
        torch.from_numpy(linear[rows]),
        leave_one_out=leave_one_out,
        classes=None if classes is None else torch.from_numpy(classes),
    )
    assert counts.tokens == len(rows)
    actual = compute_metrics(stats, case.head, preset="full", min_count=1, agreement=counts)
    expected = oracle_agreement(
        case.features[centres],
        case.labels[centres],
        case.features[rows],
        case.labels[rows],
        logits[rows],
        leave_one_out=leave_one_out,
        classes=classes,
    )
    return {name: value for name, value in actual.items() if name.startswith("nc4")}, expected


NC4_CASES = ["more classes than dimensions", "fewer classes than dimensions", "Zipf counts", "singletons"]


@pytest.mark.parametrize("offset", [False, True], ids=["float64", "float32 on an offset"])
@pytest.mark.parametrize("name", NC4_CASES)
def test_agreement_on_the_tokens_that_made_the_centres(name: str, offset: bool) -> None:
    """Leave one out; a class of one token has no centre for it. Some of the tokens may be decided, as a buffer does."""
    case = CASES[name]().on_an_offset() if offset else CASES[name]()
    every = np.arange(len(case.labels))
    for rows in (every, every[::3]):
        actual, expected = decide(case, rows, leave_one_out=True, centres=every)
        assert 0 < expected["nc4_agreement"] < 1
        assert actual == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("offset", [False, True], ids=["float64", "float32 on an offset"])
@pytest.mark.parametrize("name", NC4_CASES)
def test_agreement_on_other_tokens(name: str, offset: bool) -> None:
    """Centres from one half of the tokens; some classes of the other half have none, and their tokens still count."""
    case = CASES[name]().on_an_offset() if offset else CASES[name]()
    half = len(case.labels) // 2
    actual, expected = decide(case, np.arange(half, len(case.labels)), leave_one_out=False, centres=np.arange(half))
    assert actual == pytest.approx(expected, rel=1e-12)


def some_classes(case: Case) -> np.ndarray:
    """Every other class that is seen, and two that nobody sees."""
    seen = np.unique(case.labels)
    return np.sort([*seen[::2], *np.setdiff1d(np.arange(len(case.weight)), seen)[:2]])


@pytest.mark.parametrize("offset", [False, True], ids=["float64", "float32 on an offset"])
@pytest.mark.parametrize("name", NC4_CASES)
def test_agreement_among_some_classes(name: str, offset: bool) -> None:
    """No centre and no logit of another class has a say, whether the tokens made the centres or not."""
    case = CASES[name]().on_an_offset() if offset else CASES[name]()
    every, classes, half = np.arange(len(case.labels)), some_classes(case), len(case.labels) // 2
    actual, expected = decide(case, every, leave_one_out=True, centres=every, classes=classes)
    assert actual == pytest.approx(expected, rel=1e-12)
    _, among_all = decide(case, every, leave_one_out=True, centres=every)
    assert expected["nc4_agreement"] > among_all["nc4_agreement"], "it is easier among fewer, so the classes matter"
    actual, expected = decide(case, every[half:], leave_one_out=False, centres=every[:half], classes=classes)
    assert actual == pytest.approx(expected, rel=1e-12)


def test_leaving_one_out_matters() -> None:
    """The two kinds of centre give different answers on these tokens, so the tests above tell them apart."""
    case = CASES["singletons"]()
    every = np.arange(len(case.labels))
    _, left_out = decide(case, every, leave_one_out=True, centres=every)
    _, kept = decide(case, every, leave_one_out=False, centres=every)
    assert kept["nc4_ncc_accuracy"] > left_out["nc4_ncc_accuracy"] + 0.05


def test_ties_of_the_logits_are_counted_as_told() -> None:
    """Which logit was the largest is the model's to say, and so is whether it was the only one."""
    case = CASES["more classes than dimensions"]()
    stats, labels = case.statistics(), torch.from_numpy(case.labels)
    tied = torch.arange(len(labels)) % 9 == 0
    counts = count_agreement(
        stats, torch.from_numpy(case.features), labels, labels, leave_one_out=False, linear_tied=tied
    )
    values = compute_metrics(stats, preset="full", agreement=counts)
    assert counts.linear_ties == int(tied.sum())
    assert values["nc4_linear_ties"] == pytest.approx(float(tied.double().mean()))
    assert values["nc4_nearest_ties"] == 0
