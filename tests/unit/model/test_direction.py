"""Whether a model reads ahead: found by its features, in every architecture and precision."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from nc_hf.errors import ModelError
from nc_hf.model.direction import PROBED, refuse_reading_ahead
from tests.architectures import ARCHITECTURES, READS_AHEAD, TRANSFORM_IN_HEAD

WORDS = list(range(20, 36))
CAUSAL = {name: build for name, build in (ARCHITECTURES | TRANSFORM_IN_HEAD).items() if name not in READS_AHEAD}


def looking_ahead(model: PreTrainedModel, share: float, block: int = PROBED) -> PreTrainedModel:
    """Let each feature have a share of those after it in its block."""

    def mix(module: object, args: object, output: dict[str, Tensor]) -> None:
        hidden = output["last_hidden_state"]
        for begin in range(0, hidden.shape[1], block):
            part = hidden[:, begin : begin + block]
            part[:, :-1] += share * part[:, 1:].flip(1).cumsum(1).flip(1)

    model.get_decoder().register_forward_hook(mix)
    return model


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", CAUSAL)
def test_what_reads_from_left_to_right_passes(name: str, dtype: torch.dtype) -> None:
    refuse_reading_ahead(CAUSAL[name]().to(dtype), WORDS)


@pytest.mark.parametrize("name", READS_AHEAD)
def test_what_reads_in_both_directions_is_refused_with_the_way_out(name: str) -> None:
    with pytest.raises(ModelError, match=r" reads ahead: .* its own label: use a model .*token_type_ids"):
        refuse_reading_ahead(ARCHITECTURES[name](), WORDS)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_in_half_precision_too(dtype: torch.dtype) -> None:
    with pytest.raises(ModelError, match="PaliGemma"):
        refuse_reading_ahead(ARCHITECTURES["PaliGemma"]().to(dtype), WORDS)


@pytest.mark.parametrize("words", [[7] * 16, [7, 8], [0, 0]], ids=["one word", "two tokens", "one word, two tokens"])
def test_any_text_will_do(words: list[int]) -> None:
    with pytest.raises(ModelError, match="XLNet"):
        refuse_reading_ahead(ARCHITECTURES["XLNet"](), words)
    refuse_reading_ahead(ARCHITECTURES["Llama"](), words)


def test_of_one_token_nothing_can_be_told() -> None:
    refuse_reading_ahead(ARCHITECTURES["XLNet"](), [7])


@pytest.mark.parametrize("block", [2, 4, 8])
def test_tokens_that_see_each_other_in_blocks(model: PreTrainedModel, block: int) -> None:
    with pytest.raises(ModelError, match="reads ahead"):
        refuse_reading_ahead(looking_ahead(model, 0.1, block), WORDS)


def test_what_rounding_does_is_not_reading(model: PreTrainedModel) -> None:
    refuse_reading_ahead(looking_ahead(model, 1e-5), WORDS)
    looking_ahead(model, 2e-3)
    with pytest.raises(ModelError):
        refuse_reading_ahead(model, WORDS)
    with torch.autocast("cpu", torch.bfloat16):  # which may err by as much
        refuse_reading_ahead(model, WORDS)


def test_nan_is_no_matter_of_direction(model: PreTrainedModel) -> None:
    refuse_reading_ahead(looking_ahead(model, float("nan")), WORDS)
