"""Neural collapse of causal language models: one pass over text to NC1-NC4.

Names are imported when first used, so that ``import nc_hf`` and ``nc-hf --help`` stay light.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nc_hf.runtime.lazy import lazy_names
from nc_hf.runtime.version import VERSION

if TYPE_CHECKING:
    from nc_hf.measurement.measure import measure as measure
    from nc_hf.measurement.trajectory import trajectory as trajectory
    from nc_hf.metrics.compute import compute_metrics as compute_metrics
    from nc_hf.metrics.table import METRICS as METRICS
    from nc_hf.metrics.table import PRESETS as PRESETS
    from nc_hf.model.head import ClassifierHead as ClassifierHead
    from nc_hf.report.report import Report as Report
    from nc_hf.report.trajectory import Trajectory as Trajectory
    from nc_hf.statistics.class_statistics import ClassStatistics as ClassStatistics
    from nc_hf.training.callback import NeuralCollapseCallback as NeuralCollapseCallback

__version__ = VERSION

_names, __getattr__, __dir__ = lazy_names(
    __name__,
    {
        "measurement.measure": ("measure",),
        "measurement.trajectory": ("trajectory",),
        "metrics.compute": ("compute_metrics",),
        "metrics.table": ("METRICS", "PRESETS"),
        "model.head": ("ClassifierHead",),
        "report.report": ("Report",),
        "report.trajectory": ("Trajectory",),
        "statistics.class_statistics": ("ClassStatistics",),
        "training.callback": ("NeuralCollapseCallback",),
    },
)
__all__ = ["__version__", *_names]
