"""NC1, within-class variability: how small the spread of a class is against the distance to other classes."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from nc_hf.metrics.classes import ClassView, beyond_noise, quotient
from nc_hf.metrics.inputs import MetricInputs
from nc_hf.metrics.rows import without_rounding

# Of features in float32, against the direction in which they differ most.
_FEATURE_ROUNDING = 1e-6


def cdnv(inputs: MetricInputs) -> float:
    """Mean over pairs of (s2_c + s2_c') / (2 d2), d2 = |mu_c - mu_c'|^2 - s2_c/n_c - s2_c'/n_c'. Galanti 2112.15121."""
    return inputs.cdnv.values.mean


def cdnv_top_share(inputs: MetricInputs) -> float:
    """Share of the mean CDNV that its ten largest pairs make: near 1 the mean says nothing of the other pairs."""
    return inputs.cdnv.top_share


def cdnv_log_mean(inputs: MetricInputs) -> float:
    """Mean of the log of the pairs' CDNV: the plain mean is driven by a few pairs. Infinite with an excluded pair."""
    return inputs.cdnv_quantiles.log_mean


def cdnv_median(inputs: MetricInputs) -> float:
    """Median of the pairs' CDNV, exact; excluded pairs rank above all others, so with half of them it is infinite."""
    median = inputs.cdnv_median.median()
    return math.nan if median is None else median


def cdnv_excluded_share(inputs: MetricInputs) -> float:
    """Share of pairs whose corrected squared distance is not positive: too few tokens to tell the means apart."""
    return inputs.cdnv_median.excluded / inputs.cdnv_median.pairs


def cdnv_paper(inputs: MetricInputs) -> float:
    """Mean over pairs of (var_c + var_c') / (2 |mu_c - mu_c'|^4), every class, no correction (arXiv 2405.17767)."""
    return inputs.cdnv_paper.values.mean


def cdnv_scale_free(inputs: MetricInputs) -> float:
    """``nc1_cdnv_paper`` times mean_c |m_c|^2, which takes the scale of the features out of it."""
    return cdnv_paper(inputs) * float(inputs.every.norms.square().mean())


def coincident_pairs_paper(inputs: MetricInputs) -> float:
    """Number of pairs of classes seen with mu_c = mu_c': their CDNV is infinite, or undefined without scatter."""
    return float(inputs.cdnv_paper.values.unbounded)


def trace_ratio(inputs: MetricInputs) -> float:
    """Mean s2_c over the bias-corrected mean |m_c|^2 (Tirer 2023, the "quotient"); infinite where noise covers that."""
    return quotient(float(inputs.spread.variance.mean()), between_variance(inputs.spread))


def between_variance(view: ClassView) -> float:
    """Mean |m_c|^2 less what the sampling of the means adds to it; 0 if nothing is left."""
    bias = (1 - 1 / view.num_classes) * (view.variance / view.counts).mean()
    return float(beyond_noise(view.norms.square().mean(), bias))


def trace_ratio_token_weighted(inputs: MetricInputs) -> float:
    """The same with each class weighted by its tokens, about the mean over tokens: Tr(Sigma_W) / Tr(Sigma_B)."""
    view = inputs.spread
    share = view.counts / view.counts.sum()
    # Of the noise s2_c / n_c of each mean, weighted by n_c, the centre takes its own part away.
    noise = ((1 - share) * view.variance).sum()
    between = beyond_noise(_between_tokens(view).sum(), noise)
    return quotient(float((view.counts * view.variance).sum()), float(between))


def pinv(inputs: MetricInputs) -> float:
    """Tr(Sigma_W Sigma_B^+) / K, with Sigma_W pooled over all tokens (Papyan 2020).

    A direction in which the means do not differ does not count; infinite if there is no other.
    """
    within = inputs.stats.within_scatter
    assert within is not None, "nc1_pinv was computed without the covariance"
    view, rows = inputs.used, inputs.used.centred
    if len(rows) > view.dim:
        rows = torch.linalg.qr(rows, mode="r").R
    # Not from M^T M, whose eigenvalues are the squares, and of which half the digits would be rounding.
    _, lengths, directions = torch.linalg.svd(rows, full_matrices=False)
    rounding = torch.finfo(lengths.dtype).eps * max(view.num_classes, view.dim) * lengths[0]
    counted = lengths > rounding.clamp(min=view.rounding * math.sqrt(view.num_classes))
    scatter = float(inputs.every.scatter.sum())
    if scatter == 0 or not bool(counted.any()):
        return quotient(scatter, float(lengths[0]))
    spread = ((directions @ within) * directions).sum(dim=1).clamp_(min=0.0) / inputs.stats.num_tokens
    # Nor does one in which tokens do not differ either but for the rounding of float32, as the one that a layer norm
    # takes away: there rounding would be divided by rounding.
    whole = spread + lengths.square() / view.num_classes
    counted &= whole > _FEATURE_ROUNDING**2 * whole.max()
    return float((spread[counted] / lengths[counted].square()).sum())  # K of the mean and K of Sigma_B cancel


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
    return float(view.scatter.sum()), _between_tokens(view)


def _between_tokens(view: ClassView) -> Tensor:
    """(K,): n_c |mu_c - g|^2, with g the mean over tokens of the view's classes."""
    centre = view.means.mean(view.counts)
    deviations = (without_rounding(rows - centre, view.rounding) for rows in view.means.parts())
    lengths = torch.cat([torch.linalg.vector_norm(rows, dim=1) for rows in deviations])
    return view.counts * lengths.square_()


def _between_categories(inputs: MetricInputs) -> float:
    """Return the sum over categories of their tokens times |their mean - g|^2; a token without category is its own."""
    assert inputs.categories is not None, "nc1_category_share was computed without categories"
    view = inputs.used
    # Tuples keep a class without a category apart from every category, whatever its number.
    keys = [(0, inputs.categories[c]) if c in inputs.categories else (1, c) for c in view.class_ids.tolist()]
    number = {key: index for index, key in enumerate(dict.fromkeys(keys))}
    category = torch.tensor([number[key] for key in keys], device=view.means.device)
    counts = torch.bincount(category, weights=view.counts)
    deviations = view.about(view.means.mean(view.counts))
    sums = torch.zeros(len(number), view.dim, dtype=torch.float64, device=view.means.device)
    sums.index_add_(0, category, deviations * view.counts.unsqueeze(1))
    return float((sums.square().sum(dim=1) / counts).sum())
