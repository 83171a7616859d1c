"""NC1, within-class variability: how small the spread of a class is against the distance to other classes."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from nc_hf.metrics.classes import ClassView
from nc_hf.metrics.inputs import MetricInputs


def cdnv(inputs: MetricInputs) -> float:
    """Mean over pairs of (s2_c + s2_c') / (2 d2), d2 = |mu_c - mu_c'|^2 - s2_c/n_c - s2_c'/n_c'. Galanti 2112.15121."""
    return inputs.cdnv.values.mean if inputs.cdnv.values.count else math.nan


def cdnv_log_mean(inputs: MetricInputs) -> float:
    """Mean of the log of the pairs' CDNV: the plain mean is driven by a few pairs."""
    return inputs.cdnv_quantiles.log_mean


def cdnv_median(inputs: MetricInputs) -> float:
    """Median of the pairs' CDNV, exact."""
    median = inputs.cdnv_quantiles.median()
    return math.nan if median is None else median


def cdnv_excluded_share(inputs: MetricInputs) -> float:
    """Share of pairs whose corrected squared distance is not positive: too few tokens to tell the means apart."""
    return inputs.cdnv.excluded_share


def cdnv_paper(inputs: MetricInputs) -> float:
    """Mean over pairs of (var_c + var_c') / (2 |mu_c - mu_c'|^4), every class, no correction (arXiv 2405.17767)."""
    values = inputs.cdnv_paper.values
    return values.mean if values.count else math.nan


def cdnv_scale_free(inputs: MetricInputs) -> float:
    """``nc1_cdnv_paper`` times mean_c |m_c|^2, which takes the scale of the features out of it."""
    return cdnv_paper(inputs) * float(inputs.every.norms.square().mean())


def trace_ratio(inputs: MetricInputs) -> float:
    """Mean s2_c over the bias-corrected mean |m_c|^2 (Tirer 2023, the "quotient")."""
    return float(inputs.spread.variance.mean()) / between_variance(inputs.spread)


def between_variance(view: ClassView) -> float:
    """Mean |m_c|^2 less what the sampling of the means adds to it; NaN if nothing is left."""
    bias = (1 - 1 / view.num_classes) * float((view.variance / view.counts).mean())
    between = float(view.norms.square().mean()) - bias
    return between if between > 0 else math.nan


def pinv(inputs: MetricInputs) -> float:
    """Tr(Sigma_W Sigma_B^+) / K, with Sigma_W pooled over all tokens (Papyan 2020)."""
    within = inputs.stats.within_scatter
    assert within is not None, "nc1_pinv was computed without the covariance"
    view = inputs.used
    between = view.centred.T @ view.centred / view.num_classes
    trace = float((torch.linalg.pinv(between, hermitian=True) * within).sum())
    return trace / inputs.stats.num_tokens / view.num_classes


def context_share(inputs: MetricInputs) -> float:
    """Share of the tokens' total variance that lies within classes (after 2607.09487)."""
    within, between = _token_variance(inputs)
    return within / (within + float(between.sum())) if within + float(between.sum()) else math.nan


def identity_share(inputs: MetricInputs) -> float:
    """Share of the tokens' variance between classes; with categories, between the classes of one category."""
    within, between = _token_variance(inputs)
    total = within + float(between.sum())
    between_categories = _between_categories(inputs) if inputs.categories is not None else 0.0
    return (float(between.sum()) - between_categories) / total if total else math.nan


def category_share(inputs: MetricInputs) -> float:
    """Share of the tokens' variance between the categories of their classes."""
    within, between = _token_variance(inputs)
    total = within + float(between.sum())
    return _between_categories(inputs) / total if total else math.nan


def _token_variance(inputs: MetricInputs) -> tuple[float, Tensor]:
    """Return sum_c M2_c, and n_c |mu_c - g|^2 of each class, with g the mean over tokens of the used classes."""
    view = inputs.used
    token_mean = view.counts @ view.means / view.counts.sum()
    return float(view.scatter.sum()), view.counts * (view.means - token_mean).square().sum(dim=1)


def _between_categories(inputs: MetricInputs) -> float:
    """Return the sum over categories of their tokens times |their mean - g|^2; a token without category is its own."""
    assert inputs.categories is not None, "nc1_category_share was computed without categories"
    view = inputs.used
    # Tuples keep a class without a category apart from every category, whatever its number.
    keys = [(0, inputs.categories[c]) if c in inputs.categories else (1, c) for c in view.class_ids.tolist()]
    number = {key: index for index, key in enumerate(dict.fromkeys(keys))}
    category = torch.tensor([number[key] for key in keys], device=view.means.device)
    counts = torch.bincount(category, weights=view.counts)
    deviations = view.means - view.counts @ view.means / view.counts.sum()
    sums = torch.zeros(len(number), view.dim, dtype=torch.float64, device=view.means.device)
    sums.index_add_(0, category, deviations * view.counts.unsqueeze(1))
    return float((sums.square().sum(dim=1) / counts).sum())
