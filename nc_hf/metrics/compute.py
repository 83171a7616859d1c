"""Metrics from statistics: by preset or by name, with what they need asked before anything is computed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from importlib import import_module

from torch import Tensor

from nc_hf.errors import InputError
from nc_hf.metrics.decisions import AgreementCounts
from nc_hf.metrics.drawing import DRAWS, Draws, over_draws
from nc_hf.metrics.inputs import Head, MetricInputs
from nc_hf.metrics.naming import metric_names
from nc_hf.metrics.table import METRICS, MIN_COUNT, Metric, Need, diagnostics_of
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
    drawn: bool = False,
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
        drawn: estimate what is over pairs of classes by pairs drawn evenly (`estimate_metrics` tells the error), and
            leave out of a preset what has to see every pair.

    Returns:
        One float a name, in the order of ``METRICS``; NaN where a definition divides nothing by nothing.

    Raises:
        InputError: an unknown name or preset, or a name whose input is missing.
        StatisticsError: fewer than two classes are left.
        LabelError: a class is beyond the head.
        MergeError: head, statistics and those of the second corpus differ in width.
    """
    inputs, metrics = _asked(stats, head, preset, min_count, agreement, categories, classes, second, drawn=drawn)
    return _drawn_of(inputs, metrics)[0] if drawn else _values_of(inputs, metrics)


def estimate_metrics(
    stats: ClassStatistics,
    head: Head | None = None,
    preset: str | Sequence[str] = "core",
    min_count: int = MIN_COUNT,
    agreement: AgreementCounts | None = None,
    *,
    classes: Tensor | None = None,
) -> tuple[dict[str, float], dict[str, float]]:
    """Estimate metrics by drawn pairs: their number grows as that of the classes, and not as its square.

    Args:
        stats: as of `compute_metrics`, with all that follow.
        head: the classifier head.
        preset: or names.
        min_count: tokens of a class that counts.
        agreement: decisions of both classifiers.
        classes: (K,) ids of the classes that count.

    Returns:
        What ``compute_metrics(drawn=True)`` does; and, of each metric over pairs, the standard error that the drawing
        makes, in the metric's unit. What another text would give is not in it.

    Raises:
        NCError: as of `compute_metrics`.
    """
    return _drawn_of(*_asked(stats, head, preset, min_count, agreement, None, classes, None, drawn=True))


def compute_by_draw(
    stats: ClassStatistics,
    head: Head | None,
    names: Sequence[str],
    min_count: int,
    agreement: AgreementCounts | None,
    *,
    classes: Tensor | None,
    draws: Draws,
) -> tuple[dict[str, float], list[dict[str, float]]]:
    """Compute metrics, those over pairs of classes by the pairs of some draws, each draw by itself.

    Args:
        stats: as of `compute_metrics`, with all that follow.
        head: the classifier head.
        names: of metrics.
        min_count: tokens of a class that counts.
        agreement: decisions of both classifiers.
        classes: (K,) ids of the classes that count.
        draws: the draws.

    Returns:
        The values of the metrics that are not over pairs; and a list, an entry a draw, of those that are.
    """
    inputs, metrics = _asked(stats, head, names, min_count, agreement, None, classes, None, drawn=True)
    return _by_draw(inputs, metrics, draws)


def with_diagnostics(
    preset: str | Sequence[str],
    stats: ClassStatistics,
    head: Head | None,
    agreement: AgreementCounts | None,
    *,
    drawn: bool = False,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names that a preset gives of these inputs, and those of what qualifies their values beside them."""
    names = _allowed(preset, _given(stats, head, agreement, None, None), drawn=drawn)
    return names, tuple(name for name in diagnostics_of(names) if not (drawn and METRICS[name].needs_every_pair))


def _allowed(preset: str | Sequence[str], given: set[Need], *, drawn: bool) -> tuple[str, ...]:
    """Return what the inputs allow of a preset; all of a list, which is checked elsewhere."""
    metrics = [METRICS[name] for name in metric_names(preset)]
    if isinstance(preset, str):
        metrics = [metric for metric in metrics if given.issuperset(metric.needs)]
        metrics = [metric for metric in metrics if not (drawn and metric.needs_every_pair)]
    return tuple(metric.name for metric in metrics)


def _asked(
    stats: ClassStatistics,
    head: Head | None,
    preset: str | Sequence[str],
    min_count: int,
    agreement: AgreementCounts | None,
    categories: Mapping[int, int] | None,
    classes: Tensor | None,
    second: ClassStatistics | None,
    *,
    drawn: bool,
) -> tuple[MetricInputs, list[Metric]]:
    """Return what is to be computed, and from what, once all of it is known to be possible."""
    given = _given(stats, head, agreement, categories, second)
    metrics = [METRICS[name] for name in _allowed(preset, given, drawn=drawn)]
    min_count, classes = (1, None) if preset == "paper" else (min_count, classes)
    for metric in metrics:
        if drawn and metric.needs_every_pair:
            raise InputError(f"{metric.name} has to see every pair of classes: leave it out, or drawn=True.")
        for need in metric.needs:
            if need not in given:
                raise InputError(f"{metric.name} needs the {_CALLED.get(need, need)}: {_WAY_OUT[need]}.")
    if min_count < 1:
        raise InputError(f"min_count is {min_count}: pass 1 or more.")
    wanted = {metric.pairs for metric in metrics if metric.pairs is not None}
    return MetricInputs(stats, head, min_count, agreement, categories, wanted, classes, second), metrics


def _values_of(inputs: MetricInputs, metrics: Iterable[Metric]) -> dict[str, float]:
    return {metric.name: function_of(metric.function)(inputs) for metric in metrics}


def _drawn_of(inputs: MetricInputs, metrics: Sequence[Metric]) -> tuple[dict[str, float], dict[str, float]]:
    """Return the values, in the order of the metrics, and the errors of those that are estimated by drawn pairs."""
    others, parts = _by_draw(inputs, metrics, Draws(DRAWS))
    estimates, errors = over_draws(parts)
    values = {**others, **estimates}
    return {metric.name: values[metric.name] for metric in metrics}, errors


def _by_draw(
    inputs: MetricInputs, metrics: Sequence[Metric], draws: Draws
) -> tuple[dict[str, float], list[dict[str, float]]]:
    """Return the values that no pairs are looked at for, and of each draw those over its pairs."""
    of_pairs = [metric for metric in metrics if metric.pairs is not None]
    others = _values_of(inputs, [metric for metric in metrics if metric.pairs is None])
    return others, [_values_of(inputs.of_draw(draw, draws.num_classes), of_pairs) for draw in range(draws.number)]


@cache
def function_of(name: str) -> Callable[[MetricInputs], float]:
    """Return the function that a row of the table names, as ``module.function`` of ``nc_hf.metrics``."""
    module, _, function = name.rpartition(".")
    found: Callable[[MetricInputs], float] = getattr(import_module(f"nc_hf.metrics.{module}"), function)
    return found


def pass_metrics(
    preset: str | Sequence[str], agreement_tokens: int, exact_classes: int | None = None
) -> tuple[str, ...]:
    """Return the names that one pass over text is to give, or refuse before it what would fail after it.

    Args:
        preset: as of ``compute_metrics``.
        agreement_tokens: tokens that NC4 is to be decided on; 0 leaves it out of a preset.
        exact_classes: how many classes there may be before pairs of them are drawn; None where all are looked at.

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
        if exact_classes is not None and METRICS[name].needs_every_pair:
            raise InputError(f"{name} has to see every pair of classes: leave it out, or leave out exact_classes.")
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
