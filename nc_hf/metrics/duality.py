"""NC3, UNC3 and NC0: how the classifier's rows line up with the class means, and whether they balance.

A class whose row or mean is zero has no cosine: it is left out, and the number of such classes is a metric beside.
"""

from __future__ import annotations

import math

from torch import Tensor

from nc_hf.metrics.classes import coefficient_of_variation, moments
from nc_hf.metrics.geometry import simplex_distance
from nc_hf.metrics.inputs import MetricInputs


def cosine_mean(inputs: MetricInputs) -> float:
    """Mean over classes of cos(w_c, m_c): self-duality, Table 1 NC3."""
    return moments(_defined(inputs.duality_raw))[0]


def cosine_mean_centred(inputs: MetricInputs) -> float:
    """The same with the mean row of W taken away, which softmax does not see."""
    return moments(_defined(inputs.duality_by_class))[0]


def cosine_mean_token_weighted(inputs: MetricInputs) -> float:
    """The same with each class weighted by its tokens: of the average token rather than of the average class."""
    cosines, counts = inputs.duality_by_class, inputs.used.counts
    defined = ~cosines.isnan()
    if not bool(defined.any()):
        return math.nan
    return float(counts[defined] @ cosines[defined] / counts[defined].sum())


def dual_error(inputs: MetricInputs) -> float:
    """|| W M^T/||W M^T|| - E/||E|| ||_F; 0 is a self-dual simplex ETF."""
    return simplex_distance(inputs.weight, inputs.used.centred)


def undirected_classes(inputs: MetricInputs) -> float:
    """Number of classes with w_c or m_c zero, which have no cosine."""
    return _undefined(inputs.duality_raw)


def undirected_classes_centred(inputs: MetricInputs) -> float:
    """Number of classes with w~_c or m_c zero, which have no centred cosine."""
    return _undefined(inputs.duality_by_class)


def undirected_classes_paper(inputs: MetricInputs) -> float:
    """Number of classes seen with w_c or m_c zero, which have no cosine."""
    return _undefined(inputs.duality_every)


def cosine_cov_paper(inputs: MetricInputs) -> float:
    """CoV over classes of cos(w_c, m_c): uniform duality, Table 1 UNC3. Every class counts in the paper's form."""
    return coefficient_of_variation(*moments(_defined(inputs.duality_every)))


def cosine_std(inputs: MetricInputs) -> float:
    """Population std over classes of cos(w_c, m_c): uniform duality."""
    return moments(_defined(inputs.duality_raw))[1]


def cosine_std_centred(inputs: MetricInputs) -> float:
    """Population std over classes of cos(w~_c, m_c): uniform duality as far as softmax sees it."""
    return moments(_defined(inputs.duality_by_class))[1]


def row_sum(inputs: MetricInputs) -> float:
    """|W^T 1|^2 / (K ||W||_F^2) over the used classes: zero where the rows of the classifier balance (2602.16642)."""
    weight = inputs.weight
    return float(weight.sum(dim=0).square().sum() / (len(weight) * weight.square().sum()))


def _defined(cosines: Tensor) -> Tensor:
    return cosines[~cosines.isnan()]


def _undefined(cosines: Tensor) -> float:
    return float(cosines.isnan().sum())
