"""Which statistics may be added up."""

from __future__ import annotations

import pytest
import torch

from nc_hf.errors import MergeError
from tests.class_statistics import batch, snapshot, statistics


def test_merging_other_models_or_corpora_is_refused() -> None:
    left, right = statistics(batch(8, 40)), statistics(batch(9, 40))
    left.provenance.update(model="one", corpus="stories")
    right.provenance.update(model="another", corpus="stories")
    before = snapshot(left)
    with pytest.raises(MergeError, match="another"):
        left.merge(right)
    assert all(torch.equal(value, before[name]) for name, value in snapshot(left).items())
    right.provenance["model"] = "one"
    assert left.merge(right).provenance == {"model": "one", "corpus": "stories"}
