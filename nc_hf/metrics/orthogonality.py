"""NC5: how nearly another text is orthogonal to the class means of this one (NECO, arXiv 2310.06823).

Of either text the mean feature over all of its tokens is taken, whatever their classes; random directions have an
average of sqrt(2 / (pi D)) or so. Features of language models share an offset, which the centred form takes away.
"""

from __future__ import annotations

import torch
from torch import Tensor

from nc_hf.errors import MergeError
from nc_hf.metrics.classes import moments
from nc_hf.metrics.inputs import MetricInputs
from nc_hf.metrics.rows import ClassMeans, without_rounding
from nc_hf.statistics.class_statistics import ClassStatistics


def cosine(inputs: MetricInputs) -> float:
    """Mean over classes of |cos(mu_c, g_ood)|: NECO's orthogonality, 0 where other text is orthogonal."""
    return _mean(_raw(inputs))


def cosine_centred(inputs: MetricInputs) -> float:
    """The same about g, the mean feature of the text that the class means are of."""
    return _mean(_centred(inputs))


def undirected_classes(inputs: MetricInputs) -> float:
    """Number of classes with mu_c or g_ood zero, which have no cosine."""
    return float(_raw(inputs).isnan().sum())


def undirected_classes_centred(inputs: MetricInputs) -> float:
    """Number of classes with mu_c or g_ood equal to g, which have no centred cosine."""
    return float(_centred(inputs).isnan().sum())


def token_mean(stats: ClassStatistics) -> Tensor:
    """(D,) float64: mean feature over all tokens of a text."""
    counts = stats.counts.double()
    return ClassMeans(stats).mean(counts)


def _raw(inputs: MetricInputs) -> Tensor:
    return _cosines(inputs, inputs.used.uncentred[:], _mean_of_second(inputs))


def _centred(inputs: MetricInputs) -> Tensor:
    centre = token_mean(inputs.stats)
    return _cosines(inputs, inputs.used.about(centre), _mean_of_second(inputs) - centre)


def _cosines(inputs: MetricInputs, means: Tensor, direction: Tensor) -> Tensor:
    """(K,): |cos| of each row of ``means`` (K, D) and the direction (D,); NaN where either is zero."""
    direction = without_rounding(direction.unsqueeze(0), inputs.used.rounding)
    norms = torch.linalg.vector_norm(means, dim=1) * torch.linalg.vector_norm(direction)
    cosines: Tensor = (means @ direction[0]).abs() / norms.where(norms > 0, torch.nan)
    return cosines


def _mean_of_second(inputs: MetricInputs) -> Tensor:
    assert inputs.second is not None, "a metric that needs a second corpus was computed without it"
    if inputs.second.dim != inputs.stats.dim:
        raise MergeError(
            f"the features of the second corpus have width {inputs.second.dim}, and those of the first "
            f"{inputs.stats.dim}: take both from the same model and layer."
        )
    return token_mean(inputs.second).to(inputs.used.means.device)


def _mean(cosines: Tensor) -> float:
    return moments(cosines[~cosines.isnan()])[0]
