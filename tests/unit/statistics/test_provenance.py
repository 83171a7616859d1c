"""Which statistics may be added up."""

from __future__ import annotations

import pytest
import torch

from nc_hf.errors import MergeError
from nc_hf.statistics.provenance import merge_provenance
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


def test_shards_are_joined_in_their_order_and_each_is_given_once() -> None:
    whole = merge_provenance({"model": "m", "shards": "10/12 2/12"}, {"model": "m", "shards": "9/12"})
    assert whole == {"model": "m", "shards": "2/12 9/12 10/12"}
    with pytest.raises(MergeError, match=r"shard 2/12 is in both"):
        merge_provenance(whole, {"model": "m", "shards": "11/12 2/12"})


@pytest.mark.parametrize("which", [0, 1])
def test_a_part_that_names_no_shard_joins_none(which: int) -> None:
    parts = [{"shards": "1/2"}, {"shards": "2/2"}]
    for nothing in ({}, {"shards": ""}):
        parts[which] = nothing
        with pytest.raises(MergeError, match="does not say which shard"):
            merge_provenance(*parts)


def test_shards_of_different_splits_do_not_add_up() -> None:
    with pytest.raises(MergeError, match="the same n"):
        merge_provenance({"shards": "1/2"}, {"shards": "2/3"})


@pytest.mark.parametrize(("first", "second"), [({}, {"corpus": "stories"}), ({"corpus": "stories"}, {})])
def test_what_one_of_them_alone_says_is_a_difference(first: dict[str, str], second: dict[str, str]) -> None:
    with pytest.raises(MergeError, match="different corpus"):
        merge_provenance(first, second)
