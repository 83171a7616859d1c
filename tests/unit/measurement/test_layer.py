"""A layer: its groups are parts of the whole."""

from __future__ import annotations

import torch

from tests.collected import quietly
from tests.training import tiny_model, token_blocks


class TestValues:
    def test_groups_are_parts_of_the_whole(self) -> None:
        model = tiny_model()
        collection = quietly(model, groups=3)
        assert sum(group.num_tokens for group in collection.final.groups) == collection.statistics.num_tokens
        rows = token_blocks(10, 3).input_ids[4:7]  # neighbours, since they may be of one document
        part = quietly(model, type(token_blocks(1, 0))(rows, rows, "", "documents", "", "", "", None))
        torch.testing.assert_close(collection.final.groups[1].means, part.statistics.means)
        assert sum(counts.tokens for counts in collection.agreement()) == collection.tokens
