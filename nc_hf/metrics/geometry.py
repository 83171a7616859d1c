"""NC2, equinorm and equiangular class means: how close the class means are to a simplex ETF.

Cosine moments and errors against the ETF come from closed forms in O(K D^2); none looks at a K x K matrix.
"""

from __future__ import annotations

import math

import torch

from nc_hf.metrics.classes import ClassView, coefficient_of_variation, moments, small_gram_norm
from nc_hf.metrics.inputs import MetricInputs


def norm_cov(inputs: MetricInputs) -> float:
    """CoV of |m_c|: equinormness (Papyan 2020)."""
    return coefficient_of_variation(inputs.used.norms)


def log_norm_std(inputs: MetricInputs) -> float:
    """Population std of log|m_c|: equinormness that does not see the scale of the features."""
    norms = inputs.used.norms
    return moments(norms[norms > 0].log())[1]


def log_norm_cov_paper(inputs: MetricInputs) -> float:
    """CoV of log|m_c| over every class: Table 1 "equinormness" (arXiv 2405.17767); depends on the features' scale."""
    norms = inputs.every.norms
    return coefficient_of_variation(norms[norms > 0].log())


def cos_mean(inputs: MetricInputs) -> float:
    """Mean of cos(m_c, m_c') over pairs: near -1/(K-1) for any features, so no evidence of an ETF."""
    return cosine_moments(inputs.used)[0]


def cos_std(inputs: MetricInputs) -> float:
    """Population std of cos(m_c, m_c') over pairs: equiangularity."""
    return cosine_moments(inputs.used)[1]


def cos_cov_paper(inputs: MetricInputs) -> float:
    """Std over mean of that cosine, every class: Table 1 "equiangularity"; its mean is about zero."""
    mean, std = cosine_moments(inputs.every)
    return std / mean if mean else math.nan


def etf_error(inputs: MetricInputs) -> float:
    """|| G/||G|| - E/||E|| ||_F from the participation ratio (Kothapalli 2206.04041); 0 is a simplex ETF."""
    view = inputs.used
    share = participation_ratio(inputs) / (view.num_classes - 1)
    return unit_distance(math.sqrt(share))


def unit_distance(cosine: float) -> float:
    """Distance of two vectors of length 1 by their cosine, which rounding may lift above 1; NaN stays NaN."""
    return math.sqrt(max(2 - 2 * cosine, 0.0))  # max keeps a NaN only in the first place


def participation_ratio(inputs: MetricInputs) -> float:
    """(tr S)^2 / ||S||_F^2 of the covariance S of the class means: how many directions they spread over."""
    view = inputs.used
    return float((view.norms.square().sum() / view.gram_norm) ** 2)


def participation_ratio_per_dim(inputs: MetricInputs) -> float:
    """The participation ratio over D."""
    return participation_ratio(inputs) / inputs.used.dim


def max_cos(inputs: MetricInputs) -> float:
    """Largest cos(m_c, m_c') over pairs: the coherence of the class means."""
    return inputs.directions.max_cos if math.isfinite(inputs.directions.max_cos) else math.nan


def max_cos_gap(inputs: MetricInputs) -> float:
    """The largest cosine less what is the best possible: -1/(K-1) up to K = D+1, the Welch bound beyond."""
    classes, dim = len(inputs.used.units), inputs.used.dim  # a class without a direction has no cosine
    if classes < 2:
        return math.nan
    bound = -1 / (classes - 1) if classes <= dim + 1 else math.sqrt((classes - dim) / (dim * (classes - 1)))
    return max_cos(inputs) - bound


def cosine_moments(view: ClassView) -> tuple[float, float]:
    """Return mean and population std of the cosine over pairs.

    Up to K = D the Gram matrix is the smaller one and gives them directly, exact also where all cosines are equal;
    beyond it, sum u_c and U^T U give them: mean cos = (|sum u|^2 - K) / (K (K-1)), likewise for the squares.
    """
    units = view.units
    classes = len(units)
    if classes < 2:
        return math.nan, math.nan
    if classes <= view.dim:
        i, j = torch.triu_indices(classes, classes, offset=1, device=units.device).unbind(0)
        return moments((units @ units.T)[i, j])
    pairs = classes * (classes - 1)
    mean = (float(units.sum(dim=0).square().sum()) - classes) / pairs
    mean_square = (float(small_gram_norm(units, units) ** 2) - classes) / pairs
    return mean, math.sqrt(max(0.0, mean_square - mean * mean))
