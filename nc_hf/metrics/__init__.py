"""Neural-collapse metrics of a causal language model, as pure functions of its statistics.

``compute_metrics`` is the way in; ``METRICS`` says what each name means; ``PRESETS`` groups the names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nc_hf.runtime.lazy import lazy_names

if TYPE_CHECKING:
    from nc_hf.metrics.compute import compute_metrics as compute_metrics
    from nc_hf.metrics.compute import pass_metrics as pass_metrics
    from nc_hf.metrics.decisions import AgreementCounts as AgreementCounts
    from nc_hf.metrics.decisions import count_agreement as count_agreement
    from nc_hf.metrics.naming import metric_names as metric_names
    from nc_hf.metrics.table import METRICS as METRICS
    from nc_hf.metrics.table import PRESETS as PRESETS
    from nc_hf.metrics.table import Metric as Metric

__all__, __getattr__, __dir__ = lazy_names(
    __name__,
    {
        "compute": ("compute_metrics", "pass_metrics"),
        "decisions": ("AgreementCounts", "count_agreement"),
        "naming": ("metric_names",),
        "table": ("METRICS", "PRESETS", "Metric"),
    },
)
