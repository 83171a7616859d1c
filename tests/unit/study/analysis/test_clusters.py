"""What rows must share to count as one."""

from __future__ import annotations

import pandas as pd
import pytest

from nc_hf.errors import StudyError
from nc_hf.study.analysis.clusters import Cluster, cluster_ids
from tests.results import table


@pytest.mark.parametrize(("cluster", "expected"), [("architecture", 2), ("setting", 4), ("run", 12)])
def test_rows_are_clustered_by_what_they_share(cluster: Cluster, expected: int) -> None:
    runs = pd.concat([table(3).assign(width=width, learning_rate=rate) for width in (64, 128) for rate in (1, 2)])
    states = pd.concat([runs, runs.assign(saved_epoch=1, trained_epochs=2)])
    assert len(set(cluster_ids(states, cluster))) == expected


def test_a_family_is_part_of_an_architecture() -> None:
    frame = table(4, family=["gpt_neo", "gpt_neo", "mamba", "mamba"])
    assert cluster_ids(frame, "architecture").tolist() == [0, 0, 1, 1]


def test_another_kind_is_refused() -> None:
    with pytest.raises(StudyError, match="choose from architecture, run, setting"):
        cluster_ids(table(3), "folder")  # type: ignore[arg-type]
