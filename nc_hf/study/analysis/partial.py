"""What is left of a metric's tie to the loss once the settings are taken out, and not by the same text alone.

NC4 and the loss of one text share that text: tokens that happen to be hard lower the one and raise the other. So NC4 of
one half of the validation text is set against the loss of the other half, both ways round. And a metric that only
repeats how often the model is right adds nothing to accuracy; what it adds is asked by taking accuracy out as well.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nc_hf.study.analysis.clusters import Cluster, cluster_ids
from nc_hf.study.analysis.columns import errors_of
from nc_hf.study.analysis.correlation import complete, log_magnitude, require_rows, with_ends
from nc_hf.study.analysis.families import holm
from nc_hf.study.analysis.results import metric_columns
from nc_hf.study.analysis.robust import ClusterModel, Influence
from nc_hf.study.analysis.varying import Varying, examine, factor_design
from nc_hf.study.table import HALVES

Floats = NDArray[np.float64]
ACCURACY = "val_accuracy"


def partial_correlations(
    frame: pd.DataFrame,
    metrics: Sequence[str] | None = None,
    *,
    target: str = "val_loss",
    varying: Varying | None = None,
    cluster: Cluster = "architecture",
) -> pd.DataFrame:
    """Correlate each metric with validation loss after every setting that varies is taken out.

    Every setting is taken out as a factor, one mean per level, so that no shape of its effect is assumed.

    Args:
        frame: A results table.
        metrics: Names of metrics; None for all of the table's.
        target: What to correlate with.
        varying: What ``examine`` found in it; None to look.
        cluster: By what rows go together.

    Returns:
        One row per metric: ``n``, ``clusters``; ``partial`` (linear) with ``_low``, ``_high``, ``_df``, ``_p`` and
        ``_p_holm``; ``partial_log`` (on the log of the metric's magnitude) with the same behind it; and
        ``reliability``. NaN where the settings leave no freedom.

    Raises:
        StudyError: If there are fewer than three rows, or a metric is missing.
    """
    require_rows(frame)
    controls = (varying or examine(frame)).taken
    rows = {}
    for name in metric_columns(frame, metrics):
        known = complete(frame, [name, target])
        x, y = (known[side].to_numpy(np.float64) for side in (name, target))
        model = ClusterModel(factor_design(known, controls), cluster_ids(known, cluster)) if len(known) else None
        row: dict[str, float] = {"n": len(known), "clusters": len(model.members) if model else 0}
        for key, side in (("partial", x), ("partial_log", log_magnitude(x))):
            found = model.estimate([model.influence(side, y)]) if model else None
            row |= with_ends(key, found) if found else dict.fromkeys((key, f"{key}_low", f"{key}_high"), np.nan)
            row |= {f"{key}_df": found.df if found else np.nan, f"{key}_p": found.p if found else np.nan}
        rows[name] = row | {"reliability": model.reliability(x, errors_of(known, name)) if model else np.nan}
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("metric").astype({"n": int, "clusters": int})
    both = {f"{key}_p_holm": holm(table[f"{key}_p"].to_numpy(np.float64)) for key in ("partial", "partial_log")}
    return table.assign(**both)


def other_evidence(
    frame: pd.DataFrame,
    metrics: Sequence[str] | None = None,
    *,
    varying: Varying | None = None,
    cluster: Cluster = "architecture",
) -> pd.DataFrame:
    """Correlate beyond the settings without the circle: across halves of the text, and beyond accuracy.

    Args:
        frame: A results table.
        metrics: Names of metrics; None for all of the table's.
        varying: What ``examine`` found in it; None to look.
        cluster: By what rows go together.

    Returns:
        One row per metric and ``evidence`` that the table allows: ``n``, ``clusters``, ``df``, ``partial`` with its
        interval, ``p`` and ``p_holm`` over all rows. Across halves, the two ways round are averaged on Fisher's scale.
    """
    controls = (varying or examine(frame)).taken
    accuracy = ACCURACY in frame and frame[ACCURACY].nunique() > 1
    halved = all(f"val_loss{half}" in frame for half in HALVES)
    lines = []
    for name in metric_columns(frame, metrics):
        if accuracy:
            lines.append(_evidence(frame, name, "beyond accuracy", [("", "")], controls, cluster, accuracy=True))
        if halved and all(f"{name}{half}" in frame for half in HALVES):
            ways = [HALVES, HALVES[::-1]]
            lines.append(_evidence(frame, name, "other half of the text", ways, controls, cluster, accuracy=False))
            if accuracy and all(f"{ACCURACY}{half}" in frame for half in HALVES):
                said = "other half, beyond accuracy"
                lines.append(_evidence(frame, name, said, ways, controls, cluster, accuracy=True))
    columns = ["metric", "evidence", "n", "clusters", "df", "partial", "partial_low", "partial_high", "p"]
    table = pd.DataFrame(lines, columns=columns)
    return table.assign(p_holm=holm(table["p"].to_numpy(np.float64)))


def _evidence(
    frame: pd.DataFrame,
    name: str,
    evidence: str,
    ways: Sequence[tuple[str, str]],
    controls: Sequence[str],
    cluster: Cluster,
    *,
    accuracy: bool,
) -> dict[str, object]:
    """Correlate a metric of one part of the text with the loss of another, each way in turn."""
    parts = [part for way in ways for part in way]
    needed = [*(f"{name}{way[0]}" for way in ways), *(f"val_loss{way[1]}" for way in ways)]
    needed += [f"{ACCURACY}{part}" for part in dict.fromkeys(parts)] if accuracy else []
    known = complete(frame, needed)
    line: dict[str, object] = {"metric": name, "evidence": evidence, "n": len(known)}
    if len(known) < 3:
        return line
    design = factor_design(known, controls)
    found: list[Influence | None] = []
    for own, other in ways:
        taken = known[[f"{ACCURACY}{own}"]].to_numpy(np.float64) if accuracy else np.empty((len(known), 0))
        model = ClusterModel(np.hstack([design, taken]), cluster_ids(known, cluster))
        x, y = known[f"{name}{own}"].to_numpy(np.float64), known[f"val_loss{other}"].to_numpy(np.float64)
        found.append(model.influence(x, y))
    estimate = model.estimate(found)
    ends = with_ends("partial", estimate)
    return line | {"clusters": estimate.clusters, "df": estimate.df, "p": estimate.p} | ends
