"""GNC2, hyperspherical uniformity: how evenly the directions of the class means cover the sphere (Liu 2303.06484).

The kernel of two directions that coincide is infinite: so is its mean over pairs, and its spread is undefined.
"""

from __future__ import annotations

import math

from nc_hf.metrics.classes import coefficient_of_variation
from nc_hf.metrics.inputs import MetricInputs
from nc_hf.metrics.random_directions import uniform_log_moments


def log_mean(inputs: MetricInputs) -> float:
    """Mean over pairs of log(1/|u_c - u_c'|), centred directions."""
    return inputs.directions.log.mean


def log_std(inputs: MetricInputs) -> float:
    """Population std over pairs of log(1/|u_c - u_c'|), centred directions."""
    return inputs.directions.log.std


def log_std_ratio(inputs: MetricInputs) -> float:
    """That std over the one of directions drawn uniformly on the sphere: 1 is as even as chance."""
    reference = uniform_log_moments(inputs.used.dim)[1]
    return inputs.directions.log.std / reference if reference > 0 else math.nan


def log_cov_paper(inputs: MetricInputs) -> float:
    """CoV over pairs of log(1/|v_c - v_c'|), v_c = mu_c/|mu_c| not centred, every class: what Table 1 used."""
    log = inputs.directions_paper.log
    return coefficient_of_variation(log.mean, log.std)


def riesz_mean(inputs: MetricInputs) -> float:
    """Log of the mean over pairs of |u_c - u_c'|^-(D-2)."""
    return inputs.directions_riesz.riesz_log_mean


def coincident_pairs(inputs: MetricInputs) -> float:
    """Number of pairs of classes with u_c = u_c'."""
    return float(inputs.directions.log.unbounded)


def coincident_pairs_paper(inputs: MetricInputs) -> float:
    """Number of pairs of classes seen with v_c = v_c'."""
    return float(inputs.directions_paper.log.unbounded)


def undirected_classes_paper(inputs: MetricInputs) -> float:
    """Number of classes seen whose mean is zero, and has no direction."""
    return float(inputs.directions_paper.undirected)
