"""Neural collapse as an ``evaluate`` measurement: features, next tokens and the rows of a head in, nc_hf's numbers out.

::

    collapse = evaluate.load("./spaces/neural_collapse", module_type="measurement")
    collapse.compute(features=features, labels=labels, weight=model.lm_head.weight)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import datasets
import evaluate
import numpy as np
import torch

from nc_hf import ClassifierHead, ClassStatistics, compute_metrics
from nc_hf.errors import InputError, LabelError, NCError
from nc_hf.measurement.options import OPTIONS
from nc_hf.metrics import METRICS, AgreementCounts, count_agreement
from nc_hf.metrics.naming import metric_names
from nc_hf.metrics.table import MIN_COUNT, needs_of
from nc_hf.runtime.nearest import did_you_mean

# evaluate turns what passes through its own table into Python lists, a hundred million objects for a hundred thousand
# features. This measurement therefore keeps arrays as they are, in memory, and leaves evaluate's table out.

_DESCRIPTION = """\
Neural collapse of a causal language model: how tightly the features that are followed by one token gather around their
mean (NC1), how equal the class means are in length and angle (NC2) and how evenly they spread (GNC2), how well the
head's rows align with them (NC3, UNC3), and how often the head decides like the nearest class mean (NC4).
"""

_INPUTS = """
Args:
    features: (N, D) floats, the tensor that enters the head at each position: array, tensor or lists.
    labels: (N,) integers, the next token of each position; one with a negative label is skipped.
    weight: (V, D) floats, row c the head's row of token c; None leaves out NC0, NC3, UNC3 and NC4.
    bias: (V,) floats or None. A softcap or a positive scale of the logits changes no value.
    preset: "core", "paper", "full", or a list of names of metrics.
    min_count: tokens that a class needs to count; `_paper` names use every class.
    agreement_tokens: tokens on which NC4 is decided, all of them if there are no more.
    categories: category of each token id, for `nc1_category_share`.

Returns:
    One float a metric, by name; NaN where a definition divides nothing by nothing.

Examples:
    collapse = evaluate.load("./spaces/neural_collapse", module_type="measurement")
    collapse.compute(features=features, labels=labels, weight=weight)["nc1_trace_ratio"]
"""

KEYWORDS = ("features", "labels", "weight", "bias", "preset", "min_count", "agreement_tokens", "categories")
"""Of ``compute``."""

_CITATION = """\
@inproceedings{wu2024linguistic,
  title={Linguistic Collapse: Neural Collapse in (Large) Language Models},
  author={Wu, Robert and Papyan, Vardan},
  booktitle={Advances in Neural Information Processing Systems},
  year={2024},
  url={https://arxiv.org/abs/2405.17767}
}
"""


@evaluate.utils.file_utils.add_start_docstrings(_DESCRIPTION, _INPUTS)
class NeuralCollapse(evaluate.Measurement):
    """Keeps the tokens that are added, and computes the metrics of all of them."""

    def __init__(self, *args: Any, **options: Any) -> None:
        """Start without a token."""
        super().__init__(*args, **options)
        if self.num_process > 1:
            raise InputError("the measurement runs in one process: for several, use ClassStatistics.reduce().")
        self._batches: list[tuple[torch.Tensor, torch.Tensor]] = []

    def __len__(self) -> int:
        """Tokens added so far."""
        return sum(len(labels) for _, labels in self._batches)

    def add(self, *, features: Any, labels: Any) -> None:
        """Add one token: features (D,) and the next token."""
        self.add_batch(features=_tensor("features", features).unsqueeze(0), labels=[labels])

    def add_batch(self, *, features: Any, labels: Any) -> None:
        """Add N tokens: features (N, D) and labels (N,). Of a batch that is refused nothing is kept."""
        rows, classes = _floats("features", features), _tensor("labels", labels)
        if rows.ndim != 2:
            raise InputError(f"the features have shape {tuple(rows.shape)}: pass (N, D), one row a token.")
        width = self._batches[0][0].shape[1] if self._batches else rows.shape[1]
        ClassStatistics(width).update(rows, classes)  # refuses what cannot be counted
        self._batches.append((rows, classes))

    def compute(self, *, features: Any = None, labels: Any = None, **options: Any) -> dict[str, float]:
        """Compute the metrics of what was added, these features (N, D) and labels (N,) included, and forget it."""
        for name in options.keys() - KEYWORDS:
            listed = ", ".join(sorted(KEYWORDS))
            raise InputError(f"there is no keyword {name!r}{did_you_mean(name, KEYWORDS)}: pass some of {listed}.")
        try:
            if features is not None or labels is not None:
                self.add_batch(features=features, labels=labels)
            batches, self._batches = self._batches, []
        except NCError:
            self._batches = []
            raise
        if not batches:
            raise InputError("there is nothing to measure: pass features=... and labels=..., or add batches first.")
        return self._compute(*map(torch.cat, zip(*batches, strict=True)), **options)

    def _info(self) -> evaluate.MeasurementInfo:
        inputs = {"features": datasets.Sequence(datasets.Value("float32")), "labels": datasets.Value("int64")}
        return evaluate.MeasurementInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=_INPUTS,
            features=datasets.Features(inputs),
            reference_urls=["https://arxiv.org/abs/2405.17767"],
        )

    def _compute(
        self,
        features: torch.Tensor,
        labels: torch.Tensor,
        *,
        weight: Any = None,
        bias: Any = None,
        preset: str | Sequence[str] = "core",
        min_count: int = MIN_COUNT,
        agreement_tokens: int = OPTIONS["agreement_tokens"].default,
        categories: Mapping[int, int] | None = None,
    ) -> dict[str, float]:
        names = metric_names(preset)
        of_head = [name for name in names if not {"head", "agreement"}.isdisjoint(METRICS[name].needs)]
        if weight is None and of_head and not isinstance(preset, str):
            raise InputError(f"{of_head[0]} needs the head: pass weight=... too.")
        stats = ClassStatistics(features.shape[1], covariance="covariance" in needs_of(names))
        stats.update(features, labels)
        head = None if weight is None else _head(weight, bias, stats)
        agreement = None
        if head is not None and "agreement" in needs_of(names):
            agreement = _agreement(stats, head, features[labels >= 0], labels[labels >= 0], agreement_tokens)
        return compute_metrics(stats, head, preset, min_count, agreement, categories=categories)


def _agreement(
    stats: ClassStatistics, head: ClassifierHead, features: torch.Tensor, labels: torch.Tensor, limit: int
) -> AgreementCounts | None:
    """Decide every token, or so many of them drawn always alike, each without itself in the centre of its class."""
    if limit < len(labels):
        drawn = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))[: max(limit, 0)].sort().values
        features, labels = features[drawn], labels[drawn]
    if not len(labels):
        return None
    linear, tied = head.predict(features)
    return count_agreement(stats, features, labels, linear, leave_one_out=True, linear_tied=tied)


def _head(weight: Any, bias: Any, stats: ClassStatistics) -> ClassifierHead:
    head = ClassifierHead(_floats("weight", weight), None if bias is None else _floats("bias", bias))
    for name, values in (("weight", head.weight), ("bias", head.bias)):
        if values is not None and not values.isfinite().all():
            raise InputError(f"the {name} holds NaN or Inf: pass the head of a model that has not diverged.")
    if head.dim != stats.dim:
        raise InputError(
            f"the weight has rows of width {head.dim} and the features width {stats.dim}: pass the tensor that enters "
            "the head, and a weight of shape (V, D)."
        )
    if stats.num_classes and int(stats.class_ids[-1]) >= head.vocab_size:
        raise LabelError(
            f"label {int(stats.class_ids[-1])} is beyond the head's {head.vocab_size} classes: pass the whole head."
        )
    return head


def _floats(name: str, values: Any) -> torch.Tensor:
    """Return an array of numbers in the float dtype that it has, and integers as float64."""
    tensor = _tensor(name, values)
    if tensor.is_complex() or tensor.dtype == torch.bool:
        raise InputError(f"the {name} are {tensor.dtype}: pass real numbers.")
    return tensor if tensor.is_floating_point() else tensor.double()


def _tensor(name: str, values: Any) -> torch.Tensor:
    if isinstance(values, torch.Tensor):
        return values.detach().cpu()
    try:
        return torch.from_numpy(np.array(values))
    except (TypeError, ValueError) as error:
        raise InputError(f"the {name} are no array of numbers: pass an array, a tensor or even lists.") from error
