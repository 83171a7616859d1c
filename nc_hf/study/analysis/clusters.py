"""Rows that are no independent evidence: states of one run, seeds of one setting, cells of one architecture."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nc_hf.errors import StudyError
from nc_hf.study.analysis.columns import ARCHITECTURE, REPEATS, codes, settings_of

Cluster = Literal["architecture", "run", "setting"]
CLUSTERS: tuple[Cluster, ...] = get_args(Cluster)
"""By what rows go together: the shape of the model, the run (all settings and seeds), or the settings alone."""


def cluster_columns(frame: pd.DataFrame, cluster: Cluster) -> list[str]:
    """List the columns whose combinations are the clusters.

    Raises:
        StudyError: If there is no such kind of cluster.
    """
    if cluster not in CLUSTERS:
        raise StudyError(f"{cluster!r} is no kind of cluster: choose from {', '.join(CLUSTERS)}.")
    if cluster == "architecture":
        return [name for name in ARCHITECTURE if name in frame]
    settings = settings_of(frame)
    return settings if cluster == "run" else [name for name in settings if name not in REPEATS]


def cluster_ids(frame: pd.DataFrame, cluster: Cluster) -> NDArray[np.int64]:
    """Number the cluster of every row."""
    return codes(frame, cluster_columns(frame, cluster))
