"""NC4, agreement of the linear classifier with the nearest class centre, decided for a bounded number of tokens."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nc_hf.metrics.decisions import AgreementCounts

if TYPE_CHECKING:
    from nc_hf.metrics.inputs import MetricInputs


def agreement(inputs: MetricInputs) -> float:
    """Share of tokens on which the two classifiers decide alike (Table 1 NC4)."""
    return _share(_counts(inputs).agree, _counts(inputs).tokens)


def ncc_accuracy(inputs: MetricInputs) -> float:
    """Share of tokens that the nearest class centre gets right."""
    return _share(_counts(inputs).ncc_correct, _counts(inputs).tokens)


def linear_accuracy(inputs: MetricInputs) -> float:
    """Share of tokens that the model's own head gets right."""
    return _share(_counts(inputs).linear_correct, _counts(inputs).tokens)


def agreement_when_correct(inputs: MetricInputs) -> float:
    """Agreement among the tokens that the model's own head gets right."""
    return _share(_counts(inputs).agree_when_correct, _counts(inputs).linear_correct)


def nearest_ties(inputs: MetricInputs) -> float:
    """Share of tokens with two equally near centres."""
    return _share(_counts(inputs).nearest_ties, _counts(inputs).tokens)


def linear_ties(inputs: MetricInputs) -> float:
    """Share of tokens whose largest logit is attained twice."""
    return _share(_counts(inputs).linear_ties, _counts(inputs).tokens)


def _counts(inputs: MetricInputs) -> AgreementCounts:
    assert inputs.agreement is not None, "an NC4 metric was computed without decisions"
    return inputs.agreement


def _share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan
