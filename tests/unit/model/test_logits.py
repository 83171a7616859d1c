"""What logits say of a token: the class decided for, ties, and the loss."""

from __future__ import annotations

import pytest
import torch

from nc_hf.errors import LabelError
from nc_hf.model.logits import argmax_with_ties, target_losses, token_losses


class TestArithmetic:
    @pytest.mark.parametrize("width", [1, 5, 127, 128, 129, 300, 384])
    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
    def test_argmax_with_ties(self, width: int, dtype: torch.dtype) -> None:
        generator = torch.Generator().manual_seed(width)
        logits = torch.randint(-9, max(width // 2, 2), (40, 3, width), generator=generator).to(dtype)
        logits[0] = -torch.inf  # every column a tie, the last block shorter than the others
        ids, tied = argmax_with_ties(logits)
        best = logits == logits.amax(-1, keepdim=True)
        assert torch.equal(ids, best.byte().argmax(-1))
        assert torch.equal(tied, best.sum(-1) > 1)

    def test_token_losses_in_pieces(self) -> None:
        logits = torch.randn(50, 2**20, generator=torch.Generator().manual_seed(0), dtype=torch.bfloat16)
        index = torch.arange(1, 50, 3)
        labels = torch.arange(len(index)) * 1000
        expected = -logits[index].float().log_softmax(-1).gather(-1, labels[:, None]).squeeze(-1)
        torch.testing.assert_close(token_losses(logits, index, labels), expected)

    @pytest.mark.parametrize("labelled", [0.0, 0.2, 0.9, 1.0])
    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
    def test_target_losses_leave_out_what_has_no_target(self, labelled: float, dtype: torch.dtype) -> None:
        generator = torch.Generator().manual_seed(1)
        logits = torch.randn(40, 2**16, generator=generator).to(dtype)
        targets = torch.randint(2**16, (40,), generator=generator)
        targets[torch.rand(40, generator=generator) >= labelled] = -7
        logits[targets < 0] = torch.inf  # what is there must not count
        kept = targets >= 0
        expected = torch.zeros(40, dtype=torch.float64)
        expected[kept] = -logits[kept].double().log_softmax(-1).gather(-1, targets[kept, None]).squeeze(-1)
        found = target_losses(logits, targets)
        assert found.dtype == torch.float32
        torch.testing.assert_close(found, expected.float())

    @pytest.mark.parametrize("others", [[1, 2], [-1, -1, -1, -1]])
    def test_a_target_beyond_the_logits(self, others: list[int]) -> None:
        with pytest.raises(LabelError, match="label 7 lies beyond the model's 7 logits"):
            target_losses(torch.zeros(1 + len(others), 7), torch.tensor([*others, 7]))

    def test_a_label_beyond_the_logits(self) -> None:
        with pytest.raises(LabelError, match="label 7 lies beyond the model's 7 logits"):
            token_losses(torch.zeros(3, 7), torch.arange(2), torch.tensor([1, 7]))
