"""What logits say of a token: the class decided for, ties, and the loss."""

from __future__ import annotations

import pytest
import torch

from nc_hf.errors import LabelError
from nc_hf.model.logits import argmax_with_ties, token_losses


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

    def test_a_label_beyond_the_logits(self) -> None:
        with pytest.raises(LabelError, match="label 7 lies beyond the model's 7 logits"):
            token_losses(torch.zeros(3, 7), torch.arange(2), torch.tensor([1, 7]))
