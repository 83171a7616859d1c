"""A run in progress, from what its Trainer logged: values without errors, for a log holds none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from nc_hf.errors import StudyError
from nc_hf.metrics import METRICS
from nc_hf.report.figures.style import ACCENT, INK, SHADE, hide_rest, label, styled
from nc_hf.runtime.nearest import did_you_mean
from nc_hf.study.analysis.correlation import complete
from nc_hf.study.analysis.figures.scales import choose_scale, set_scale
from nc_hf.study.analysis.results import with_presets


@styled
def training_figure(log_history: Sequence[Mapping[str, Any]], metrics: Sequence[str] | None = None) -> Figure:
    """Draw a run in progress from what its Trainer logged: evaluation loss, then metrics.

    Args:
        log_history: ``trainer.state.log_history``: one dict per log, with ``step``, and after each evaluation
            ``eval_loss`` and ``eval_`` + the name of a metric.
        metrics: Names of metrics without ``eval_``, and presets; None for all that were logged.

    Returns:
        A panel for the loss and one for each metric, against the step.

    Raises:
        StudyError: If no evaluation was logged, or none with the metrics asked for.
    """
    log = pd.DataFrame([entry for entry in log_history if any(key.startswith("eval_") for key in entry)])
    if "step" not in log or "eval_loss" not in log:
        raise StudyError("the log holds no evaluation: train with eval_strategy='steps' and the callback attached.")
    logged = [name for name in METRICS if f"eval_{name}" in log]
    names = with_presets(metrics, logged) if metrics else logged
    missing = [name for name in names if f"eval_{name}" not in log]
    if missing or not names:
        near = did_you_mean(missing[0], logged) if missing else ""
        raise StudyError(f"the log holds no {', '.join(missing) or 'metric'}{near}: attach NeuralCollapseCallback.")
    log = log.groupby("step", as_index=False).last().astype({f"eval_{name}": np.float64 for name in ("loss", *names)})
    columns = ["loss", *names]
    rows = -(-len(columns) // 3)
    figure = Figure(figsize=(11.4, 0.3 + 2.6 * rows), layout="constrained")
    for axes, name in zip(figure.subplots(rows, 3, sharex=True, squeeze=False).flat, columns, strict=False):
        known = complete(log, ["step", f"eval_{name}"])
        axes.plot(known["step"], known[f"eval_{name}"], color=ACCENT if name != "loss" else INK, marker="o", ms=4)
        axes.set_ylabel("evaluation loss\n(nats per token)" if name == "loss" else label(name))
        set_scale(axes, choose_scale(name, known[f"eval_{name}"], 10.0), known[f"eval_{name}"])
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.xaxis.set_tick_params(labelbottom=True)
    hide_rest(figure, len(columns))
    for axes in figure.axes[max(0, len(columns) - 3) : len(columns)]:
        axes.set_xlabel("optimizer step")
    figure.supxlabel("from one run's log, which holds no errors: one model, one text", fontsize=9, color=SHADE)
    return figure
