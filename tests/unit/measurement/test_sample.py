"""The sample of tokens is a matter of the text, not of the batches."""

from __future__ import annotations

from tests.collected import quietly
from tests.training import tiny_model


class TestValues:
    def test_the_sample_is_the_same_whatever_the_batches(self) -> None:
        decided = [quietly(tiny_model(), batch_size=size, agreement_tokens=50).agreement() for size in (1, 3, 10)]
        assert decided[0] == decided[1] == decided[2]
        assert decided[0][0].tokens == 50
