"""Statistics of all layers that cannot fit are refused before the pass, and no others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nc_hf.errors import InputError
from nc_hf.errors.remedies import Remedy
from nc_hf.measurement import one_pass, statistics_room
from tests.collected import quietly
from tests.training import tiny_model, token_blocks

GROUPS = 5


@pytest.mark.parametrize("inner_groups", [False, True])
def test_what_is_refused_is_what_the_sums_of_a_pass_take(monkeypatch: pytest.MonkeyPatch, inner_groups: bool) -> None:
    model, blocks = tiny_model(), token_blocks(23)
    ids = blocks.input_ids.where(blocks.input_ids != 7, 8)
    ids[:, 0] = 7  # a class that nothing predicts
    blocks = replace(blocks, input_ids=ids)
    settings = {"layers": "all", "groups": GROUPS, "inner_groups": inner_groups}
    collection = quietly(model, blocks, **settings)
    rows = [group.num_classes * group.dim for layer in collection.layers.values() for group in layer.groups]
    assert len(rows) == (3 * GROUPS if inner_groups else 2 + GROUPS)
    needed = 8 * sum(rows)

    monkeypatch.setattr(statistics_room, "free_memory", lambda: needed - 1)
    with pytest.raises(InputError, match=r"the statistics of all layers need .* is free") as caught:
        quietly(model, blocks, **settings)
    assert caught.value.remedy is Remedy.STATISTICS_MEMORY
    quietly(model, blocks, groups=GROUPS)  # the final layer is nobody's concern here

    monkeypatch.setattr(statistics_room, "free_memory", lambda: needed)
    quietly(model, blocks, **settings)
    monkeypatch.setattr(statistics_room, "free_memory", lambda: None)
    quietly(model, blocks, **settings)


def test_it_is_refused_before_anything_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics_room, "free_memory", lambda: 100)
    monkeypatch.setattr(one_pass, "Collection", None)
    with pytest.raises(InputError, match="is free"):
        quietly(tiny_model(), token_blocks(3), layers="all")
