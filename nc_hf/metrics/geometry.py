"""NC2, equinorm and equiangular class means: how close the class means are to a simplex ETF.

Cosine moments and errors against the ETF come from closed forms in O(K D^2); a K x K matrix is made only where it is no
larger than D x D. A class mean at the centre has no direction: it is in no cosine, and its logarithm is no number.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from nc_hf.metrics.classes import ClassView, coefficient_of_variation, moments, quotient, small_gram_norm
from nc_hf.metrics.inputs import MetricInputs


def norm_cov(inputs: MetricInputs) -> float:
    """CoV of |m_c|: equinormness (Papyan 2020)."""
    mean, std = moments(inputs.used.norms)
    return quotient(std, mean)


def log_norm_std(inputs: MetricInputs) -> float:
    """Population std of log|m_c|: equinormness that does not see the scale of the features."""
    return moments(inputs.used.norms.log())[1]


def log_norm_cov_paper(inputs: MetricInputs) -> float:
    """CoV of log|m_c| over every class: Table 1 "equinormness" (arXiv 2405.17767); depends on the features' scale."""
    return coefficient_of_variation(*moments(inputs.every.norms.log()))


def cos_mean(inputs: MetricInputs) -> float:
    """Mean of cos(m_c, m_c') over pairs: near -1/(K-1) for any features, so no evidence of an ETF."""
    return cosine_moments(inputs.used)[0]


def cos_std(inputs: MetricInputs) -> float:
    """Population std of cos(m_c, m_c') over pairs: equiangularity."""
    return cosine_moments(inputs.used)[1]


def cos_cov_paper(inputs: MetricInputs) -> float:
    """Std over mean of that cosine, every class: Table 1 "equiangularity"; its mean is about zero."""
    return coefficient_of_variation(*cosine_moments(inputs.every))


def etf_error(inputs: MetricInputs) -> float:
    """|| G/||G|| - E/||E|| ||_F (Kothapalli 2206.04041); 0 is a simplex ETF."""
    return simplex_distance(inputs.used.centred, inputs.used.centred)


def simplex_distance(left: Tensor, right: Tensor) -> float:
    """Return || A/||A|| - E/||E|| ||_F, A = L R^T of (K, D) each, R centred, E = I - 1 1^T / K; NaN where A is zero.

    More than D + 1 classes are no simplex, and the closed form 2 - 2 <A, E> / (||A|| ||E||) of the square has all its
    digits; fewer can be one, and then it would have half of them at best, but the matrix itself is small.
    """
    classes, dim = left.shape
    if classes <= dim + 1:
        product = left @ right.T
        simplex = torch.eye(classes, dtype=left.dtype, device=left.device) - 1 / classes
        return float((product / product.norm() - simplex / math.sqrt(classes - 1)).norm())
    norm = float(small_gram_norm(left, right))
    if norm == 0:
        return math.nan
    return math.sqrt(
        max(2 - 2 * float(torch.dot(left.flatten(), right.flatten())) / (norm * math.sqrt(classes - 1)), 0.0)
    )


def participation_ratio(inputs: MetricInputs) -> float:
    """(tr S)^2 / ||S||_F^2 of the covariance S of the class means: how many directions they spread over."""
    view = inputs.used
    return float((view.norms.square().sum() / view.gram_norm) ** 2)


def participation_ratio_per_dim(inputs: MetricInputs) -> float:
    """The participation ratio over D."""
    return participation_ratio(inputs) / inputs.used.dim


def max_cos(inputs: MetricInputs) -> float:
    """Largest cos(m_c, m_c') over pairs: the coherence of the class means."""
    return inputs.directions.max_cos


def max_cos_gap(inputs: MetricInputs) -> float:
    """The largest cosine less what is the best possible: -1/(K-1) up to K = D+1, the Welch bound beyond."""
    view = inputs.used
    classes, dim = view.num_classes - view.undirected, view.dim  # a class without a direction has no cosine
    if classes < 2:
        return math.nan
    bound = -1 / (classes - 1) if classes <= dim + 1 else math.sqrt((classes - dim) / (dim * (classes - 1)))
    return max_cos(inputs) - bound


def undirected_classes(inputs: MetricInputs) -> float:
    """Number of classes whose mean is the centre: they have no direction, and are in no cosine."""
    return float(inputs.used.undirected)


def undirected_classes_paper(inputs: MetricInputs) -> float:
    """The same number of every class seen."""
    return float(inputs.every.undirected)


def cosine_moments(view: ClassView) -> tuple[float, float]:
    """Return mean and population std of the cosine over pairs.

    Up to K = D + 1 the Gram matrix is small and gives them directly, exact also where all cosines are equal, as those
    of a simplex are; beyond it, sum u_c and U^T U give them: mean cos = (|sum u|^2 - K) / (K (K-1)), likewise for the
    squares.
    """
    classes, dim = view.num_classes - view.undirected, view.dim
    if classes < 2:
        return math.nan, math.nan
    if classes <= dim + 1:
        units = torch.cat(list(view.units()))
        i, j = torch.triu_indices(classes, classes, offset=1, device=units.device).unbind(0)
        return moments((units @ units.T)[i, j])
    total, gram = view.centred.new_zeros(dim), view.centred.new_zeros(dim, dim)
    for rows in view.units():
        total += rows.sum(dim=0)
        gram.addmm_(rows.T, rows)
    pairs = classes * (classes - 1)
    mean = (float(total.square().sum()) - classes) / pairs
    mean_square = (float(gram.square().sum()) - classes) / pairs
    return mean, math.sqrt(max(0.0, mean_square - mean * mean))
