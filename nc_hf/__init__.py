"""Neural collapse of causal language models: one pass over text to NC1-NC4.

Names are imported when first used, so that ``import nc_hf`` and ``nc-hf --help`` stay light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nc_hf.callback import NeuralCollapseCallback as NeuralCollapseCallback
    from nc_hf.head import ClassifierHead as ClassifierHead
    from nc_hf.measuring import measure as measure
    from nc_hf.metrics import METRICS as METRICS
    from nc_hf.metrics import PRESETS as PRESETS
    from nc_hf.metrics import compute_metrics as compute_metrics
    from nc_hf.report import Report as Report
    from nc_hf.report.trajectory import Trajectory as Trajectory
    from nc_hf.statistics import ClassStatistics as ClassStatistics
    from nc_hf.trajectories import trajectory as trajectory

__version__ = "0.1.0"

_HOME = {
    "ClassStatistics": "nc_hf.statistics",
    "ClassifierHead": "nc_hf.head",
    "METRICS": "nc_hf.metrics",
    "NeuralCollapseCallback": "nc_hf.callback",
    "PRESETS": "nc_hf.metrics",
    "Report": "nc_hf.report",
    "Trajectory": "nc_hf.report.trajectory",
    "compute_metrics": "nc_hf.metrics",
    "measure": "nc_hf.measuring",
    "trajectory": "nc_hf.trajectories",
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    """Import the module that holds a public name when the name is first asked for."""
    if name not in _HOME:
        raise AttributeError(f"module 'nc_hf' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
