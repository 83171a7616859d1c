"""The values of one layer with their standard errors: what another text would do, and what drawing pairs does."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from nc_hf.measurement.collection import Collection
from nc_hf.measurement.sample import DecidedSample
from nc_hf.metrics import drawing as drawing_of_pairs
from nc_hf.metrics.changes import Measured, without_groups
from nc_hf.metrics.classes import used_classes
from nc_hf.metrics.compute import compute_by_draw, compute_metrics, estimate_metrics, with_diagnostics
from nc_hf.metrics.decisions import AgreementCounts, Decisions
from nc_hf.metrics.drawing import Draws
from nc_hf.metrics.jackknife import FEWEST_GROUPS, jackknife_error
from nc_hf.metrics.table import METRICS
from nc_hf.model.forward_pass import FINAL
from nc_hf.report.record import MetricValue
from nc_hf.statistics.class_statistics import ClassStatistics


class LayerValues(NamedTuple):
    """The values of a layer, and where their errors come from.

    Attributes:
        values: by name of the metric.
        replicates: the values without each group in turn, by centres made anew.
        drawing: of what drawn pairs estimate the standard error that the drawing makes; empty where all were looked at.
        diagnostics: what qualifies the values.
        decisions: those of the sample that NC4 is counted on.
    """

    values: dict[str, MetricValue]
    replicates: dict[str, list[float]]
    drawing: dict[str, float]
    diagnostics: dict[str, float]
    decisions: Decisions


def layer_values(
    collection: Collection,
    name: str,
    preset: str | Sequence[str],
    decided: DecidedSample,
    exact_classes: int | None = None,
) -> LayerValues:
    """Compute the metrics of one layer, with standard errors where enough groups of rows were kept apart.

    Args:
        collection: reduced; every process calls this.
        name: of the layer; the head is there for the final one alone.
        preset: of `nc_hf.metrics.compute_metrics`.
        decided: the sample, decided among the classes that count.
        exact_classes: of more classes than these pairs are drawn; None: never.
    """
    layer, head = collection.layers[name], collection.head if name == FINAL else None
    stats, decisions = layer.statistics, collection.decisions(decided, name)
    total, ids = decisions.counts(), decided.classes
    agreement = total if total.tokens else None
    most = None if exact_classes is None else max(exact_classes, drawing_of_pairs.PAYS_FROM)
    num_classes = int(used_classes(stats, ids).sum())
    drawn = most is not None and num_classes > most
    names, qualifying = with_diagnostics(preset, stats, head, agreement, drawn=drawn)
    every = [*names, *qualifying]  # at once, since they look at the same pairs
    if drawn:
        computed, drawing = estimate_metrics(stats, head, every, 1, agreement, classes=ids)
    else:
        computed, drawing = compute_metrics(stats, head, every, 1, agreement, classes=ids), {}
    values = {key: computed[key] for key in names}

    def measure(part: ClassStatistics, names: Sequence[str], group: int | None, draws: Draws | None) -> Measured:
        decides = group is not None and any("agreement" in METRICS[key].needs for key in names)
        rest = collection.decisions(decided, name, centres=part, without=(group or 0,)).counts() if decides else None
        if rest is None or not rest.tokens:
            rest, names = None, [key for key in names if "agreement" not in METRICS[key].needs]
        if draws is not None:
            return compute_by_draw(part, head, names, 1, rest, classes=ids, draws=draws)
        return compute_metrics(part, head, names, 1, rest, classes=ids), ()

    found, best = (
        without_groups(values, stats, layer.groups, measure, ids, drawn=drawn)
        if len(layer.groups) >= FEWEST_GROUPS
        else ({}, values)
    )
    whole = {
        key: valued(key, value, best[key], found.get(key), total, drawing.get(key, 0.0))
        for key, value in values.items()
    }
    drawing = {key: error for key, error in drawing.items() if key in values}
    return LayerValues(whole, found, drawing, {key: computed[key] for key in qualifying}, decisions)


def valued(
    name: str,
    value: float,
    best: float,
    found: Sequence[float] | None,
    decided: AgreementCounts,
    drawing: float = 0.0,
) -> MetricValue:
    """Return a value with its error; ``best`` is the value without the bias of few tokens.

    What drawing pairs does is independent of what another text would do. A share of 0 or 1 has no error to be seen, and
    a bound by the rule of three.
    """
    of = METRICS[name].share_of
    if of is not None and value in (0.0, 1.0):
        return MetricValue(value, bound=3 / getattr(decided, of))
    if found is None:
        return MetricValue(value)
    return MetricValue(best, math.hypot(jackknife_error(found), drawing))
