"""Metrics from statistics: by preset or by name, with what they need asked before anything is computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module

from torch import Tensor

from nc_hf.errors import InputError
from nc_hf.metrics.decisions import AgreementCounts
from nc_hf.metrics.inputs import Head, MetricInputs
from nc_hf.metrics.naming import metric_names
from nc_hf.metrics.table import METRICS, MIN_COUNT, Need
from nc_hf.statistics.class_statistics import ClassStatistics

_WAY_OUT: dict[Need, str] = {
    "head": "pass head=ClassifierHead.from_model(model)",
    "agreement": "pass agreement=count_agreement(...)",
    "covariance": "collect with ClassStatistics(dim, covariance=True)",
    "categories": "pass categories={token_id: category}",
    "second": "pass second=, the ClassStatistics of the same model on another text",
}
_CALLED: dict[Need, str] = {"second": "second corpus"}
_BEYOND_A_PASS: frozenset[Need] = frozenset(("categories", "second"))


def compute_metrics(
    stats: ClassStatistics,
    head: Head | None = None,
    preset: str | Sequence[str] = "core",
    min_count: int = MIN_COUNT,
    agreement: AgreementCounts | None = None,
    *,
    categories: Mapping[int, int] | None = None,
    classes: Tensor | None = None,
    second: ClassStatistics | None = None,
) -> dict[str, float]:
    """Compute metrics from statistics.

    Args:
        stats: counts, means and scatter by class.
        head: the classifier head, for NC0, NC3 and UNC3.
        preset: ``core``, ``paper`` or ``full``, which give what the inputs allow; or names, which must all be possible.
        min_count: classes with fewer tokens are left out. Metrics that need an unbiased variance leave out classes of
            one token in any case. Names that end in ``_paper`` and the whole preset ``paper`` use every class.
        agreement: decisions of the linear and the nearest-centre classifier, for NC4.
        categories: category of each token id, which splits ``nc1_identity_share`` in two.
        classes: (K,) ids of the classes that count, in place of those with ``min_count`` tokens; those with fewer than
            two tokens are left out. So different amounts of text are measured on the same classes.
        second: statistics of the same model and layer on another text, for NC5.

    Returns:
        One float a name, in the order of ``METRICS``; NaN where a definition divides nothing by nothing.

    Raises:
        InputError: an unknown name or preset, or a name whose input is missing.
        StatisticsError: fewer than two classes are left.
        LabelError: a class is beyond the head.
        MergeError: head, statistics and those of the second corpus differ in width.
    """
    given = _given(stats, head, agreement, categories, second)
    metrics = [METRICS[name] for name in metric_names(preset)]
    if isinstance(preset, str):
        metrics = [metric for metric in metrics if given.issuperset(metric.needs)]
        min_count, classes = (1, None) if preset == "paper" else (min_count, classes)
    for metric in metrics:
        for need in metric.needs:
            if need not in given:
                raise InputError(f"{metric.name} needs the {_CALLED.get(need, need)}: {_WAY_OUT[need]}.")
    if min_count < 1:
        raise InputError(f"min_count is {min_count}: pass 1 or more.")
    wanted = {metric.pairs for metric in metrics if metric.pairs is not None}
    inputs = MetricInputs(stats, head, min_count, agreement, categories, wanted, classes, second)
    return {metric.name: function_of(metric.function)(inputs) for metric in metrics}


@cache
def function_of(name: str) -> Callable[[MetricInputs], float]:
    """Return the function that a row of the table names, as ``module.function`` of ``nc_hf.metrics``."""
    module, _, function = name.rpartition(".")
    found: Callable[[MetricInputs], float] = getattr(import_module(f"nc_hf.metrics.{module}"), function)
    return found


def pass_metrics(preset: str | Sequence[str], agreement_tokens: int) -> tuple[str, ...]:
    """Return the names that one pass over text is to give, or refuse before it what would fail after it.

    Args:
        preset: as of ``compute_metrics``.
        agreement_tokens: tokens that NC4 is to be decided on; 0 leaves it out of a preset.

    Raises:
        InputError: a name that a pass cannot give, or a number that cannot be meant.
    """
    names = metric_names(preset)
    if agreement_tokens < 0:
        raise InputError(f"agreement_tokens is {agreement_tokens}: pass 0 or more.")
    if isinstance(preset, str):
        return tuple(name for name in names if _BEYOND_A_PASS.isdisjoint(METRICS[name].needs))
    for name in names:
        if "categories" in METRICS[name].needs:
            raise InputError(f"{name} is no metric of a pass over text: leave it to compute_metrics(categories=...).")
        if "second" in METRICS[name].needs:
            raise InputError(
                f"{name} needs a second corpus, and one pass has one text: leave it to a study (measure_also) or to "
                "compute_metrics(second=...)."
            )
        if "agreement" in METRICS[name].needs and not agreement_tokens:
            raise InputError(f"{name} is decided on a sample of tokens: pass agreement_tokens of 1 or more.")
    return names


def _given(
    stats: ClassStatistics,
    head: Head | None,
    agreement: AgreementCounts | None,
    categories: Mapping[int, int] | None,
    second: ClassStatistics | None,
) -> set[Need]:
    present: dict[Need, bool] = {
        "head": head is not None,
        "agreement": agreement is not None,
        "covariance": stats.has_covariance,
        "categories": categories is not None,
        "second": second is not None,
    }
    return {need for need, there in present.items() if there}
