"""NC3, UNC3 and NC0: how the classifier's rows line up with the class means, and whether they balance."""

from __future__ import annotations

import math

from nc_hf.metrics.classes import coefficient_of_variation, moments, small_gram_norm
from nc_hf.metrics.geometry import unit_distance
from nc_hf.metrics.inputs import MetricInputs


def cosine_mean(inputs: MetricInputs) -> float:
    """Mean over classes of cos(w_c, m_c): self-duality, Table 1 NC3."""
    return moments(inputs.duality_cosines)[0]


def cosine_mean_centred(inputs: MetricInputs) -> float:
    """The same with the mean row of W taken away, which softmax does not see."""
    return moments(inputs.duality_cosines_centred)[0]


def dual_error(inputs: MetricInputs) -> float:
    """|| W M^T/||W M^T|| - E/||E|| ||_F in closed form; 0 is a self-dual simplex ETF."""
    weight, means = inputs.weight, inputs.used.centred
    norm = float(small_gram_norm(weight, means))
    if norm == 0:
        return math.nan
    aligned = float((weight * means).sum()) / (norm * math.sqrt(len(means) - 1))
    return unit_distance(aligned)


def cosine_cov_paper(inputs: MetricInputs) -> float:
    """CoV over classes of cos(w_c, m_c): uniform duality, Table 1 UNC3. Every class counts in the paper's form."""
    return coefficient_of_variation(inputs.duality_cosines_every)


def cosine_std(inputs: MetricInputs) -> float:
    """Population std over classes of cos(w_c, m_c): uniform duality."""
    return moments(inputs.duality_cosines)[1]


def row_sum(inputs: MetricInputs) -> float:
    """|W^T 1|^2 / (K ||W||_F^2) over the used classes: zero where the rows of the classifier balance (2602.16642)."""
    weight = inputs.weight
    return float(weight.sum(dim=0).square().sum() / (len(weight) * weight.square().sum()))
