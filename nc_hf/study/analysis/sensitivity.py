"""Whether an answer hangs on the model: the correlation beyond the settings under several reasonable ones.

* ``factors``: one mean per level of each setting, as in the main table.
* ``numbers``: numeric settings by their log and its square.
* ``architectures``: one mean per architecture, and the other settings as factors: only what happens within one counts.
* ``logs``: the log of loss and metric, settings as factors.
* ``ranks``: the ranks of both, settings as factors.
* ``errors``: rows weighted by the inverse of their variance: the metric's error, and what else the settings leave.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from nc_hf.study.analysis.clusters import Cluster, cluster_columns, cluster_ids
from nc_hf.study.analysis.columns import codes, errors_of
from nc_hf.study.analysis.correlation import complete, log_magnitude
from nc_hf.study.analysis.families import LEVEL, holm
from nc_hf.study.analysis.results import metric_columns
from nc_hf.study.analysis.robust import ClusterModel, Estimate
from nc_hf.study.analysis.varying import Varying, examine, factor_design, number_design

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Rows:
    """The rows that have a metric, its values x and those of the loss y, what is taken out, and the clusters."""

    frame: pd.DataFrame
    name: str
    x: Floats
    y: Floats
    controls: tuple[str, ...]
    shape: tuple[str, ...]
    groups: NDArray[np.int64]


def sensitivity(
    frame: pd.DataFrame,
    metrics: Sequence[str] | None = None,
    *,
    target: str = "val_loss",
    varying: Varying | None = None,
    cluster: Cluster = "architecture",
) -> pd.DataFrame:
    """Correlate each metric with the loss beyond the settings under every model of ``MODELS``.

    Args:
        frame: A results table.
        metrics: Names of metrics; None for all of the table's.
        target: What to correlate with.
        varying: What ``examine`` found in it; None to look.
        cluster: By what rows go together.

    Returns:
        One row per metric: under the name of each model its r (NaN where it cannot be fitted), under ``NAME_holm`` its
        p after Holm over the metrics, and ``agree``: whether all that could be tested give the same sign and lie on the
        same side of .05, or all lie above it; None where fewer than two could be tested.
    """
    names, controls = metric_columns(frame, metrics), (varying or examine(frame)).taken
    shape = tuple(cluster_columns(frame, "architecture"))
    each = {}
    for name in names:
        known = complete(frame, [name, target])
        x, y = (known[side].to_numpy(np.float64) for side in (name, target))
        each[name] = _Rows(known, name, x, y, controls, shape, cluster_ids(known, cluster))
    table = pd.DataFrame(index=pd.Index(names, name="metric"))
    for model, fit in MODELS.items():
        found = [fit(rows) if len(rows.x) >= 3 else None for rows in each.values()]
        table[model] = [one.r if one else np.nan for one in found]
        table[f"{model}_holm"] = holm(np.array([one.p if one else np.nan for one in found]))
    table["agree"] = pd.Series([_agree(row) for row in table.to_dict("records")], index=table.index, dtype=object)
    return table


def _agree(row: Mapping[Any, float]) -> bool | None:
    tested = [model for model in MODELS if np.isfinite(row[f"{model}_holm"])]
    if len(tested) < 2:
        return None
    below = {row[f"{model}_holm"] < LEVEL for model in tested}
    return len(below) == 1 and (below == {False} or len({row[model] > 0 for model in tested}) == 1)


def _factors(rows: _Rows) -> Estimate:
    return ClusterModel(factor_design(rows.frame, rows.controls), rows.groups).correlate(rows.x, rows.y)


def _numbers(rows: _Rows) -> Estimate:
    return ClusterModel(number_design(rows.frame, rows.controls), rows.groups).correlate(rows.x, rows.y)


def _architectures(rows: _Rows) -> Estimate | None:
    others = [name for name in rows.controls if name not in rows.shape]
    if len(others) == len(rows.controls):
        return None  # one architecture: the factors say the same
    shapes = codes(rows.frame, rows.shape)
    own = (shapes[:, None] == np.unique(shapes)).astype(np.float64)
    return ClusterModel(np.hstack([own, factor_design(rows.frame, others)]), rows.groups).correlate(rows.x, rows.y)


def _logs(rows: _Rows) -> Estimate:
    model = ClusterModel(factor_design(rows.frame, rows.controls), rows.groups)
    return model.correlate(log_magnitude(rows.x), log_magnitude(rows.y))


def _ranks(rows: _Rows) -> Estimate:
    model = ClusterModel(factor_design(rows.frame, rows.controls), rows.groups)
    return model.correlate(stats.rankdata(rows.x), stats.rankdata(rows.y))


def _errors(rows: _Rows) -> Estimate | None:
    """Weigh each row by the inverse of its variance: of its own error, and of what rows without errors would have."""
    errors = errors_of(rows.frame, rows.name)
    design = factor_design(rows.frame, rows.controls)
    plain = ClusterModel(design, rows.groups)
    if errors is None or plain.freedom < 1 or not errors.any():
        return None
    left = float((plain.residual(rows.x) ** 2).sum()) / (plain.freedom + 1)
    if left == 0:
        return None
    own = max(left - float(np.mean(errors**2)), 0.05 * left)  # never so little that one row would be all
    return ClusterModel(design, rows.groups, 1 / (own + errors**2)).correlate(rows.x, rows.y)


MODELS: dict[str, Callable[[_Rows], Estimate | None]] = {
    "factors": _factors,
    "numbers": _numbers,
    "architectures": _architectures,
    "logs": _logs,
    "ranks": _ranks,
    "errors": _errors,
}
"""By name, in the order in which they are shown."""
